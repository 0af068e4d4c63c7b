"""``walmart-stream dead-letters``: records that could not be processed."""

from __future__ import annotations

import json
from typing import Any

import click

from walmart_stream.cli.params import Suggesting, examples
from walmart_stream.cli.progress import progress
from walmart_stream.cli.running import command_settings, run_async
from walmart_stream.commands.terminal import echo


@click.group(
    "dead-letters",
    cls=Suggesting,
    epilog=examples("dead-letters list --class WrongShape", "dead-letters replay --all"),
)
def dead_letters() -> None:
    """Records that could not be processed, and why."""


def _letter_filter(command: Any) -> Any:
    for option in (
        click.option("--class", "fault", help="Class of the fault, such as WrongShape."),
        click.option("--stage", help="Stage of the pipeline: process, sink, watchlist, seller …"),
        click.option("--topic", help="Topic that they came from."),
    ):
        command = option(command)
    return command


@dead_letters.command(
    "list",
    epilog=examples("dead-letters list", "dead-letters list --stage process --limit 10 --json"),
)
@_letter_filter
@click.option("--limit", type=click.IntRange(min=1), default=100, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with key and value.")
def dead_letters_list(
    topic: str | None, stage: str | None, fault: str | None, limit: int, as_json: bool
) -> None:
    """List the newest dead letters, the oldest of them first."""
    from walmart_stream.commands import dead_letters as command

    wanted = command.Filter(topic, stage, fault)
    found = run_async(command.find(command_settings(), wanted, limit))
    if as_json:
        letters = [command.fields_of(letter) for letter in found]
        echo(json.dumps({"dead_letters": letters}, indent=2))
        return
    for letter in found:
        echo(command.line_of(letter))


@dead_letters.command("show", epilog=examples("dead-letters show walmart-competitor-data:3:1042"))
@click.argument("name", metavar="TOPIC:PARTITION:OFFSET")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def dead_letters_show(name: str, as_json: bool) -> None:
    """Show a dead letter in full."""
    from walmart_stream.commands import dead_letters as command

    try:
        letter = run_async(command.show(command_settings(), name))
    except command.NoSuchLetter as exc:
        raise click.ClickException(str(exc)) from None
    fields = command.fields_of(letter)
    if as_json:
        echo(json.dumps(fields, indent=2))
        return
    for field, value in fields.items():
        echo(f"{field}: {value}")


@dead_letters.command(
    "replay",
    epilog=examples(
        "dead-letters replay walmart-competitor-data:3:1042",
        "dead-letters replay --class WrongShape",
    ),
)
@click.argument("names", nargs=-1, metavar="[TOPIC:PARTITION:OFFSET]...")
@_letter_filter
@click.option(
    "--all", "everything", is_flag=True, help="All dead letters, if no other choice is given."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def dead_letters_replay(
    names: tuple[str, ...],
    topic: str | None,
    stage: str | None,
    fault: str | None,
    everything: bool,
    as_json: bool,
) -> None:
    """Put the original records back on the topics that they came from."""
    from walmart_stream.commands import dead_letters as command

    if not (names or topic or stage or fault or everything):
        raise click.UsageError(
            "name dead letters, or choose them with --topic, --stage, --class or --all"
        )
    try:
        settings = command_settings()
        with progress("putting back") as show:
            wanted = command.Filter(topic, stage, fault)
            put_back = run_async(command.replay(settings, names, wanted, progress=show))
    except command.NoSuchLetter as exc:
        raise click.ClickException(str(exc)) from None
    if as_json:
        echo(json.dumps({"replayed": put_back}, indent=2))
    else:
        echo(f"{len(put_back)} dead letter(s) are back on their topics")
