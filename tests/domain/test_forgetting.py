"""An item that is silent for long is forgotten: by the log alone, whenever its state is deleted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.domain.seller_looks import SellerLook
from tests.domain.test_oracle import (
    FAR,
    KNOWN,
    TICK,
    WIDTH,
    AnyLook,
    Documents,
    Look,
    Oracle,
    Run,
    Said,
    affiliate_looks,
    closings,
    entries,
    entry,
    event_set,
    logs,
    oracle_of,
)
from walmart_stream.domain import state
from walmart_stream.domain.closing import CLOSE_DELAY_MS
from walmart_stream.domain.events import PriceChange
from walmart_stream.domain.forgetting import is_forgotten
from walmart_stream.domain.windows import Rules

FORGET = KNOWN + 2 * WIDTH
RULES = Rules(window_ms=WIDTH, known_ms=KNOWN, forget_ms=FORGET)


# -- the oracle: a log falls into lives --------------------------------------------------------


def lives(log: list[AnyLook]) -> tuple[list[list[tuple[int, AnyLook]]], int]:
    """The looks of each life of each item, with their offsets; and how many were too late."""
    found: dict[str, list[list[tuple[int, AnyLook]]]] = {}
    too_late = 0
    for offset, look in enumerate(log):
        mine = found.setdefault(look.item_id, [[]])
        is_silent = isinstance(look, SellerLook) and look.meaning().silent
        said = [one for _, one in mine[-1] if isinstance(one, Look) or not one.meaning().silent]
        if said and not is_silent:
            newest = max(one.at for one in said)
            if look.at < newest - FORGET:
                too_late += 1
                continue
            if look.at > newest + FORGET and all(isinstance(one, Look) for one in said):
                mine.append([])
        mine[-1].append((offset, look))
    return [life for each in found.values() for life in each], too_late


def due(log: list[AnyLook]) -> tuple[Documents, Documents, Documents, list[int]]:
    """Changes, offers and windows of the oracle, and its counts."""
    parts, too_late = lives(log)
    results: list[Oracle] = [oracle_of(life) for life in parts]
    changes: Documents = {}
    offers: Documents = {}
    windows: Documents = {}
    for part in results:
        changes |= part.changes
        offers |= part.offers
        windows |= part.windows
    counts = [sum(numbers) for numbers in zip(*(part.counts for part in results), strict=True)]
    counts = counts or [0, 0, 0, 0]
    counts[2] += too_late
    return changes, offers, windows, counts


# -- the worker: it may delete what is beyond the limit ------------------------------------------


class Forgetful(Run):
    """A processor that deletes states when it is told to."""

    def __init__(self) -> None:
        super().__init__(RULES)
        self.deleted = 0

    def delete(self, now: int) -> None:
        for item_id, value in list(self.stored.items()):
            if is_forgotten(state.decode(value), now, self.rules):
                del self.stored[item_id]
                self.deleted += 1


def feed(run: Run, log: Iterable[AnyLook]) -> None:
    for offset, look in enumerate(log):
        run.feed([entry(look, offset)])


# Three stretches with silence between, each longer than what is remembered.
stretches = st.sampled_from([0, 200, 500])


def stretched(looks: list[AnyLook], by: list[int]) -> list[AnyLook]:
    return [
        replace(look, at=look.at % (60 * TICK) + shift * TICK)
        for look, shift in zip(looks, sorted(by), strict=False)
    ]


long_logs = st.builds(
    stretched,
    st.one_of(logs, st.lists(affiliate_looks, max_size=30)),
    st.lists(stretches, min_size=30, max_size=30),
)
# Not at the epoch itself: no time that an item was heard at is 0.
any_log = st.one_of(logs, long_logs).map(
    lambda log: [replace(look, at=look.at + 10 * WIDTH) for look in log]
)


@given(any_log)
@settings(max_examples=300)
def test_the_results_are_those_of_the_oracle(log: list[AnyLook]) -> None:
    """Each life of an item is by itself what the contract says, and what is too old is late."""
    run = Run(RULES)

    feed(run, log)
    run.close(FAR)

    changes, offers, windows = run.documents()
    assert (changes, offers, windows, run.counts) == due(log)


@given(any_log, closings, st.lists(st.tuples(st.integers(0, 30), st.booleans()), max_size=6))
@settings(max_examples=400)
def test_states_may_be_deleted_at_any_time(
    log: list[AnyLook], closed: list[tuple[int, int, bool]], deletions: list[tuple[int, bool]]
) -> None:
    """Whenever a worker deletes what is beyond the limit, whether or not a crash undoes it, the
    same documents come out, and in the end the same states."""
    once = Run(RULES)
    feed(once, log)
    run = Forgetful()

    for offset, one in enumerate(entries(log)):
        # The time of the log: nothing that follows was observed longer than FORGET before.
        now = min(look.at for look in log[offset:]) + FORGET
        for place, at, crash in closed:
            if place == offset:
                run.close(min(now, CLOSE_DELAY_MS + at * TICK), crash=crash)
        for place, crash in deletions:
            if place == offset:
                run.close(now + CLOSE_DELAY_MS)
                stored = dict(run.stored)
                run.delete(now)
                run.stored = stored if crash else run.stored
        run.feed([one])
    left = {item_id: state.decode(value) for item_id, value in run.stored.items()}
    whole = {item_id: state.decode(value) for item_id, value in once.stored.items()}
    run.close(FAR)
    once.close(FAR)

    assert run.documents() == once.documents()
    assert run.counts == once.counts
    for item_id, item in whole.items():
        if item_id in left:
            assert [(name, one.offer) for name, one in left[item_id].offers.items()] == [
                (name, one.offer) for name, one in item.offers.items()
            ]


@given(any_log, st.data())
@settings(max_examples=300)
def test_any_prefix_may_be_replayed(log: list[AnyLook], data: st.DataObject) -> None:
    """A log that is read again does not bring back an item that it has forgotten."""
    once = Run(RULES)
    feed(once, log)
    reached = data.draw(st.integers(0, len(log)))
    restart = data.draw(st.integers(0, reached))
    run = Run(RULES)

    run.feed(entries(log)[:reached])
    run.feed(entries(log)[restart:])

    assert run.stored == once.stored
    assert event_set(run) == event_set(once)


# -- by example --------------------------------------------------------------------------------


def seen(at: int, price: int) -> Look:
    return Look("7", at * TICK, Said(price, 0, None, True, None), None)


def kinds(log: list[AnyLook], *, delete: bool) -> list[tuple[str, ...]]:
    run = Forgetful()
    for offset, look in enumerate(log):
        if delete:
            # As late as an observation may be.
            run.close(look.at + FORGET + CLOSE_DELAY_MS)
            run.delete(look.at + FORGET)
        run.feed([entry(look, offset)])
    assert bool(run.deleted) == delete
    return [event.kinds for event in run.events if isinstance(event, PriceChange)]


def test_an_item_is_new_after_a_silence_whether_or_not_its_state_was_deleted() -> None:
    """A moment less, and it is remembered: the change is one of its price."""
    limit = FORGET // TICK
    log: list[AnyLook] = [seen(10, 100), seen(10 + limit, 200), seen(1000, 300)]

    assert kinds(log, delete=False) == [("first_seen",), ("price",), ("first_seen",)]
    assert kinds(log, delete=True) == kinds(log, delete=False)


def test_a_state_with_open_windows_is_not_deleted() -> None:
    """Its windows are the clock's to close, which comes first."""
    run = Forgetful()
    run.feed([entry(seen(10, 100), 0)])

    run.delete(FAR)
    before = run.deleted
    run.close(FAR)
    run.delete(FAR)

    assert (before, run.deleted, run.stored) == (0, 1, {})


# Ticks between two observations: both workers remember; one does not, or has deleted; neither does.
SPAN = FORGET // TICK
gaps = st.sampled_from([1, SPAN, SPAN + 1, 2 * SPAN + 1, 3 * SPAN, 3 * SPAN + 1])


@given(st.lists(st.tuples(gaps, st.sampled_from([100, 200]), st.booleans(), st.booleans())))
@settings(max_examples=200)
def test_workers_that_forget_after_different_times_are_each_right_by_one_of_them(
    log: list[tuple[int, int, bool, bool]],
) -> None:
    """They take over from each other, and either may delete the state: no observation is left out
    or counted twice, and no change is anything but what one of the two rules says."""
    rules = RULES, replace(RULES, forget_ms=3 * FORGET)
    alone = [Run(one) for one in rules]
    mixed = Forgetful()
    at = 10 * WIDTH // TICK
    for offset, (gap, price, forgets_late, deletes) in enumerate(log):
        at += gap
        one = entry(seen(at, price), offset)
        mixed.rules = rules[forgets_late]
        if deletes:
            mixed.close(at * TICK + CLOSE_DELAY_MS)
            mixed.delete(at * TICK)
        for run in (mixed, *alone):
            run.feed([one])

    assert mixed.counts == alone[0].counts == alone[1].counts
    either = [*changes_of(alone[0]), *changes_of(alone[1])]
    made = changes_of(mixed)
    assert all(change in either for change in made)
    assert {one for one in changes_of(alone[0]) if one in changes_of(alone[1])} <= set(made)


def changes_of(run: Run) -> list[PriceChange]:
    return [event for event in run.events if isinstance(event, PriceChange)]
