"""The state of an item at any time is what the oracle has applied by then."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.domain.test_oracle import RULES, TICK, AnyLook, Oracle, entry, logs, oracle
from walmart_stream.domain.apply import Entry
from walmart_stream.domain.known_then import ItemLog, Then, known_then
from walmart_stream.domain.pasts import Horizon
from walmart_stream.domain.time import to_iso, to_ms

Fields = dict[str, tuple[object, ...]]


def log_of(log: list[AnyLook], item_id: str, first: int = 0) -> list[Entry]:
    """The observations of an item from the offset *first* on."""
    return [
        entry(look, offset)
        for offset, look in enumerate(log)
        if look.item_id == item_id and offset >= first
    ]


def facts_of(then: Then) -> Fields:
    return {
        name: (*fact.offer, fact.observed_at, fact.changed_at, fact.source.offset)
        for name, fact in then.offers.items()
    }


def due(found: Oracle, item_id: str, at: int) -> Fields:
    """The last of each offer that the oracle has applied up to *at*."""
    facts: Fields = {}
    for (item, offer), (history, _) in found.applied.items():
        past = [one for one in history if one.at <= at]
        if item == item_id and past:
            last = past[-1]
            changed = [
                to_ms(change["observed_at"])
                for change in found.changes.values()
                if (change["item_id"], change["offer"]) == (item_id, offer)
            ]
            facts[offer] = (
                *(last.price, last.shipping, last.two_day, last.available, last.seller),
                *(last.at, max(one for one in changed if one <= at), last.offset),
            )
    return facts


@given(logs)
@settings(max_examples=100)
def test_every_time_of_every_item_is_as_the_oracle_has_it(log: list[AnyLook]) -> None:
    """Offers, the observation that each is based on, and the buy box."""
    found = oracle(log)
    for item_id in {look.item_id for look in log}:
        entries = log_of(log, item_id)
        times = sorted({look.at for look in log})
        for at in (times[0] - 1, *times, times[-1] + TICK // 2):
            then = known_then(ItemLog(item_id, 3, entries, None), at, RULES)

            assert facts_of(then) == due(found, item_id, at)
            side = found.items.get(item_id)
            words = [] if side is None else [word for word in side.words if word.at <= at]
            assert then.is_whole
            if words:
                assert then.buy_box is not None
                shown = {**words[-1].document(), "since": to_iso(words[-1].since)}
                assert then.buy_box == shown
            else:
                assert then.buy_box is None


@given(logs.filter(bool), st.data())
@settings(max_examples=100)
def test_a_log_without_its_beginning_tells_nothing_wrong(
    log: list[AnyLook], data: st.DataObject
) -> None:
    """Each fact that is told is the one of the whole log; what may be another one is left out."""
    cut = data.draw(st.integers(1, len(log)))
    until = max(look.at for look in log[:cut])
    for item_id in {look.item_id for look in log}:
        whole = ItemLog(item_id, 3, log_of(log, item_id), None)
        rest = ItemLog(item_id, 3, log_of(log, item_id, cut), Horizon(cut, until))
        for at in sorted({look.at for look in log}):
            told, true = known_then(rest, at, RULES), known_then(whole, at, RULES)

            assert not told.is_whole
            for name, fact in told.offers.items():
                assert fact._replace(changed_at=0) == true.offers[name]._replace(changed_at=0)
                assert fact.changed_at in (None, true.offers[name].changed_at)
            assert told.buy_box is None
            assert told.name in (None, true.name)
