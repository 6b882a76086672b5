"""`carrel doctor`: what is wrong here, and what to do about it."""

from pathlib import Path

import typer

from carrel_site.cli.checks import Level
from carrel_site.cli.checks.machine import machine_findings
from carrel_site.cli.checks.services import service_findings

_COLOURS = {Level.OK: "green", Level.WARN: "yellow", Level.FAIL: "red"}


def run_doctor(data_dir: Path) -> int:
    """Print every finding; 1 if one is a failure, else 0."""
    findings = [*machine_findings(data_dir.absolute()), *service_findings(data_dir.absolute())]
    width = max(len(finding.subject) for finding in findings)
    for finding in findings:
        typer.echo(
            f"{typer.style(f'{finding.level.value:4}', fg=_COLOURS[finding.level])}  "
            f"{finding.subject:{width}}  {finding.detail}"
        )
        if finding.advice:
            typer.echo(f"{'':6}{'':{width}}  → {finding.advice}")
    return int(any(finding.level is Level.FAIL for finding in findings))
