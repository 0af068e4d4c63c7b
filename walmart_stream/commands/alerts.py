"""``walmart-stream alerts``: rules, alerts, and channels."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, BinaryIO

from walmart_stream.commands.table import Column, moment, table
from walmart_stream.credentials.channels import channels_of
from walmart_stream.domain.alerts.book import RuleBook
from walmart_stream.domain.alerts.rule_file import MOST_RULES, RuleFault, read_toml
from walmart_stream.domain.alerts.rules import Rule
from walmart_stream.domain.alerts.steps import acknowledged
from walmart_stream.domain.time import to_iso, to_ms
from walmart_stream.kafka import alert_rules
from walmart_stream.notify.channel import NotDelivered, trial
from walmart_stream.notify.channels import open_channels
from walmart_stream.settings import Settings
from walmart_stream.storage import mongo
from walmart_stream.storage.alerts import Wanted, alert_fields, find_alert, find_alerts
from walmart_stream.storage.sealed import FieldSeal

# Bytes: the most rules that there may be, with a thousand items each.
LARGEST_FILE = 16 * 1024 * 1024


class TooMany(ValueError):
    """There would be more rules than workers look at."""


def read_file(file: BinaryIO) -> tuple[list[Rule], list[RuleFault]]:
    """The rules of a TOML file, and everything that is wrong with it.

    Raises:
        ValueError: it is too large, or not UTF-8.
        OSError: it cannot be read.
    """
    content = file.read(LARGEST_FILE + 1)
    if len(content) > LARGEST_FILE:
        raise ValueError(f"the file has more than {LARGEST_FILE // 1024**2} MB")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        raise ValueError(f"not UTF-8, as TOML must be: byte {exc.start} of the file") from None
    return read_toml(text)


async def book(settings: Settings) -> RuleBook:
    """The rules and mutes; raises as :func:`walmart_stream.kafka.alert_rules.read_book`."""
    return await alert_rules.read_book(settings)


async def put(settings: Settings, rules: Sequence[Rule]) -> list[str]:
    """Add *rules*, or change those of the same names; channels of theirs that are not there.

    Raises:
        TooMany: there would be too many.
        KafkaError: some are not acknowledged; adding them again is harmless.
    """
    there = await alert_rules.read_book(settings)
    if len(there.rules.keys() | {rule.name for rule in rules}) > MOST_RULES:
        raise TooMany(f"there would be more than {MOST_RULES:,} rules; remove some first")
    await alert_rules.put_rules(settings, rules)
    if settings.alert_channels is None:
        return []  # a secret of the workers
    known = channels_of(settings.alert_channels.get_secret_value())
    return sorted({name for rule in rules for name in rule.channels} - known.keys())


async def remove(settings: Settings, names: Iterable[str]) -> list[str]:
    """Remove rules; those that were not there.

    Raises:
        KafkaError: some are not acknowledged; removing them again is harmless.
    """
    there = await alert_rules.read_book(settings)
    wanted = list(names)
    await alert_rules.remove_rules(settings, [name for name in wanted if name in there.rules])
    return [name for name in wanted if name not in there.rules]


async def enable(settings: Settings, names: Sequence[str], *, enabled: bool) -> list[str]:
    """Enable rules, or disable them, which ends their open alerts; those that are not there.

    Raises:
        KafkaError: some are not acknowledged; repeating it is harmless.
    """
    there = (await alert_rules.read_book(settings)).rules
    changed = [there[name].switched(enabled) for name in names if name in there]
    await alert_rules.put_rules(settings, changed)
    return [name for name in names if name not in there]


async def listing(settings: Settings, wanted: Wanted, limit: int) -> list[Mapping[str, Any]]:
    """The newest alerts that are *wanted*, newest first; times are aware."""
    client = mongo.connect(settings)
    try:
        found = await find_alerts(
            mongo.database(client, settings), wanted, limit, seal=FieldSeal.of(settings)
        )
    finally:
        client.close()
    return [alert_fields(one) for one in found]


async def acknowledge(settings: Settings, names: Sequence[str]) -> list[str]:
    """Say that a person knows of these alerts; those that are not there.

    Raises:
        KafkaError, PyMongoError: it is not known which were acknowledged; repeat it.
    """
    client = mongo.connect(settings)
    absent = []
    try:
        database = mongo.database(client, settings)
        for name in names:
            found = await find_alert(database, name)
            if found is None:
                absent.append(name)
                continue
            started = to_iso(to_ms(found["started_at"]))
            now = to_ms(datetime.now(UTC))
            step = acknowledged(name, found["rule"], found["item_id"], found["offer"], started, now)
            await alert_rules.send_step(settings, step)
    finally:
        client.close()
    return absent


async def mute(settings: Settings, kind: str, name: str, until: datetime | None) -> None:
    """Mute the alerts of an item or a rule until *until*; ``None`` ends the mute.

    Raises:
        ValueError: *name* is none.
        KafkaError: it is not acknowledged; muting it again is harmless.
    """
    at = None if until is None else to_ms(until)
    await alert_rules.mute(settings, kind, name, at)


async def attempt(settings: Settings, name: str) -> str | None:
    """Send the channel *name* a message; why it was not taken, ``None`` if it was.

    Raises:
        LookupError: ALERT_CHANNELS has no such channel; the message has those that it has.
        SettingsError: some channel's URL is of no service.
    """
    channels = open_channels(settings, time.time)
    try:
        if name not in channels:
            raise LookupError(
                f"ALERT_CHANNELS has no channel {name!r}: {', '.join(channels) or 'it is not set'}"
            )
        await channels[name].send(trial(name, datetime.now(UTC)))
    except NotDelivered as exc:
        return str(exc)
    finally:
        for channel in channels.values():
            await channel.close()
    return None


_RULES = tuple(map(Column, ("rule", "when", "offer", "of", "severity", "channels", "muted until")))
_ALERTS = tuple(map(Column, ("raised (UTC)", "state", "severity", "alert", "")))


def rule_lines(found: RuleBook, now: datetime) -> list[str]:
    """The rules as a table."""
    rows = []
    for name, rule in sorted(found.rules.items()):
        scope = "all items" if rule.all else ", ".join(sorted(rule.items | rule.tags))
        until = found.mutes.get(f"rule:{name}", 0)
        muted = moment(to_iso(until)) if until > to_ms(now) else ""
        if not rule.enabled:
            muted = "disabled"
        channels = ", ".join(rule.channels)
        rows.append((name, rule.when, rule.offer, scope, rule.severity, channels, muted))
    return table("Alert rules", _RULES, rows)


def alert_lines(found: Iterable[Mapping[str, Any]]) -> list[str]:
    """Alerts as a table."""
    rows = [
        (
            moment(one["raised_at"]),
            one["state"],
            one["severity"],
            one["id"],
            one.get("text") or "(sealed)",
        )
        for one in found
    ]
    return table("Alerts", _ALERTS, rows)
