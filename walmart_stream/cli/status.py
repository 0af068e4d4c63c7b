"""``walmart-stream status``: health and workers."""

from __future__ import annotations

import click

from walmart_stream.cli.params import examples, json_option
from walmart_stream.cli.running import KAFKA, MONGODB, command_settings, run_async
from walmart_stream.commands.terminal import echo, echo_json


@click.command(epilog=examples("status", "--local status --json"))
@json_option
def status(as_json: bool) -> None:
    """Show health, what you must do, and the workers.

    It asks the worker at WEB_HOST and WEB_PORT. Exit code 1: you must do something, or no worker
    answers.
    """
    from walmart_stream.commands import status as command

    try:
        found = run_async(command.status(command_settings(KAFKA, MONGODB)))
    except command.NoWorker as exc:
        raise click.ClickException(str(exc)) from None
    if as_json:
        echo_json(found)
    else:
        for line in command.lines(found):
            echo(line)
    if found["overview"]["health"]["state"] == "bad":
        click.get_current_context().exit(1)
