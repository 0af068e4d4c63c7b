"""``walmart-stream verify``: MongoDB compared with the raw topic."""

from __future__ import annotations

import sys
from datetime import UTC, datetime

import click

from walmart_stream.cli.params import examples
from walmart_stream.cli.progress import progress
from walmart_stream.cli.running import command_settings, run_async
from walmart_stream.commands.terminal import echo


@click.command(epilog=examples("verify", "verify --patience 60 --json"))
@click.option(
    "--patience",
    type=click.FloatRange(0),
    default=30,
    show_default=True,
    help="Seconds to wait for results of new observations.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def verify(patience: float, as_json: bool) -> None:
    """Recompute everything from the raw topic and compare it with MongoDB.

    Exit code 0: clean. 1: differences, which are listed. 3: no difference, but some documents
    cannot be judged, since the raw topic no longer holds the records behind them.
    """
    import orjson

    from walmart_stream.audit import verify as command

    settings = command_settings()
    with progress("verifying") as show:
        report = run_async(command.verify(settings, patience=patience, progress=show))
    fault = run_async(command.note(settings, report, datetime.now(UTC)))
    if fault is not None:
        echo(
            f"the overview will not show this verdict: MongoDB did not take it ({fault})", err=True
        )
    if as_json:
        echo(orjson.dumps(report.fields(), option=orjson.OPT_INDENT_2).decode())
    else:
        for line in command.report_lines(report):
            echo(line)
    sys.exit(report.verdict.value)
