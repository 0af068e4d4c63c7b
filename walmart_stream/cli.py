"""The command line: names and options; what a command does is in the module of its name."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import click
from pydantic import ValidationError

from walmart_stream import __version__
from walmart_stream.commands.terminal import echo
from walmart_stream.credentials.redaction import protect
from walmart_stream.domain.plain import plain_lines
from walmart_stream.engine.failure import REFUSED_EXIT_CODE
from walmart_stream.logs import TextFormatter
from walmart_stream.settings import Settings, SettingsError, doubtful_names, load_settings

T = TypeVar("T")


class Unusable(click.ClickException):
    """Retrying cannot help until the configuration changes."""

    exit_code = REFUSED_EXIT_CODE


KAFKA, MONGODB = "KAFKA_BROKERS", "MONGODB_URI"


def _load_settings(unused: tuple[str, ...] = ()) -> Settings:
    """The settings of the environment, or with ``--local`` those of the stack that runs here."""
    context = click.get_current_context(silent=True)
    if context is None or not context.find_root().obj:
        for doubt in doubtful_names(os.environ):
            echo(f"walmart-stream: {doubt}", err=True)
        return load_settings(unused=unused)
    from walmart_stream.local.environment import running_settings

    found = running_settings()
    if found is None:
        raise click.ClickException(
            "no local stack runs here: start one with walmart-stream local (or make run), and use "
            "--local in the folder where it was started"
        )
    return load_settings(found, env_file=Path(os.devnull))


def _settings(*unused: str, shows_data: bool = True) -> Settings:
    """The settings; *unused* ones are not needed for the command."""
    try:
        settings = _load_settings(unused)
    except SettingsError as exc:
        raise Unusable(str(exc)) from None
    protect(settings.secrets(), stdout=not shows_data)
    # Warnings of the clients, which repeat what servers say.
    if logging.lastResort is not None:
        logging.lastResort.setFormatter(TextFormatter("%(message)s"))
    return settings


def _run(work: Coroutine[Any, Any, T]) -> T:
    """Run *work*; what went wrong outside becomes one line instead of a traceback."""
    # Imported late: the commands that need neither must start fast.
    from aiokafka.errors import KafkaError
    from pymongo.errors import PyMongoError

    from walmart_stream.audit.lost_past import PastLost
    from walmart_stream.walmart.errors import WalmartError

    try:
        return asyncio.run(work)
    except PastLost as exc:
        raise click.ClickException(str(exc)) from None
    except BrokenPipeError:
        # The reader has had enough, as of `| head -1`; click ends without a word.
        raise
    except SettingsError as exc:
        raise Unusable(str(exc)) from None
    except (KafkaError, PyMongoError, WalmartError, OSError) as exc:
        raise click.ClickException(plain_lines(_in_words(exc))) from exc


def _in_words(error: Exception) -> str:
    """One sentence: the class, once, and the message without the driver's view of all servers."""
    name = type(error).__name__
    # Errors of aiokafka begin with their own name.
    words = str(error).removeprefix(f"{name}: ")
    for rest in (" (configured timeouts", ", Timeout: ", ", Topology Description"):
        words = words.partition(rest)[0]
    return f"{name}: {words}" if words else name


class Time(click.ParamType):
    """An ISO 8601 time; without a zone it is UTC."""

    name = "time"

    def convert(self, value: Any, param: Any, ctx: Any) -> datetime:
        if isinstance(value, datetime):
            return value
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is not an ISO 8601 time", param, ctx)
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


class Item(click.ParamType):
    """An item id, or the address of its page."""

    name = "item"

    def convert(self, value: Any, param: Any, ctx: Any) -> str:
        from walmart_stream.domain.item_id import RIGHT, item_id_in
        from walmart_stream.domain.watch import shown

        found = item_id_in(value)
        if found is None:
            self.fail(f"{shown(value)}: an item {RIGHT}", param, ctx)
        return found


class Price(click.ParamType):
    """US dollars such as 14.80, as cents."""

    name = "price"

    def convert(self, value: Any, param: Any, ctx: Any) -> int:
        from walmart_stream.commands.seller import parse_price

        try:
            return value if isinstance(value, int) else parse_price(value)
        except ValueError as exc:
            self.fail(str(exc), param, ctx)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="walmart-stream")
@click.option("--local", "on_local", is_flag=True, help="Work on the stack that `local` runs here.")
@click.pass_context
def cli(context: click.Context, on_local: bool) -> None:
    """Price and shipping monitor for Walmart marketplace sellers, on Kafka and Faust."""
    # Files that any command makes are this user's alone.
    os.umask(0o077)
    context.obj = on_local


@cli.command(context_settings={"ignore_unknown_options": True, "allow_extra_args": True})
@click.argument("options", nargs=-1, type=click.UNPROCESSED)
def worker(options: tuple[str, ...]) -> None:
    """Run one worker; the same as `faust -A walmart_stream.app worker`.

    It is configured by settings in the environment or in .env: WEB_PORT, LOG_LEVEL, LOG_FORMAT and
    the others that .env.example lists. Of OPTIONS, which are those of `faust worker`, --web-port
    sets the port of the web views for this run.
    """
    settings = _settings(shows_data=False)
    from walmart_stream.app import create_app
    from walmart_stream.bootstrap import use_fast_loop, with_options
    from walmart_stream.walmart.errors import UnusableKey

    sys.argv = ["walmart-stream", "worker", f"--loglevel={settings.log_level}", *options]
    use_fast_loop()
    try:
        app = create_app(with_options(settings, options))
    except (SettingsError, UnusableKey, OSError) as exc:
        raise Unusable(str(exc)) from None
    app.main()


@cli.command()
@click.option("--workers", type=click.IntRange(1, 32), default=2, show_default=True)
@click.option("--items", type=click.IntRange(1, 100_000), default=200, show_default=True)
@click.option(
    "--for", "seconds", type=click.FloatRange(1), help="Stop after this number of seconds."
)
@click.option("--seed", type=int, default=1, show_default=True, help="Of the sandbox's market.")
@click.option(
    "--speed",
    type=click.FloatRange(0, min_open=True),
    help="Of the sandbox's market. [default: 1000 with --for, else 60]",
)
@click.option(
    "--port", type=click.IntRange(1, 65535), help="Of the first worker. [default: WEB_PORT or 6066]"
)
@click.option(
    "--broker",
    type=click.Choice(["embedded", "kafka"]),
    default="embedded",
    show_default=True,
    help="embedded keeps everything in memory; kafka is Apache Kafka (needs Java 17 and Maven).",
)
@click.option("--keep", is_flag=True, help="Keep the data in DATA_DIR/kept for the next --keep.")
@click.option(
    "--mix-sandbox",
    is_flag=True,
    help="Let the sandbox's items into the Kafka and MongoDB that the settings name.",
)
@click.option("--json", "report", type=click.Path(dir_okay=False, path_type=Path))
def local(**options: Any) -> None:
    """Run the whole pipeline on this machine: broker, MongoDB, sandbox Walmart, workers."""
    from walmart_stream.local.processes import StartError
    from walmart_stream.local.stack import CannotStart, Options, run

    try:
        code = _run(run(Options(**options)))
    except SettingsError as exc:
        raise Unusable(str(exc)) from None
    except (CannotStart, StartError) as exc:
        raise click.ClickException(str(exc)) from None
    sys.exit(code)


@cli.command()
@click.option("--port", type=click.IntRange(0, 65535), default=8080, show_default=True)
@click.option("--items", type=click.IntRange(1, 100_000), default=200, show_default=True)
@click.option("--seed", type=int, default=1, show_default=True)
@click.option("--speed", type=click.FloatRange(0, min_open=True), default=1, show_default=True)
@click.option(
    "--skus",
    type=click.IntRange(0, 100_000),
    default=300,
    show_default=True,
    help="Items of the catalogue that the seller offers too; all, if there are fewer.",
)
@click.option("--seller-traps", is_flag=True, help="Mix all forms that seller answers can have.")
def sandbox(port: int, items: int, seed: int, speed: float, skus: int, seller_traps: bool) -> None:
    """Run the sandbox Walmart alone.

    The seller's credentials are WALMART_CLIENT_ID and WALMART_CLIENT_SECRET, or made up.
    """
    from walmart_stream.commands.sandbox import run

    _run(run(port, items, seed, speed, skus, seller_traps))


@cli.command()
def topics() -> None:
    """Create and check topics, changelogs and indexes as configured; safe to repeat."""
    from walmart_stream.kafka.topic_admin import create_topics
    from walmart_stream.storage import mongo

    async def create(settings: Settings) -> None:
        for state in await create_topics(settings):
            echo(state)
        client = mongo.connect(settings)
        try:
            await mongo.create_indexes(mongo.database(client, settings))
        finally:
            client.close()
        echo(f"indexes of database {settings.mongodb_database}: present")

    _run(create(_settings()))


@cli.group()
def watch() -> None:
    """The watchlist: which items are polled."""


@watch.command("add")
@click.argument("item_ids", nargs=-1, required=True, type=Item())
@click.option("--note", help="Why these items are watched.")
def watch_add(item_ids: tuple[str, ...], note: str | None) -> None:
    """Watch items, given by their ids or the addresses of their pages."""
    from walmart_stream.domain.watch import WatchEntry, reason
    from walmart_stream.kafka import watchlist as commands

    settings = _settings(MONGODB)
    try:
        entries = [WatchEntry(item_id=item_id, note=note) for item_id in item_ids]
    except ValidationError as exc:
        raise click.UsageError(reason(exc)) from None
    _run(commands.add(settings, entries))
    echo(f"watching {len(entries)} item(s)")


@watch.command("remove")
@click.argument("item_ids", nargs=-1, required=True, type=Item())
def watch_remove(item_ids: tuple[str, ...]) -> None:
    """Stop watching items; exit code 1 if some were not watched."""
    from walmart_stream.kafka import watchlist as commands

    async def remove(settings: Settings) -> list[str]:
        watched = await commands.listing(settings)
        await commands.remove(settings, [item_id for item_id in item_ids if item_id in watched])
        return [item_id for item_id in item_ids if item_id not in watched]

    absent = _run(remove(_settings(MONGODB)))
    echo(f"no longer watching {len(item_ids) - len(absent)} item(s)")
    if absent:
        raise click.ClickException(f"not watched: {', '.join(absent)}")


@watch.command("list")
def watch_list() -> None:
    """List the watched items."""
    from walmart_stream.kafka import watchlist as commands

    for entry in _run(commands.watched(_settings(MONGODB))).entries():
        echo(f"{entry.item_id}\t{entry.note or ''}".rstrip())


@watch.command("import")
@click.argument("file", type=click.File("rb"))
@click.option("--check", is_flag=True, help="Show what would be watched; change nothing.")
def watch_import(file: BinaryIO, check: bool) -> None:
    """Watch the items of a CSV file; - reads standard input.

    The first row names the columns: item_id (or Item ID, as in Walmart's own files), and note if
    you like. Any separator and encoding that spreadsheets write will do, and the address of a
    walmart.com/ip/ page counts as its item id. Lines that cannot be taken are shown with what
    would be right; the others go in.
    """
    from walmart_stream.kafka import watchlist as commands

    settings = None if check else _settings(MONGODB)
    name = getattr(file, "name", "standard input")
    try:
        entries, faults = commands.read_file(file)
    except (OSError, ValueError) as exc:
        raise click.ClickException(f"{name}: {exc}") from None
    if settings is None:
        for entry in entries:
            echo(f"{entry.item_id}\t{entry.note or ''}".rstrip())
    else:
        _run(commands.add(settings, entries))
    for fault in faults:
        echo(f"{name}: {fault}", err=True)
    echo(f"{'would watch' if check else 'watching'} {len(entries)} item(s)", err=check)
    if faults:
        sys.exit(1)


@cli.group("dead-letters")
def dead_letters() -> None:
    """Records that could not be processed, and why."""


def _letter_filter(command: Any) -> Any:
    for option in (
        click.option("--class", "fault", help="Class of the fault, such as WrongShape."),
        click.option("--stage", help="Of the pipeline: process, sink, watchlist, seller …"),
        click.option("--topic", help="That they came from."),
    ):
        command = option(command)
    return command


@dead_letters.command("list")
@_letter_filter
@click.option("--limit", type=click.IntRange(min=1), default=100, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="As JSON, with key and value.")
def dead_letters_list(
    topic: str | None, stage: str | None, fault: str | None, limit: int, as_json: bool
) -> None:
    """List the newest dead letters, the oldest of them first."""
    from walmart_stream.commands import dead_letters as command

    wanted = command.Filter(topic, stage, fault)
    found = _run(command.find(_settings(), wanted, limit))
    if as_json:
        letters = [command.fields_of(letter) for letter in found]
        echo(json.dumps({"dead_letters": letters}, indent=2))
        return
    for letter in found:
        echo(command.line_of(letter))


@dead_letters.command("show")
@click.argument("name", metavar="TOPIC:PARTITION:OFFSET")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def dead_letters_show(name: str, as_json: bool) -> None:
    """Show a dead letter whole."""
    from walmart_stream.commands import dead_letters as command

    try:
        letter = _run(command.show(_settings(), name))
    except command.NoSuchLetter as exc:
        raise click.ClickException(str(exc)) from None
    fields = command.fields_of(letter)
    if as_json:
        echo(json.dumps(fields, indent=2))
        return
    for field, value in fields.items():
        echo(f"{field}: {value}")


@dead_letters.command("replay")
@click.argument("names", nargs=-1, metavar="[TOPIC:PARTITION:OFFSET]...")
@_letter_filter
@click.option("--all", "everything", is_flag=True, help="All, where neither is given.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
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
        raise click.UsageError("name dead letters, or say which: --topic, --stage, --class, --all")
    try:
        put_back = _run(command.replay(_settings(), names, command.Filter(topic, stage, fault)))
    except command.NoSuchLetter as exc:
        raise click.ClickException(str(exc)) from None
    if as_json:
        echo(json.dumps({"replayed": [letter.name for letter in put_back]}, indent=2))
    else:
        echo(f"{len(put_back)} dead letter(s) are back on their topics")


@cli.group()
def partitions() -> None:
    """Partitions that are parked, since their input cannot be processed."""


@partitions.command("list")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def partitions_list(as_json: bool) -> None:
    """List the parked partitions."""
    from walmart_stream.commands import partitions as command

    found = _run(command.parked(_settings()))
    if as_json:
        echo(json.dumps({"parked": [one.fields() for one in found]}, indent=2))
        return
    for one in found:
        echo(one)
    if not found:
        echo("no partition is parked")


@partitions.command("resume")
@click.argument("names", nargs=-1, metavar="[TOPIC:PARTITION]...")
@click.option(
    "--skip-bad-until",
    type=click.IntRange(min=1),
    metavar="OFFSET",
    help="Pass over bad input before OFFSET: no dead letters of it, and it is not counted.",
)
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def partitions_resume(names: tuple[str, ...], skip_bad_until: int | None, as_json: bool) -> None:
    """Let parked partitions go on: those that are named, else all."""
    from walmart_stream.commands import partitions as command

    settings = _settings()
    try:
        resumed = _run(
            command.resume(
                settings,
                names,
                skip_bad_until=skip_bad_until,
                clock=lambda: time.time_ns() // 1_000_000,
            )
        )
    except command.BadOffset as exc:
        raise click.UsageError(str(exc)) from None
    except command.NotParked as exc:
        raise click.ClickException(str(exc)) from None
    if as_json:
        places = [
            {"topic": one.topic, "partition": one.partition, "offset": one.offset}
            for one in resumed
        ]
        echo(json.dumps({"resumed": places}, indent=2))
        return
    for one in resumed:
        echo(f"{one.topic}:{one.partition} goes on at offset {one.offset}")


@cli.group()
def seller() -> None:
    """The seller's own items."""


@seller.command("price")
@click.argument("sku")
@click.argument("amount", type=Price())
@click.option("--apply", is_flag=True, help="Change it; without this nothing is changed.")
@click.option("--yes", is_flag=True, help="Do not ask where the price moves by more than half.")
def seller_price(sku: str, amount: int, apply: bool, yes: bool) -> None:
    """Change the price of an item to AMOUNT US dollars, without shipping."""
    from walmart_stream.commands import seller as command

    settings = _settings(KAFKA, MONGODB)

    def agreed(question: str) -> bool:
        return yes or click.confirm(question, default=False)

    async def change() -> None:
        async for line in command.change_price(settings, sku, amount, apply=apply, agreed=agreed):
            echo(line)

    _run(change())


@cli.command()
@click.argument("item_ids", metavar="ITEM...", nargs=-1, required=True, type=Item())
def unlock(item_ids: tuple[str, ...]) -> None:
    """Make items anew from the raw topic, without observations from the future.

    For what releases before this one let in: their time kept everything newer out.
    """
    from walmart_stream.commands.unlock import unlock as command

    _run(command(_settings(MONGODB), item_ids))
    echo(f"{len(item_ids)} items are recomputed by the workers that own them")


@cli.command()
@click.argument("item_id", type=Item())
@click.option("--from", "since", type=Time(), help="ISO 8601; default: everything.")
@click.option("--to", "until", type=Time())
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "csv", "json"]),
    default="table",
    show_default=True,
)
def history(item_id: str, since: datetime | None, until: datetime | None, form: str) -> None:
    """Show the price and shipping history of an item."""
    from walmart_stream.commands.history import UnknownItem
    from walmart_stream.commands.history import history as lines

    if since is not None and until is not None and since >= until:
        raise click.UsageError("--from must be earlier than --to")
    settings = _settings(KAFKA)

    async def show() -> None:
        async for line in lines(settings, item_id, since, until, form):
            echo(line)

    try:
        _run(show())
    except UnknownItem as exc:
        raise click.ClickException(str(exc)) from None


@contextmanager
def _progress(what: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on stderr with the rate; what it yields is called with records done and in all."""
    from rich.console import Console
    from rich.progress import MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (*Progress.get_default_columns()[:2], MofNCompleteColumn(), TimeRemainingColumn())
    started = time.monotonic()
    rate = TextColumn("{task.fields[rate]}")
    with Progress(*columns, rate, console=Console(stderr=True)) as bar:
        task = bar.add_task(what, total=None, rate="")

        def show(done: int, total: int) -> None:
            rate = done / (time.monotonic() - started)
            bar.update(task, completed=done, total=total, rate=f"{rate:,.0f}/s")

        yield show


@cli.command()
@click.option("--from", "since", type=Time(), help="Store no results before (ISO 8601).")
@click.option("--into", metavar="DATABASE", help="Default: MONGODB_DATABASE.")
def replay(since: datetime | None, into: str | None) -> None:
    """Recompute the results from the raw topic, beside the live workers.

    Refused for the live database once retention has deleted the beginning of the topic.
    """
    from walmart_stream.commands import replay as command

    settings = _settings()
    with _progress("replaying") as show:
        done = _run(command.replay(settings, since=since, into=into, progress=show))
    rate = done.observations / done.seconds
    echo(
        f"{done.observations} observations ({done.skipped} skipped) in {done.seconds:.1f} s, "
        f"{rate:,.0f}/s: {done.changes} changes and {done.windows} closed windows"
    )
    if done.begins is not None:
        begins = datetime.fromtimestamp(done.begins / 1000, UTC)
        echo(
            f"the raw topic begins at {begins:%Y-%m-%d %H:%M:%S} UTC: offers known before count as "
            "first seen there, and nothing is known of earlier times"
        )


@cli.command()
@click.option("--principal", required=True, help="Kafka's name of the user, such as User:worker.")
@click.option("--role", type=click.Choice(["worker", "poller", "reader", "release"]), required=True)
@click.option(
    "--format",
    "form",
    type=click.Choice(["commands", "json"]),
    default="commands",
    show_default=True,
)
@click.option("--apply", is_flag=True, help="Make them, as the configured user.")
def acl(principal: str, role: str, form: str, apply: bool) -> None:
    """Print the ACLs that a role needs on this program's topics and group, and nothing wider."""
    from walmart_stream.commands import acl as command
    from walmart_stream.kafka.acls import Role, role_acls

    kind, _, name = principal.partition(":")
    if not kind or not name or "*" in name:
        raise click.BadParameter("must be like User:NAME, of one user", param_hint="--principal")
    settings = _settings()
    acls = role_acls(settings, Role(role))
    if form == "json":
        echo(command.as_json(principal, acls))
    else:
        for one in acls:
            echo(command.command(settings, principal, one))
    if apply:
        _run(command.apply(settings, principal, acls))
        echo(f"made {len(acls)} ACLs of {principal}", err=True)


@cli.command()
@click.option(
    "--patience",
    type=click.FloatRange(0),
    default=30,
    show_default=True,
    help="Seconds that results of new observations may be on their way.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
def verify(patience: float, as_json: bool) -> None:
    """Recompute everything from the raw topic and compare it with MongoDB.

    Exit code 0: clean. 1: differences, which are listed. 3: no difference, but not everything can
    be told, since the raw topic no longer holds what it was made of.
    """
    import orjson

    from walmart_stream.audit import verify as command

    settings = _settings()
    with _progress("verifying") as show:
        report = _run(command.verify(settings, patience=patience, progress=show))
    if as_json:
        echo(orjson.dumps(report.fields(), option=orjson.OPT_INDENT_2).decode())
    else:
        for line in command.report_lines(report):
            echo(line)
    sys.exit(report.verdict.value)


@cli.command()
@click.option("--plain", is_flag=True, help="Unseal them instead.")
def reseal(plain: bool) -> None:
    """Seal what is private to the seller in MongoDB with the newest key; safe to repeat."""
    from walmart_stream.commands import reseal as command

    settings = _settings()

    async def show() -> bool:
        complete = True
        async for collection, found in command.reseal(settings, plain=plain):
            echo(f"{collection}: {found}")
            for one in found.first_unreadable:
                echo(f"  unreadable: {one}")
            complete &= not found.unreadable
        return complete

    sys.exit(0 if _run(show()) else 1)


@cli.command()
@click.option("--items", type=click.IntRange(1), help="Of a watchlist; default: usual sizes.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def quota(items: int | None, as_json: bool) -> None:
    """Show how often items can be seen with the calls that Walmart grants."""
    from walmart_stream.commands import quota as command

    settings = _settings(KAFKA, MONGODB)
    found = [command.sight(settings, number) for number in ([items] if items else command.USUAL)]
    if as_json:
        echo(json.dumps([one.fields() for one in found], indent=2))
        return
    for one in found:
        echo(command.words(one))


@cli.command()
def doctor() -> None:
    """Check settings, broker, topics, MongoDB and Walmart; a line for each, and what to do."""
    from walmart_stream.commands import doctor as command

    # What the clients have to say of a failure is in its finding.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    try:
        settings = _load_settings()
    except SettingsError as exc:
        for fault in exc.faults:
            echo(command.Finding("settings", command.Verdict.FAULT, fault))
        sys.exit(REFUSED_EXIT_CODE)
    protect(settings.secrets(), stdout=True)
    echo(command.Finding("settings", command.Verdict.OK, "complete"))

    async def examine() -> bool:
        healthy = True
        async for finding in command.doctor(settings):
            echo(finding)
            healthy &= finding.verdict is not command.Verdict.FAULT
        return healthy

    sys.exit(0 if _run(examine()) else 1)


def main() -> None:
    """Entry point of ``walmart-stream`` and ``python -m walmart_stream``."""
    cli()
