"""Sign a user token, the way the host product's server does."""

from __future__ import annotations

from pathlib import Path

import click

from connector.cli.grammar import Command
from connector.errors import FieldInvalid

_MOST_HOURS = 24 * 365


@click.command(
    cls=Command,
    examples=[
        "heapline token --project PROJECT_ID --user alice --key private.pem",
        "heapline token --project PROJECT_ID --user alice --key private.pem --hours 8",
    ],
)
@click.option("--project", required=True, metavar="PROJECT_ID", help="Id of the project.")
@click.option("--user", required=True, help="Your product's id of the user.")
@click.option(
    "--key",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Private key of an active signing key: see `heapline signing-keys new`.",
)
@click.option(
    "--hours",
    default=1.0,
    show_default=True,
    type=click.FloatRange(0, _MOST_HOURS, min_open=True),
    help="How long it is good for.",
)
def token(project: str, user: str, key: Path, hours: float) -> None:
    """Sign a user token, for trying things out.

    It needs neither server nor database: your own server signs its users' tokens in the same way.
    """
    from jwt.exceptions import InvalidKeyError

    from connector.tokens import sign

    pem = key.read_text(encoding="utf-8", errors="replace")
    try:
        signed = sign(pem, project, user, max(1, round(hours * 3600)))
    except (InvalidKeyError, ValueError, TypeError) as error:
        raise FieldInvalid(
            f"{key} holds no RSA private key in PEM form without a pass phrase."
        ) from error
    click.echo(signed)
