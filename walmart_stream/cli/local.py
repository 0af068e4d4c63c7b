"""``walmart-stream local``: the whole pipeline on this machine."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from walmart_stream.cli.params import examples
from walmart_stream.cli.running import Unusable, run_async
from walmart_stream.commands.terminal import note
from walmart_stream.settings import SettingsError


@click.command(
    epilog=examples(
        "local",
        "local --for 60 --workers 3 --items 1000 --json figures.json",
        "local --broker kafka --keep",
    )
)
@click.option("--workers", type=click.IntRange(1, 32), default=2, show_default=True)
@click.option("--items", type=click.IntRange(1, 100_000), default=200, show_default=True)
@click.option(
    "--for", "seconds", type=click.FloatRange(1), help="Stop after this number of seconds."
)
@click.option(
    "--seed", type=int, default=1, show_default=True, help="Seed of the sandbox's market."
)
@click.option(
    "--speed",
    type=click.FloatRange(0, min_open=True),
    help="Speed of the sandbox's market. [default: 1000 with --for, else 30]",
)
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    help="Port of the first worker. [default: WEB_PORT or 6066]",
)
@click.option(
    "--broker",
    type=click.Choice(["embedded", "kafka"]),
    default="embedded",
    show_default=True,
    help="embedded keeps everything in memory; kafka is Apache Kafka (needs Java 17 and Maven).",
)
@click.option(
    "--broker-mb",
    type=click.IntRange(1, 1_000_000),
    default=2048,
    show_default=True,
    help="Megabytes of the embedded broker at which the run ends.",
)
@click.option("--keep", is_flag=True, help="Keep the data in DATA_DIR/kept for the next --keep.")
@click.option(
    "--mix-sandbox",
    is_flag=True,
    help="Allow the sandbox's items in the Kafka and MongoDB that the settings name.",
)
@click.option("--json", "report", type=click.Path(dir_okay=False, path_type=Path))
def local(**options: Any) -> None:
    """Run the whole pipeline on this machine: broker, MongoDB, sandbox Walmart, workers."""
    from walmart_stream.local.options import CannotStart, Options
    from walmart_stream.local.processes import StartError
    from walmart_stream.local.run import run

    try:
        note.is_off = True
        code = run_async(run(Options(**options)))
    except SettingsError as exc:
        raise Unusable(str(exc)) from None
    except (CannotStart, StartError) as exc:
        raise click.ClickException(str(exc)) from None
    sys.exit(code)
