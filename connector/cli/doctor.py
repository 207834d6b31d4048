"""Say what is wrong with the installation and how to mend it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from connector.cli.grammar import Command, json_option
from connector.cli.output import show_json

if TYPE_CHECKING:
    from connector.cli.checks import Finding

_LOOKS = {"good": ("✓", "green"), "note": ("!", "yellow"), "bad": ("✗", "red")}


@click.command(cls=Command, examples=["heapline doctor", "heapline doctor --json"])
@json_option
def doctor(as_json: bool) -> None:
    """Say what is wrong and how to mend it.

    It looks at settings, files, database and keys, and changes nothing.
    ✓ is good, ! is worth knowing, ✗ must be mended. Ends with status 1 when there is a ✗.
    """
    from connector.cli.checks import Mark

    findings = _examine()
    if as_json:
        show_json(
            [
                {"mark": one.mark, "subject": one.subject, "words": one.words, "remedy": one.remedy}
                for one in findings
            ]
        )
    else:
        for finding in findings:
            _show(finding)
    if any(finding.mark is Mark.BAD for finding in findings):
        raise click.exceptions.Exit(1)


def _examine() -> list[Finding]:
    from connector.cli import checks, database_checks
    from connector.logs import configure

    configure("ERROR")
    settings, findings = checks.settings(os.environ)
    findings = [*checks.versions(), *findings]
    if settings is None:
        return findings
    for check in (
        checks.data_folder,
        checks.key_file,
        database_checks.examine,
        checks.public_url,
        checks.manifests,
        checks.front_end,
        checks.mail_server,
        checks.development_origin,
    ):
        findings.extend(check(settings))
    return findings


def _show(finding: Finding) -> None:
    sign, colour = _LOOKS[finding.mark]
    click.echo(f"{click.style(sign, fg=colour, bold=True)} {finding.subject}: {finding.words}")
    if finding.remedy:
        click.echo(f"    → {finding.remedy}")
