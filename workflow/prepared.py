"""Statements on the path of every request: compiled once, run by the driver itself.

What SQLAlchemy does anew for each execution costs more than the queries do. Its dialects still
write the text, and its types still read the values.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Select
from sqlalchemy.sql.dml import UpdateBase

from workflow.database import Transaction

Reader = Callable[[Any], Any]


@dataclass(slots=True)
class Plan:
    """A statement as the driver takes it."""

    text: str
    #: The order of values where the driver takes them by position.
    order: list[str] | None
    names: list[str]
    #: Values that stand in the statement itself.
    constants: dict[str, Any]
    #: What turns a value of the driver into ours, column by column; known after the first time.
    readers: list[Reader | None] = field(default_factory=list)


class Prepared:
    """A statement whose parameters need no conversion: text and numbers."""

    def __init__(self, statement: Select[Any] | UpdateBase) -> None:
        self._statement = statement
        self._columns = list(statement.exported_columns)
        self._plans: dict[str, Plan] = {}

    def run(self, tx: Transaction, values: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Execute it within a transaction and return its rows."""
        plan = self.plan(tx)
        if plan.constants:
            values = plan.constants | dict(values)
        cursor = tx.connection.cursor()
        try:
            cursor.execute(
                plan.text, values if plan.order is None else [values[name] for name in plan.order]
            )
            if not plan.names:
                return []
            if not plan.readers:
                plan.readers = self._readers(tx, cursor.description)
            rows = cursor.fetchall()
        finally:
            cursor.close()
        return [_read(plan, row) for row in rows]

    def plan(self, tx: Transaction) -> Plan:
        """Return its text for a transaction's database, and how its values are passed."""
        return self._plans.get(tx.dialect.name) or self._compiled(tx)

    def _compiled(self, tx: Transaction) -> Plan:
        compiled = self._statement.compile(dialect=tx.dialect)
        names = [str(column.key) for column in self._columns]
        constants = {name: bind.value for name, bind in compiled.binds.items() if not bind.required}
        plan = Plan(str(compiled), compiled.positiontup, names, constants)
        self._plans[tx.dialect.name] = plan
        return plan

    def _readers(self, tx: Transaction, description: Any) -> list[Reader | None]:
        return [
            column.type.dialect_impl(tx.dialect).result_processor(tx.dialect, told[1])
            for column, told in zip(self._columns, description, strict=True)
        ]


def _read(plan: Plan, row: tuple[Any, ...]) -> dict[str, Any]:
    return {
        name: value if reader is None else reader(value)
        for name, reader, value in zip(plan.names, plan.readers, row, strict=True)
    }
