"""Alerts and their rules: listed, added, removed, acknowledged, muted."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from aiohttp import web

from walmart_stream.domain.alerts.book import ITEM, RULE, RuleBook, mute_key, mute_value
from walmart_stream.domain.alerts.rule_fields import NAME
from walmart_stream.domain.alerts.rule_file import (
    MOST_RULES,
    RuleFault,
    encode_rule,
    read_json,
    read_toml,
)
from walmart_stream.domain.alerts.rules import Rule
from walmart_stream.domain.alerts.steps import acknowledged
from walmart_stream.domain.reading.json_text import BOM
from walmart_stream.domain.time import to_iso, to_ms
from walmart_stream.storage.alerts import (
    Place,
    Wanted,
    alert_fields,
    find_alert,
    find_alerts,
)
from walmart_stream.storage.queries import Position
from walmart_stream.web import cursor
from walmart_stream.web.alert_inputs import AlertsQuery, MuteOne, Nothing, RuleQuery, VersionQuery
from walmart_stream.web.context import Context
from walmart_stream.web.errors import BadRequest, NotFound, json_response
from walmart_stream.web.inputs import NoQuery, check, query
from walmart_stream.web.rule_versions import require_version, version_of

# Faults named in an answer.
MAX_FAULTS = 100


async def listing(context: Context, request: web.Request) -> web.StreamResponse:
    """A page of alerts, newest first."""
    return json_response(await alerts_data(context, query(AlertsQuery, request)))


async def alerts_data(context: Context, asked: AlertsQuery) -> dict[str, Any]:
    """The alerts that are *asked* for, newest first; times are aware.

    Raises:
        BadRequest: the cursor is none.
        PyMongoError: the database is away.
    """
    after = None if asked.cursor is None else Place(*cursor.position_of(asked.cursor))
    wanted = Wanted(asked.state, asked.rule, asked.item, asked.severity, asked.tag)
    found = await find_alerts(context.database, wanted, asked.limit + 1, after, context.seal)
    page = found[: asked.limit]
    following = None
    if len(found) > len(page):
        last = page[-1]
        following = cursor.of_position(Position(last["raised_at"], last["_id"]))
    return {"alerts": [alert_fields(one) for one in page], "next_cursor": following}


async def acknowledge(context: Context, request: web.Request) -> web.StreamResponse:
    """Say that a person knows of an alert; answered when the brokers have acknowledged it."""
    query(NoQuery, request)
    await _read_nothing(request)
    alert = request.match_info["alert_id"]
    found = await find_alert(context.database, alert, context.seal)
    if found is None:
        raise NotFound("there is no such alert")
    started = to_iso(to_ms(found["started_at"]))
    step = acknowledged(
        alert, found["rule"], found["item_id"], found["offer"], started, to_ms(context.clock())
    )
    await context.live.add_step(step)
    return json_response({"acknowledged": alert})


async def rules(context: Context, request: web.Request) -> web.StreamResponse:
    """All rules, mutes and the names of channels."""
    query(NoQuery, request)
    return json_response(await rules_data(context))


async def rules_data(context: Context) -> dict[str, Any]:
    """The rules as they were written, what is muted until when, and the names of channels.

    Raises:
        KafkaError, OSError, TimeoutError: the topic of rules cannot be read.
    """
    book = await context.live.alert_book()
    return {
        "rules": [book.rules[name].given for name in sorted(book.rules)],
        "versions": {name: version_of(rule.given) for name, rule in sorted(book.rules.items())},
        "mutes": _mutes(book, to_ms(context.clock())),
        "channels": list(context.live.alert_channels()),
        "unreadable_rules": book.unread,
    }


async def add_rules(context: Context, request: web.Request) -> web.StreamResponse:
    """Add rules, or change those of the same names; all of them, or none where one is wrong."""
    asked = query(VersionQuery, request)
    body = await request.read()
    is_toml = request.content_type != "application/json"
    async with context.work.body:
        added, faults = await asyncio.to_thread(_from_toml if is_toml else _from_json, body)
    if not faults:
        book = await context.live.alert_book()
        if len(book.rules.keys() | {rule.name for rule in added}) > MOST_RULES:
            raise BadRequest(f"there would be more than {MOST_RULES:,} rules; remove some first")
        faults = unknown_channels(added, context.live.alert_channels())
    if asked.version is not None and len(added) > 1:
        raise BadRequest("version: is of one rule; send each by itself")
    if faults:
        named = [{"line": one.line, "reason": f"{one.rule}{one.reason}"} for one in faults]
        raise BadRequest(f"the rules: {faults[0]}", rejected=named[:MAX_FAULTS])
    for rule in added:
        await _require(context, rule.name, asked.version)
    await context.live.write_rules([(one.name.encode(), encode_rule(one)) for one in added])
    return json_response({"added": [rule.name for rule in added]})


async def remove_rule(context: Context, request: web.Request) -> web.StreamResponse:
    """Remove a rule, which ends its open alerts."""
    asked = query(RuleQuery, request)
    await _require(context, asked.name, asked.version)
    await context.live.write_rules([(asked.name.encode(), None)])
    return json_response({"removed": asked.name})


async def remove_named_rule(context: Context, request: web.Request) -> web.StreamResponse:
    """The same, by the path."""
    asked = query(VersionQuery, request)
    name = request.match_info["name"]
    if not NAME.fullmatch(name):
        raise BadRequest("name: 1-64 of a-z, 0-9 and - are due")
    await _require(context, name, asked.version)
    await context.live.write_rules([(name.encode(), None)])
    return json_response({"removed": name})


async def mute(context: Context, request: web.Request) -> web.StreamResponse:
    """Tell nobody of an item's or a rule's alerts until a time; without one, tell again."""
    query(NoQuery, request)
    asked = check(MuteOne, _json(await request.read()))
    kind, name = (ITEM, asked.item) if asked.item is not None else (RULE, asked.rule)
    assert name is not None
    value = None if asked.until is None else mute_value(to_ms(asked.until))
    await context.live.write_rules([(mute_key(kind, name), value)])
    until = None if asked.until is None else to_iso(to_ms(asked.until))
    return json_response({"kind": kind, "name": name, "until": until})


async def try_channel(context: Context, request: web.Request) -> web.StreamResponse:
    """Send a channel a message, and say whether it was taken."""
    query(NoQuery, request)
    await _read_nothing(request)
    name = request.match_info["channel"]
    if name not in context.live.alert_channels():
        raise NotFound("ALERT_CHANNELS has no such channel")
    fault = await context.live.try_channel(name)
    return json_response({"channel": name, "delivered": fault is None, "reason": fault})


def unknown_channels(rules: Sequence[Rule], known: Sequence[str]) -> list[RuleFault]:
    """The faults of *rules* that name a channel that is not *known*."""
    names = ", ".join(known) or "none"
    return [
        RuleFault(
            None, f"rule {rule.name!r}: ", f"channels: {one} is not in ALERT_CHANNELS: {names}"
        )
        for rule in rules
        for one in rule.channels
        if one not in known
    ]


async def _require(context: Context, name: str, version: str | None) -> None:
    if version is not None:
        rule = (await context.live.alert_book()).rules.get(name)
        require_version(version, name, None if rule is None else rule.given)


def _mutes(book: RuleBook, now: int) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = []
    for what, until in sorted(book.mutes.items()):
        kind, _, name = what.partition(":")
        if until > now:
            found.append({"kind": kind, "name": name, "until": to_iso(until)})
    return found


async def _read_nothing(request: web.Request) -> None:
    check(Nothing, _json(await request.read() or b"{}"))


def _json(body: bytes) -> Any:
    try:
        return orjson.loads(body.removeprefix(BOM))
    except orjson.JSONDecodeError as exc:
        raise BadRequest(f"the body is not JSON: {str(exc)[:100]}") from None


def _from_toml(body: bytes) -> tuple[list[Rule], list[RuleFault]]:
    try:
        return read_toml(body.removeprefix(BOM).decode())
    except UnicodeDecodeError:
        raise BadRequest("the body is not UTF-8, as TOML must be") from None


def _from_json(body: bytes) -> tuple[list[Rule], list[RuleFault]]:
    values = _json(body)
    if isinstance(values, dict) and "rule" not in values:
        values = {"rule": [values]}
    return read_json(values)
