"""Alert rules as a page: added, changed, disabled, removed; mutes, and channels to be tried."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from walmart_stream.domain.alerts.book import ITEM, RULE, mute_key, mute_value
from walmart_stream.domain.alerts.rule_fields import FieldFault, RuleFaults, duration
from walmart_stream.domain.alerts.rule_file import MOST_RULES, encode_rule
from walmart_stream.domain.alerts.rules import Rule
from walmart_stream.domain.item_id import RIGHT, item_id_in
from walmart_stream.domain.time import parse_iso, to_ms
from walmart_stream.web.alerts import rules_data
from walmart_stream.web.context import Context
from walmart_stream.web.errors import BadRequest, Conflict, NotFound
from walmart_stream.web.inputs import NoQuery, query
from walmart_stream.web.pages import rule_form
from walmart_stream.web.pages.forms import read_form
from walmart_stream.web.pages.frame import data, page, see, values_file
from walmart_stream.web.pages.inputs import ChannelForm, MuteForm, RuleForm, RulesQuery
from walmart_stream.web.rule_versions import require_version, version_of


async def show(context: Context, request: web.Request) -> web.StreamResponse:
    """The rules, with the form of a new one, or of the one to change."""
    asked = query(RulesQuery, request)
    if asked.edit is None:
        return await _page(context, request, asked)
    rule = (await context.live.alert_book()).rules.get(asked.edit)
    if rule is None:
        raise NotFound("edit: there is no such rule; somebody may have removed it")
    return await _page(
        context,
        request,
        asked,
        form=rule_form.form_of(rule),
        version=version_of(rule.given),
    )


async def answer(context: Context, request: web.Request) -> web.StreamResponse:
    """The page's data."""
    query(NoQuery, request)
    return data(request, await rules_data(context))


async def answer_csv(context: Context, request: web.Request) -> web.StreamResponse:
    """The page's data, a line for each value."""
    query(NoQuery, request)
    return values_file("rules", await rules_data(context))


async def change(context: Context, request: web.Request) -> web.StreamResponse:
    """Save, enable, disable or remove a rule; answered when the brokers have acknowledged it."""
    query(NoQuery, request)
    form = await read_form(request, RuleForm)
    if form.action == "save":
        return await _save(context, request, form)
    rule = await _there(context, form.name or "")
    value = None
    if form.action == "remove":
        require_version(form.version, rule.name, rule.given)
    if form.action != "remove":
        value = encode_rule(rule.switched(form.action == "enable"))
    await context.live.write_rules([(rule.name.encode(), value)])
    return see(f"/alerts/rules?did={form.action}&name={rule.name}")


async def mute(context: Context, request: web.Request) -> web.StreamResponse:
    """Tell nobody of the alerts of an item or a rule until a time, or tell of them again."""
    query(NoQuery, request)
    form = await read_form(request, MuteForm)
    try:
        kind, name = _muted(form)
        key = mute_key(kind, name)
        until = None if form.action == "end" else _until(form.until or "", to_ms(context.clock()))
    except ValueError as exc:
        shown = form.model_dump(exclude_none=True)
        return await _page(context, request, RulesQuery(), mute=shown, mute_fault=str(exc))
    await context.live.write_rules([(key, None if until is None else mute_value(until))])
    return see(f"/alerts/rules?did={form.action}&name={name}")


async def try_channel(context: Context, request: web.Request) -> web.StreamResponse:
    """Send a channel a message, and show whether it was taken."""
    query(NoQuery, request)
    form = await read_form(request, ChannelForm)
    if form.channel not in context.live.alert_channels():
        raise BadRequest("channel: ALERT_CHANNELS has no such channel")
    fault = await context.live.try_channel(form.channel)
    return await _page(context, request, RulesQuery(), tried=(form.channel, fault))


async def _save(context: Context, request: web.Request, form: RuleForm) -> web.StreamResponse:
    there = (await context.live.alert_book()).rules
    version, stale = form.version, None
    try:
        rule = rule_form.rule_of(form)
        is_there = rule.name in there and there[rule.name].given == rule.given
        if is_there and (form.was == rule.name or form.was not in there):
            # Sent twice, as by a double click: the first one has done it.
            return see(f"/alerts/rules?did=save&name={rule.name}")
        _check(context, rule, form.was, there)
        if form.was is not None:
            require_version(version, form.was, there[form.was].given)
    except (RuleFaults, Conflict) as exc:
        if isinstance(exc, Conflict):
            # Who has read that may save once more, and then replaces it knowingly.
            version, stale = version_of(there[form.was or ""].given), exc.message
        return await _page(
            context,
            request,
            RulesQuery(edit=form.was),
            form=rule_form.typed(form),
            faults=rule_form.by_field(exc) if isinstance(exc, RuleFaults) else None,
            version=version,
            stale=stale,
        )
    records: list[tuple[bytes, bytes | None]] = [(rule.name.encode(), encode_rule(rule))]
    if form.was not in (None, rule.name):
        # Another name is another rule: the alerts of the old one end.
        records.append((str(form.was).encode(), None))
    await context.live.write_rules(records)
    return see(f"/alerts/rules?did=save&name={rule.name}")


def _check(context: Context, rule: Rule, was: str | None, there: Mapping[str, Rule]) -> None:
    """Raises:
    RuleFaults: *rule* cannot take the place of *was* in what is *there*.
    """
    faults = []
    if rule.name != was and rule.name in there:
        faults.append(FieldFault("name", "another rule has it already: change that one"))
    if was is not None and was not in there:
        faults.append(FieldFault("name", f"somebody has removed the rule {was} meanwhile"))
    if len(there.keys() | {rule.name}) > MOST_RULES:
        faults.append(FieldFault("name", f"there would be more than {MOST_RULES:,} rules"))
    known = context.live.alert_channels()
    for one in rule.channels:
        if one not in known:
            names = ", ".join(known) or "none"
            faults.append(FieldFault("channels", f"{one} is not in ALERT_CHANNELS: {names}"))
    if faults:
        raise RuleFaults(faults)


async def _there(context: Context, name: str) -> Rule:
    rule = (await context.live.alert_book()).rules.get(name)
    if rule is None:
        raise BadRequest("name: there is no such rule; somebody may have removed it")
    return rule


def _muted(form: MuteForm) -> tuple[str, str]:
    item, rule = (form.item or "").strip(), (form.rule or "").strip()
    if bool(item) is bool(rule):
        raise ValueError("must be for an item or a rule, and not for both")
    if rule:
        return RULE, rule
    item_id = item_id_in(item)
    if item_id is None:
        raise ValueError(f"item: {RIGHT}")
    return ITEM, item_id


def _until(text: str, now: int) -> int:
    """Epoch milliseconds of a time, or of a length from *now* on."""
    text = text.strip()
    try:
        until = now + duration(text)
    except ValueError:
        try:
            until = parse_iso(text)
        except ValueError:
            right = "a length such as 8h or 2d, or a time such as 2027-01-01T08:00Z"
            raise ValueError(f"until: must be {right}") from None
    if until <= now:
        raise ValueError("until: must be later than now")
    return until


async def _page(
    context: Context,
    request: web.Request,
    asked: RulesQuery,
    *,
    form: Mapping[str, str] | None = None,
    faults: Mapping[str, str] | None = None,
    version: str | None = None,
    stale: str | None = None,
    mute: dict[str, Any] | None = None,
    mute_fault: str | None = None,
    tried: tuple[str, str | None] | None = None,
) -> web.StreamResponse:
    found = await rules_data(context)
    return page(
        context,
        request,
        "rules.html",
        status=409 if stale else 400 if faults or mute_fault else 200,
        **found | {"rules": [rule_form.row_of(one) for one in found["rules"]]},
        asked=asked,
        groups=rule_form.GROUPS,
        form=rule_form.empty() if form is None else form,
        faults=faults or {},
        version=version,
        stale=stale,
        mute={"item": asked.item, "rule": asked.rule, "until": None} | (mute or {}),
        mute_fault=mute_fault,
        tried=tried,
    )
