"""The root of the command line: every command is a file beside this one, registered here.

A file here has a command's names and options; the module of the same name in ``commands/`` does
the work, and is imported only when the command runs, so that every start is fast.
"""

from __future__ import annotations

import os

import click

from walmart_stream import __version__
from walmart_stream.cli.acl import acl
from walmart_stream.cli.alerts import alerts
from walmart_stream.cli.changes import changes
from walmart_stream.cli.dead_letters import dead_letters
from walmart_stream.cli.doctor import doctor
from walmart_stream.cli.export import export
from walmart_stream.cli.history import history
from walmart_stream.cli.items import items
from walmart_stream.cli.local import local
from walmart_stream.cli.params import examples
from walmart_stream.cli.partitions import partitions
from walmart_stream.cli.quota import quota
from walmart_stream.cli.replay import replay
from walmart_stream.cli.report import report
from walmart_stream.cli.reseal import reseal
from walmart_stream.cli.sandbox import sandbox
from walmart_stream.cli.seller import seller
from walmart_stream.cli.state import state
from walmart_stream.cli.status import status
from walmart_stream.cli.topics import topics
from walmart_stream.cli.unlock import unlock
from walmart_stream.cli.verify import verify
from walmart_stream.cli.watch import watch
from walmart_stream.cli.worker import worker

COMMANDS: tuple[click.Command, ...] = (
    acl,
    alerts,
    changes,
    dead_letters,
    doctor,
    export,
    history,
    items,
    local,
    partitions,
    quota,
    replay,
    report,
    reseal,
    sandbox,
    seller,
    state,
    status,
    topics,
    unlock,
    verify,
    watch,
    worker,
)


@click.group(
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=examples("local", "--local changes --follow", "COMMAND --help"),
)
@click.version_option(__version__, prog_name="walmart-stream")
@click.option("--local", "on_local", is_flag=True, help="Work on the stack that `local` runs here.")
@click.pass_context
def cli(context: click.Context, on_local: bool) -> None:
    """Price and shipping monitor for Walmart marketplace sellers, on Kafka and Faust."""
    # Files that any command makes are this user's alone.
    os.umask(0o077)
    context.obj = on_local


for command in COMMANDS:
    cli.add_command(command)


def main() -> None:
    """Entry point of ``walmart-stream`` and ``python -m walmart_stream``."""
    cli()
