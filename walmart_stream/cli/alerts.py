"""``walmart-stream alerts``: alert rules, alerts and channels."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from typing import Any, BinaryIO

import click

from walmart_stream.cli.params import Item, Suggesting, Time, examples, json_option
from walmart_stream.cli.running import KAFKA, MONGODB, Unusable, command_settings, run_async
from walmart_stream.commands.terminal import echo, echo_json


@click.group(
    cls=Suggesting,
    epilog=examples(
        "alerts add cheap --item 10450114 --when landed_below --value 20 --hold 15m",
        "alerts import rules.toml",
        "alerts list --state open",
        "alerts mute --item 10450114 --for 8h",
    ),
)
def alerts() -> None:
    """Alert rules, alerts and channels."""


@alerts.command("rules", epilog=examples("alerts rules", "alerts rules --json"))
@json_option
def alerts_rules(as_json: bool) -> None:
    """List the rules."""
    from walmart_stream.commands import alerts as command

    book = run_async(command.book(command_settings(MONGODB)))
    if as_json:
        rules = [book.rules[name].given for name in sorted(book.rules)]
        echo_json({"rules": rules, "mutes": book.mutes})
        return
    for line in command.rule_lines(book, datetime.now(UTC)):
        echo(line)
    if book.unread:
        echo(f"{book.unread} rule(s) are from a later version and cannot be read", err=True)


_TEXTS = ("offer", "direction", "against", "over", "longer-than", "hold", "cooldown", "severity",
          "quiet")  # fmt: skip
_AMOUNTS = ("value", "by", "by-pct", "within-pct", "hysteresis")
_LISTS = {"item": "items", "tag": "tags", "seller": "sellers", "not-seller": "not_sellers",
          "channel": "channels"}  # fmt: skip


def _rule_options(command: Any) -> Any:
    for name in reversed(_TEXTS):
        command = click.option(f"--{name}")(command)
    for name in reversed(_AMOUNTS):
        command = click.option(f"--{name}", type=float)(command)
    for name in reversed(_LISTS):
        kind = Item() if name == "item" else str
        command = click.option(f"--{name}", multiple=True, type=kind)(command)
    return command


@alerts.command(
    "add",
    epilog=examples(
        "alerts add cheap --item 10450114 --when landed_below --value 20 --hold 15m",
        "alerts add undercut --all --when undercut --by 0.50 --channel ops",
    ),
)
@click.argument("name")
@click.option("--when", required=True, help="The condition, such as landed_below.")
@click.option("--all", "everything", is_flag=True, help="For all items.")
@_rule_options
def alerts_add(name: str, when: str, everything: bool, **options: Any) -> None:
    """Add a rule, or change the rule of this NAME. docs/alerts.md explains the fields."""
    from walmart_stream.domain.alerts.rule_fields import RuleFaults, read_rule

    fields: dict[str, Any] = {"name": name, "when": when}
    if everything:
        fields["all"] = True
    for option, value in options.items():
        if value is not None and value != ():
            field = _LISTS.get(option.replace("_", "-"), option)
            fields[field] = list(value) if isinstance(value, tuple) else value
    try:
        rule = read_rule(fields)
    except RuleFaults as exc:
        faults = "\n".join(f"{one.field}: {one.reason}" for one in exc.faults)
        raise click.UsageError(faults) from None
    _put([rule])
    echo(f"rule {rule.name} is stored")


def _put(rules: Any) -> None:
    from walmart_stream.commands import alerts as command

    try:
        unknown = run_async(command.put(command_settings(MONGODB), rules))
    except command.TooMany as exc:
        raise click.ClickException(str(exc)) from None
    for name in unknown:
        echo(f"channel {name} is not in ALERT_CHANNELS, so it gets no messages", err=True)


@alerts.command("remove", epilog=examples("alerts remove cheap"))
@click.argument("names", nargs=-1, required=True)
def alerts_remove(names: tuple[str, ...]) -> None:
    """Remove rules and end their open alerts; exit code 1 if a rule does not exist."""
    from walmart_stream.commands import alerts as command

    absent = run_async(command.remove(command_settings(MONGODB), names))
    echo(f"removed {len(names) - len(absent)} rule(s)")
    if absent:
        raise click.ClickException(f"no such rule: {', '.join(absent)}")


@alerts.command("disable", epilog=examples("alerts disable cheap"))
@click.argument("names", nargs=-1, required=True)
def alerts_disable(names: tuple[str, ...]) -> None:
    """Keep rules without checking them, and end their open alerts."""
    _enable(names, enabled=False)


@alerts.command("enable", epilog=examples("alerts enable cheap"))
@click.argument("names", nargs=-1, required=True)
def alerts_enable(names: tuple[str, ...]) -> None:
    """Check disabled rules again."""
    _enable(names, enabled=True)


def _enable(names: tuple[str, ...], *, enabled: bool) -> None:
    from walmart_stream.commands import alerts as command

    absent = run_async(command.enable(command_settings(MONGODB), names, enabled=enabled))
    echo(f"{'enabled' if enabled else 'disabled'} {len(names) - len(absent)} rule(s)")
    if absent:
        raise click.ClickException(f"no such rule: {', '.join(absent)}")


@alerts.command(
    "import", epilog=examples("alerts import rules.toml", "alerts import rules.toml --check")
)
@click.argument("file", type=click.File("rb"))
@click.option("--check", is_flag=True, help="Only show faults of the file; change nothing.")
def alerts_import(file: BinaryIO, check: bool) -> None:
    """Add the rules of a TOML file; - reads standard input.

    Rules with the same names are changed, others stay. If the file has faults, each is shown with
    its line, and nothing is changed.
    """
    from walmart_stream.commands import alerts as command

    name = getattr(file, "name", "standard input")
    try:
        rules, faults = command.read_file(file)
    except (OSError, ValueError) as exc:
        raise click.ClickException(f"{name}: {exc}") from None
    for fault in faults:
        echo(f"{name}: {fault}", err=True)
    if faults:
        echo("nothing is changed", err=True)
        sys.exit(1)
    if not check:
        _put(rules)
    echo(f"{len(rules)} rule(s) are {'valid' if check else 'stored'}")


@alerts.command("export", epilog=examples("alerts export --out rules.toml"))
@click.option("--out", type=click.File("w", encoding="utf-8", atomic=True), default="-")
def alerts_export(out: Any) -> None:
    """Write the rules as a TOML file, which `import` reads."""
    from walmart_stream.commands import alerts as command
    from walmart_stream.domain.alerts.rule_file import write_toml

    book = run_async(command.book(command_settings(MONGODB)))
    out.write(write_toml(book.rules.values()))


@alerts.command(
    "list", epilog=examples("alerts list --state open", "alerts list --severity critical --json")
)
@click.option("--state", type=click.Choice(["open", "acknowledged", "closed"]))
@click.option("--severity", type=click.Choice(["info", "warning", "critical"]))
@click.option("--rule")
@click.option("--item", type=Item())
@click.option("--limit", type=click.IntRange(1, 10_000), default=100, show_default=True)
@json_option
def alerts_list(
    state: str | None,
    severity: str | None,
    rule: str | None,
    item: str | None,
    limit: int,
    as_json: bool,
) -> None:
    """List the newest alerts."""
    from walmart_stream.commands import alerts as command
    from walmart_stream.storage.alerts import Wanted

    settings = command_settings(KAFKA)
    found = run_async(command.listing(settings, Wanted(state, rule, item, severity), limit))
    if as_json:
        echo_json({"alerts": found})
        return
    for line in command.alert_lines(found):
        echo(line)


@alerts.command("ack", epilog=examples("alerts ack cheap:10450114:marketplace:1795000000000"))
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
def alerts_ack(ids: tuple[str, ...]) -> None:
    """Acknowledge alerts; exit code 1 if an alert does not exist."""
    from walmart_stream.commands import alerts as command

    absent = run_async(command.acknowledge(command_settings(), ids))
    echo(f"acknowledged {len(ids) - len(absent)} alert(s)")
    if absent:
        raise click.ClickException(f"no such alert: {', '.join(absent)}")


@alerts.command(
    "mute",
    epilog=examples("alerts mute --item 10450114 --for 8h", "alerts mute --rule cheap --end"),
)
@click.option("--item", type=Item(), help="All alerts of this item.")
@click.option("--rule", help="All alerts of this rule.")
@click.option("--until", type=Time(), help="End of the mute (ISO 8601, UTC).")
@click.option("--for", "length", metavar="TIME", help="Length of the mute, such as 8h or 2d.")
@click.option("--end", is_flag=True, help="End the mute now.")
def alerts_mute(
    item: str | None, rule: str | None, until: datetime | None, length: str | None, end: bool
) -> None:
    """Send no messages about an item or a rule for a time; its alerts are still listed."""
    from walmart_stream.commands import alerts as command
    from walmart_stream.domain.alerts.rule_fields import duration

    if (item is None) is (rule is None):
        raise click.UsageError("give either --item or --rule")
    if sum((until is not None, length is not None, end)) != 1:
        raise click.UsageError("give the end: --until, --for or --end")
    if length is not None:
        try:
            until = datetime.now(UTC) + timedelta(milliseconds=duration(length))
        except ValueError as exc:
            raise click.UsageError(f"--for: {exc}") from None
    kind, name = ("item", item) if item is not None else ("rule", rule)
    assert name is not None
    try:
        run_async(command.mute(command_settings(MONGODB), kind, name, until))
    except ValueError as exc:
        raise click.UsageError(str(exc)) from None
    if until is None:
        echo(f"{kind} {name} is no longer muted")
    else:
        echo(f"{kind} {name} is muted until {until.isoformat('T', 'seconds')}")


@alerts.command("test", epilog=examples("alerts test ops"))
@click.argument("channel")
def alerts_test(channel: str) -> None:
    """Send a test message to a channel of ALERT_CHANNELS; exit code 1 if it is refused."""
    from walmart_stream.commands import alerts as command
    from walmart_stream.settings import SettingsError

    settings = command_settings(KAFKA, MONGODB)
    try:
        fault = run_async(command.attempt(settings, channel))
    except LookupError as exc:
        raise click.UsageError(str(exc)) from None
    except SettingsError as exc:
        raise Unusable(str(exc)) from None
    if fault is not None:
        raise click.ClickException(f"channel {channel}: {fault}")
    echo(f"channel {channel} accepted the message")
