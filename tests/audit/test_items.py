"""The audit of one item: it finds what is lost, unexpected and wrong, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from tests.audit.made import HOUR, LONG_AFTER, START, documents, judge, observed
from walmart_stream.audit.findings import Findings
from walmart_stream.domain.pasts import Horizon
from walmart_stream.domain.windows import Rules
from walmart_stream.storage.documents import OFFERS, PRICE_CHANGES, PRICE_WINDOWS

LOOKS = (
    (START, 10.0),
    (START + 60_000, 11.0),
    (START + 60_000, 12.0),
    (START + 30_000, 13.0),
    (START + HOUR, 11.0),
    (START + 2 * HOUR + 5, 19.0),
)
LOG = observed(*LOOKS)


def clean(found: Findings) -> bool:
    return not found.differs and not found.untold


def test_what_the_pipeline_makes_is_clean() -> None:
    """Changes, offers and windows, those included that only the clock has closed."""
    made = documents(LOG)

    found = judge(LOG, made)

    assert clean(found), found
    assert found.expected[PRICE_CHANGES] == found.stored[PRICE_CHANGES] == 3
    assert found.stored[OFFERS] == 1
    assert found.stored[PRICE_WINDOWS] >= 3


@pytest.mark.parametrize(
    ("collection", "number", "change", "fields"),
    [
        (PRICE_CHANGES, 0, {"price_cents": 1}, {"price_cents"}),
        (PRICE_CHANGES, 0, {"price_cents": 1000.0}, {"price_cents"}),
        (PRICE_CHANGES, 0, {"available": 1}, {"available"}),
        (PRICE_CHANGES, 1, {"previous": None}, {"previous"}),
        (PRICE_CHANGES, 0, {"more": 1}, {"more"}),
        (OFFERS, 0, {"more": 1, "name": "?"}, {"more", "name"}),
        (OFFERS, 0, {"two_day_cents": 1}, {"two_day_cents"}),
        (PRICE_WINDOWS, 0, {"mean": 1.0}, {"mean"}),
        (PRICE_WINDOWS, 0, {"high": 1}, {"high"}),
    ],
)
def test_a_document_that_differs_is_wrong(
    collection: str, number: int, change: dict[str, Any], fields: set[str]
) -> None:
    """In any field, by value or by type; document and fields are named."""
    made = documents(LOG)
    made[collection][number].update(change)

    found = judge(LOG, made)

    name = made[collection][number]["_id"]
    assert found.wrong == [(collection, name, fields)]
    assert (found.lost, found.unexpected) == ([], [])


@pytest.mark.parametrize("collection", [PRICE_CHANGES, OFFERS, PRICE_WINDOWS])
def test_a_missing_document_is_lost_and_a_superfluous_one_unexpected(collection: str) -> None:
    """In each collection, by name."""
    made = documents(LOG)
    missing = made[collection].pop(0)
    lost = judge(LOG, made)
    extra = {"item_id": "1", "offer": "marketplace", "start": missing.get("start")}
    made[collection][:0] = [missing, {**missing, "_id": "1:marketplace:7", **extra}]
    superfluous = judge(LOG, made)

    assert lost.lost == [(collection, missing["_id"])]
    assert superfluous.unexpected == [(collection, "1:marketplace:7")]
    assert (superfluous.lost, superfluous.wrong) == ([], [])


def test_open_windows_may_be_stored_or_not() -> None:
    """As they are, or as of fewer observations; but not as what they never were."""
    log = observed((START, 10.0), (START + 1000, 9.0), (START + 2000, 11.0))
    now = START + HOUR
    made = documents(log, now)
    earlier = documents(log[:2])[PRICE_WINDOWS][:1]
    whole = documents(log)[PRICE_WINDOWS][:1]
    never = [{**earlier[0], "high": 1}]

    found = [judge(log, {**made, PRICE_WINDOWS: one}, now=now) for one in ([], earlier, whole)]

    assert [clean(one) for one in found] == [True] * 3
    assert judge(log, {**made, PRICE_WINDOWS: never}, now=now).differs


def test_windows_of_the_future_are_not_gone_through() -> None:
    """A price that is known for 30 years has a billion windows to come."""
    rules = Rules(window_ms=1000, known_ms=10**12)
    log = observed((START, 10.0), (START + 1500, 11.0))
    now = START + 2000
    made = documents(log, now=now, rules=rules)

    found = judge(log, made, now=now, rules=rules)

    assert clean(found), found
    assert found.stored[PRICE_WINDOWS] == 1


def test_a_closed_window_that_knows_too_little_is_wrong() -> None:
    """As of its first observations only, although the last ones came long ago."""
    log = observed((START, 10.0), (START + 1000, 9.0), (START + HOUR + 1, 9.0))
    made = documents(log)
    made[PRICE_WINDOWS][0] = documents(log[:1])[PRICE_WINDOWS][0]

    found = judge(log, made)

    assert [(name, one) for name, one, _ in found.wrong] == [(PRICE_WINDOWS, f"1:featured:{START}")]


def test_what_moves_while_it_is_read_is_no_difference() -> None:
    """Between the log as it was before and after the documents were read, any version is right."""
    before, after = documents(LOG[:2], now=START), documents(LOG, now=START)
    mixed = {**before, OFFERS: after[OFFERS]}

    found = [judge(LOG, stored, now=START, lower=2) for stored in (before, after, mixed)]

    assert [clean(one) for one in found] == [True] * 3
    assert judge(LOG[:2], after, now=START).differs
    assert judge(LOG, before, now=START).differs


def test_a_window_is_judged_by_the_rules_that_it_names() -> None:
    """After POLL_INTERVAL_MAX has changed, those made before stay right, and wrong ones wrong."""
    log = observed(*((START + step * 7_000_000, 10.0 + step) for step in range(6)))
    made = documents(log, rules=Rules(HOUR, HOUR // 2))

    assert clean(judge(log, made))
    made[PRICE_WINDOWS][1]["mean"] += 1
    assert [fields for _, _, fields in judge(log, made).wrong] == [{"mean"}]


def test_what_is_remembered_for_too_long_or_too_short_is_found() -> None:
    """The audit knows by itself for how long a silent item is remembered, and what is too old."""
    days = 24 * HOUR
    remembered = Rules(HOUR, 3 * HOUR, forget_ms=10 * days)
    looks = [(START, 10.0), (START + 10 * days, 11.0), (START + 20 * days + 1, 12.0)]
    log = observed(*looks, (START + 10 * days, 9.0), (START + 20 * days + 2, 13.0))

    found = {
        days_kept: judge(
            log,
            documents(log, rules=Rules(HOUR, 3 * HOUR, forget_ms=days_kept * days)),
            rules=remembered,
        )
        for days_kept in (9, 10, 11)
    }

    first, third = (f"1:featured:{at}" for at in (START + 10 * days, START + 20 * days + 1))
    assert clean(found[10]), found[10]
    assert {name for _, name, fields in found[9].wrong if "previous" in fields} == {first}
    assert {name for _, name, fields in found[11].wrong if "previous" in fields} == {third}


# -- what the log no longer holds ----------------------------------------------------------------

PAST = observed(*((START + step * HOUR // 2, 10.0 + step // 3) for step in range(40)))


def horizon_at(offset: int) -> Horizon:
    return Horizon(offset, PAST[offset].timestamp + 60_000)


@pytest.mark.parametrize("first", range(17, 24))
def test_what_was_before_the_log_cannot_be_told_and_the_rest_is_judged(first: int) -> None:
    """It is not called wrong, and what comes out the same whatever was before is called right."""
    made = documents(PAST)
    found = judge(PAST[first:], made, horizon=horizon_at(first))

    assert not found.differs, found
    assert found.untold
    told = sum(found.expected.values())
    assert told > 10
    assert told + len(found.untold) == sum(found.stored.values())


@pytest.mark.parametrize(
    ("collection", "number", "change"),
    [
        (PRICE_CHANGES, -1, {"price_cents": 1}),
        (PRICE_CHANGES, -1, {"kinds": ["shipping"]}),
        (OFFERS, 0, {"price_cents": 1}),
        (OFFERS, 0, {"name": "?"}),
        (PRICE_WINDOWS, -1, {"mean": 1.0}),
        (PRICE_WINDOWS, -1, {"observations": 7}),
    ],
)
def test_what_the_log_still_determines_is_judged_after_retention(
    collection: str, number: int, change: dict[str, Any]
) -> None:
    """A wrong document is wrong, whatever was before the log."""
    made = documents(PAST)
    made[collection][number].update(change)

    found = judge(PAST[20:], made, horizon=horizon_at(20))

    name = made[collection][number]["_id"]
    assert [(one, of) for one, of, _ in found.wrong] == [(collection, name)]


@pytest.mark.parametrize("collection", [PRICE_CHANGES, PRICE_WINDOWS])
def test_what_the_log_still_determines_is_lost_if_it_is_missing(collection: str) -> None:
    """So a worker that stands still is found out after retention, too."""
    made = documents(PAST)
    missing = made[collection].pop(-2)

    found = judge(PAST[20:], made, horizon=horizon_at(20))

    assert found.lost == [(collection, missing["_id"])]


def test_a_stable_offer_is_judged_by_what_it_says_now() -> None:
    """The time of its change cannot be told, its content can."""
    log = observed(*((START + step * HOUR, 10.0) for step in range(40)))
    made = documents(log)
    right = judge(log[20:], made, horizon=Horizon(20, log[20].timestamp + 1))
    made[OFFERS][0]["two_day_cents"] = 1
    wrong = judge(log[20:], made, horizon=Horizon(20, log[20].timestamp + 1))

    assert not right.differs
    assert (OFFERS, "they depend on observations that the log no longer holds") in right.untold
    assert [fields for _, _, fields in wrong.wrong] == [{"two_day_cents"}]


def test_invented_first_sights_are_found_although_the_log_cannot_tell() -> None:
    """A first sight after an earlier change contradicts what is stored."""
    made = documents(PAST)
    invented = documents(PAST[20:])
    first = invented[PRICE_CHANGES][0]
    assert first["kinds"] == ["first_seen"]
    known = {one["_id"] for one in made[PRICE_CHANGES]}
    made[PRICE_CHANGES] += [first] if first["_id"] not in known else []
    made[PRICE_CHANGES].sort(key=lambda one: one["observed_at"])

    found = judge(PAST[20:], made, horizon=horizon_at(20))

    assert (PRICE_CHANGES, first["_id"], {"kinds"}) in found.wrong


def test_the_end_of_an_offer_that_the_log_never_names_cannot_be_told() -> None:
    """It was there before the log begins, and the first answer that is left names it no more."""
    log = observed((START, 10.0), best=7) + observed((START + 1000, 10.0), first=1)
    log += observed((START + HOUR, 10.0), first=2)
    made = documents(log)
    assert f"1:marketplace:{START + 1000}" in {one["_id"] for one in made[PRICE_CHANGES]}

    for until in (START + 500, START + 2000):
        found = judge(log[1:], made, horizon=Horizon(1, until))
        assert not found.differs, (until, found)
        assert found.untold


def test_an_item_that_the_log_has_lost_cannot_be_told() -> None:
    """Unless a document contradicts itself."""
    made = documents(PAST)
    right = judge([], made, horizon=Horizon(100, LONG_AFTER))
    made[PRICE_WINDOWS][0]["coverage"] = 7.8
    wrong = judge([], made, horizon=Horizon(100, LONG_AFTER))

    assert not right.differs
    assert len(right.untold) == sum(right.stored.values())
    assert [fields for _, _, fields in wrong.wrong] == [{"coverage"}]
