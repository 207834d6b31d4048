"""The rounds of a loop: one after another, or some at once.

An item that waits keeps its place. So with one at a time an item is not begun before the one
before it has ended, and with four at a time no more than four are under way.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from workflow.outside import StepFailed
from workflow.signals import Suspended, earliest


@dataclass(frozen=True, slots=True)
class Collected:
    """What one item gave."""

    value: Any


Outcome = Collected | StepFailed | Suspended | None


class Rounds:
    """Does something for every item; ``collects`` if failed items are kept beside the others."""

    def __init__(self, do: Callable[[int], Any], count: int, *, collects: bool) -> None:
        self._do = do
        self._collects = collects
        self._next = iter(range(count))
        self._over = False
        self._lock = threading.Lock()
        self._outcomes: list[Outcome] = [None] * count

    def run(self, at_once: int) -> tuple[list[Any], dict[int, StepFailed]]:
        """Return what the items gave, and the failures by the item's place.

        Raises
        ------
        StepFailed
            If an item failed and failures are not collected.
        Suspended
            If items wait.
        Exception
            Whatever else ends a round; no more items are begun then.

        """
        at_once = min(at_once, len(self._outcomes))
        if at_once < 2:
            self._work()
        else:
            with ThreadPoolExecutor(at_once, "item") as pool:
                for done in [pool.submit(self._work) for _ in range(at_once)]:
                    done.result()
        failed = {
            place: one for place, one in enumerate(self._outcomes) if isinstance(one, StepFailed)
        }
        if failed and not self._collects:
            raise next(iter(failed.values()))
        suspended = [one for one in self._outcomes if isinstance(one, Suspended)]
        if suspended:
            raise earliest(suspended)
        return [one.value for one in self._outcomes if isinstance(one, Collected)], failed

    def _work(self) -> None:
        """Do items until there are none, or until one waits."""
        while (place := self._take()) is not None:
            self._outcomes[place] = outcome = self._outcome(place)
            if isinstance(outcome, Suspended):
                return

    def _take(self) -> int | None:
        with self._lock:
            return None if self._over else next(self._next, None)

    def _outcome(self, place: int) -> Outcome:
        try:
            return Collected(self._do(place))
        except StepFailed as failed:
            self._over = self._over or not self._collects
            return failed
        except Suspended as suspended:
            return suspended
        except BaseException:
            self._over = True
            raise
