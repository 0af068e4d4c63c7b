"""The root of the command line: every command is a file beside this one, named here.

A file here has a command's names and options; the module of the same name in ``commands/`` does
the work. Both are imported only when the command runs, so that every start is fast.
"""

from __future__ import annotations

import os
from importlib import import_module

import click

from walmart_stream import __version__
from walmart_stream.cli.params import Suggesting, examples

# Each is a function of that name in the module of that name; users write - for _.
COMMANDS = (
    "acl",
    "alerts",
    "changes",
    "dead_letters",
    "doctor",
    "export",
    "history",
    "items",
    "local",
    "partitions",
    "quota",
    "replay",
    "report",
    "reseal",
    "sandbox",
    "seller",
    "state",
    "status",
    "topics",
    "unlock",
    "verify",
    "watch",
    "worker",
)


class Commands(Suggesting):
    """The commands, each imported when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [name.replace("_", "-") for name in COMMANDS]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        name = cmd_name.replace("-", "_")
        if cmd_name not in self.list_commands(ctx):
            return None
        found: click.Command = getattr(import_module(f"walmart_stream.cli.{name}"), name)
        return found


@click.group(
    cls=Commands,
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


def main() -> None:
    """Entry point of ``walmart-stream`` and ``python -m walmart_stream``."""
    cli()
