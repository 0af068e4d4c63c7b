"""Windows: tumbling, in event time, per offer."""

from __future__ import annotations

import pytest

from walmart_stream.domain import state
from walmart_stream.domain.apply import Entry, Outcome, apply
from walmart_stream.domain.closing import announce, close_windows
from walmart_stream.domain.events import Source, WindowClosed
from walmart_stream.domain.offers import UNAVAILABLE, Offer
from walmart_stream.domain.reading.amounts import MAX_CENTS
from walmart_stream.domain.reading.observation import Observation
from walmart_stream.domain.window_rows import live_windows, window_values
from walmart_stream.domain.windows import CLOSE_DELAY_MS, Rules
from walmart_stream.settings import Settings

RULES = Rules(window_ms=1000, known_ms=3000)


def priced(landed: int) -> Offer:
    return Offer(landed, 0, None, True, "Acme")


UNKNOWN = Offer(500, None, None, True, "Acme")


def look(at: int, offer: Offer | None) -> Entry:
    observation = Observation("1", at, "affiliate", None, {"featured": offer})
    return Entry(observation, Source("raw", 0, 0))


def run(*looks: tuple[int, Offer | None]) -> Outcome:
    return apply({}, [look(at, offer) for at, offer in looks], RULES)


def closed(outcome: Outcome) -> list[WindowClosed]:
    return [event for event in outcome.events if isinstance(event, WindowClosed)]


def nothing(item_id: str, start: int) -> None: ...


def window(*looks: tuple[int, Offer | None]) -> WindowClosed:
    """The last window of *looks*, closed by the clock."""
    _, events = close_windows("1", run(*looks).states["1"], 10**9, RULES)
    return events[0]


def test_rules_come_from_seconds() -> None:
    """Those of WINDOW_SIZE and PRICE_KNOWN_FOR."""
    assert Rules.in_seconds(3600, 10_800) == Rules(window_ms=3_600_000, known_ms=10_800_000)
    assert Rules.in_seconds(1, 1.5) == Rules(window_ms=1000, known_ms=1500)


def test_windows_are_aligned_to_the_epoch() -> None:
    """The first millisecond belongs to a window, that of its end to the next."""
    assert [RULES.start_of(at) for at in (0, 999, 1000, 1001)] == [0, 0, 1000, 1000]


def test_open_high_low_close_are_those_of_the_observations() -> None:
    """Landed cents, in order of time; a price replaced at the very start is none of them."""
    event = window((500, priced(9999)), (1000, priced(20)), (1300, priced(50)), (1900, priced(30)))

    assert (event.open, event.high, event.low, event.close) == (20, 50, 20, 30)
    assert (event.start, event.end, event.carried) == (1000, 2000, False)


def test_a_carried_price_counts_for_open_high_and_low() -> None:
    """So that the mean, for which it counts, lies between low and high."""
    event = window((500, priced(10_000)), (1500, priced(5000)))

    assert (event.open, event.high, event.low, event.close) == (10_000, 10_000, 5000, 5000)
    assert (event.mean, event.observations, event.carried) == (7500.0, 1, True)


def test_a_known_price_is_stored_of_windows_in_which_nothing_is_observed() -> None:
    """A later observation closes all windows that it skips and in which the price is known."""
    outcome = run((100, priced(10)), (9100, priced(20)))

    events = closed(outcome)
    assert [(event.start, event.observations) for event in events] == [
        (0, 1),
        (1000, 0),
        (2000, 0),
        (3000, 0),
    ]
    assert [event.carried for event in events] == [False, True, True, True]
    assert [event.coverage for event in events] == [0.9, 1.0, 1.0, 0.1]
    assert {(event.open, event.high, event.low, event.close, event.mean) for event in events} == {
        (10, 10, 10, 10, 10.0)
    }


def test_a_silent_item_has_no_more_windows_than_its_price_is_known_in() -> None:
    """However long it is silent: the clock closes the same windows, and is done."""
    state = run((100, priced(10))).states["1"]

    after, events = close_windows("1", state, 10**12, RULES)

    assert [event.start for event in events] == [0, 1000, 2000, 3000]
    assert events[1:] == closed(run((100, priced(10)), (9100, priced(20))))[1:]
    assert after.next_close(RULES) is None


def test_an_observation_that_comes_late_corrects_the_windows_closed_without_it() -> None:
    """They are closed again, and know a later observation; also those that now are unknown."""
    state = run((100, priced(10))).states["1"]
    state, _ = close_windows("1", state, 10**9, RULES)

    late = apply({"1": state}, [look(1500, None)], RULES).states["1"]
    _, events = close_windows("1", late, 10**9, RULES)

    assert [(event.start, event.seen_at) for event in events] == [
        (1000, 1500),
        (2000, 1500),
        (3000, 1500),
    ]
    assert [(event.observations, event.coverage) for event in events] == [(1, 0.5), (0, 0), (0, 0)]


def test_unobserved_windows_are_noted_before_they_are_told() -> None:
    """Whoever goes on after a crash in between knows which ones may be out there."""
    state = run((100, priced(10))).states["1"]
    noted = state.copy()

    assert announce(noted, 2000 + CLOSE_DELAY_MS + 1, RULES)
    assert not announce(noted, 2000 + CLOSE_DELAY_MS + 1, RULES)

    late = apply({"1": noted}, [look(500, None)], RULES).states["1"]
    _, events = close_windows("1", late, 10**9, RULES)
    assert [(event.start, event.seen_at, event.coverage) for event in events] == [
        (0, 500, 0.4),
        (1000, 500, 0.0),
    ]


def test_a_change_of_width_closes_what_is_open_at_the_old_one() -> None:
    """Its coverage is of its own width, and what follows is counted at the new one alone."""
    narrow = Rules(window_ms=100, known_ms=3000)
    state = run((100, priced(10)), (900, priced(20))).states["1"]

    outcome = apply({"1": state}, [look(950, priced(30)), look(1000, priced(40))], narrow)

    old, new = closed(outcome)
    assert (old.start, old.end, old.observations, old.coverage) == (0, 1000, 2, 0.9)
    assert (new.start, new.end, new.observations, new.coverage) == (900, 1000, 1, 1.0)
    assert (new.open, new.close, new.carried, new.since) == (20, 30, True, 900)


def test_the_clock_closes_windows_of_another_width_at_once() -> None:
    """A restart with another WINDOW_SIZE does not wait for their end; it happens once."""
    wide = Rules(window_ms=5000, known_ms=3000)
    state = run((100, priced(10))).states["1"]

    after, events = close_windows("1", state, CLOSE_DELAY_MS + 200, wide)

    assert [(event.start, event.end, event.coverage) for event in events] == [(0, 1000, 0.9)]
    assert after.next_close(wide) == 5000
    assert close_windows("1", after, CLOSE_DELAY_MS + 200, wide) == (after, [])


def test_a_window_keeps_the_rules_that_it_began_with() -> None:
    """PRICE_KNOWN_FOR may change over a restart; a stored window says by which it was made."""
    state = run((100, priced(10))).states["1"]
    longer = Rules(window_ms=1000, known_ms=9000)

    outcome = apply({"1": state}, [look(5000, priced(20)), look(6100, priced(20))], longer)

    assert [(event.start, event.known_ms) for event in closed(outcome)] == [
        (0, 3000),
        (1000, 3000),
        (2000, 3000),
        (3000, 3000),
        (5000, 9000),
    ]


def test_changes_leave_out_the_first_sight() -> None:
    """Observations count all that were applied, changes those that differ from the one before."""
    event = window((0, priced(5)), (100, priced(5)), (200, priced(6)), (300, None))

    assert (event.observations, event.changes) == (4, 2)


def test_unknown_landed_prices_are_observations_and_no_prices() -> None:
    """They neither open nor close a window, nor are they its low."""
    event = window((0, UNKNOWN), (100, priced(7)), (200, UNAVAILABLE), (300, UNKNOWN))

    assert event.observations == 4
    assert (event.open, event.high, event.low, event.close) == (7, 7, 7, 7)
    assert (event.mean, event.coverage) == (7.0, 0.1)


def test_a_window_of_unknown_prices_has_none() -> None:
    """No mean of nothing."""
    event = window((0, UNKNOWN), (900, UNKNOWN))

    assert (event.open, event.high, event.low, event.close, event.mean) == (None,) * 5
    assert (event.observations, event.coverage) == (2, 0.0)


def test_the_mean_is_weighted_by_time() -> None:
    """A price counts from its observation to the next one, and the last one to the end."""
    event = window((0, priced(100)), (100, priced(200)), (300, priced(400)))

    assert event.mean == (100 * 100 + 200 * 200 + 700 * 400) / 1000
    assert event.coverage == 1.0


def test_time_before_the_first_sight_is_not_covered() -> None:
    """An unknown price is not guessed."""
    event = window((750, priced(100)))

    assert (event.mean, event.coverage) == (100.0, 0.25)


def test_a_price_is_carried_in_from_the_window_before() -> None:
    """It counts from the start of the window to the first observation in it."""
    event = window((900, priced(100)), (1600, priced(200)))

    assert event.mean == (600 * 100 + 400 * 200) / 1000
    assert event.coverage == 1.0


def test_an_unknown_price_is_not_carried_in() -> None:
    """Nor is what was known before it."""
    event = window((800, priced(100)), (900, UNKNOWN), (1600, priced(200)))

    assert (event.mean, event.coverage) == (200.0, 0.4)


def test_a_price_is_known_for_a_limited_time() -> None:
    """Three poll intervals after it was seen nobody knows what it is."""
    event = window((500, priced(100)), (3800, priced(300)))

    # Known until 3500: half of the window from 3000, then unknown for 300 ms.
    assert event.mean == (500 * 100 + 200 * 300) / 700
    assert event.coverage == 0.7


def test_the_limit_holds_within_a_window() -> None:
    """It does not matter in which window the time has run out."""
    rules = Rules(window_ms=1000, known_ms=100)
    state = apply({}, [look(0, priced(10)), look(500, priced(20))], rules).states["1"]

    _, (event,) = close_windows("1", state, 10**9, rules)

    assert (event.mean, event.coverage) == (15.0, 0.2)


def test_seeing_the_same_price_again_makes_it_known_again() -> None:
    """An observation without a change is still one."""
    rules = Rules(window_ms=1000, known_ms=300)
    looks = [look(at, priced(10)) for at in (0, 250, 500, 750)]
    state = apply({}, looks, rules).states["1"]

    _, (event, _) = close_windows("1", state, 10**9, rules)

    assert (event.mean, event.coverage, event.changes) == (10.0, 1.0, 0)


def test_a_later_observation_closes_the_window() -> None:
    """The event comes with the first observation in a later window, before its change."""
    outcome = run((100, priced(10)), (1100, priced(20)))

    _, event, change = outcome.events
    assert isinstance(event, WindowClosed)
    assert not isinstance(change, WindowClosed)
    assert (event.start, event.observations, event.coverage) == (0, 1, 0.9)


def test_windows_of_unknown_prices_without_observations_are_skipped() -> None:
    """Nothing is stored for a window in which nothing was seen and nothing known."""
    outcome = run((100, priced(10)), (200, None), (5100, priced(20)))

    assert [event.start for event in closed(outcome)] == [0]
    assert outcome.states["1"].offers["featured"].window.start == 5000


def test_a_late_observation_leaves_closed_windows_alone() -> None:
    """It is not applied to anything."""
    outcome = run((100, priced(10)), (1100, priced(20)), (200, priced(30)))

    assert len(closed(outcome)) == 1
    assert outcome.late == 1


def test_the_clock_closes_a_window_more_than_a_minute_after_its_end() -> None:
    """Not earlier: answers may still be on their way."""
    state = run((100, priced(10))).states["1"]

    _, early = close_windows("1", state, 1000 + CLOSE_DELAY_MS, RULES)
    after, due = close_windows("1", state, 1000 + CLOSE_DELAY_MS + 1, RULES)

    assert early == []
    assert [event.start for event in due] == [0]
    assert state.offers["featured"].closed == 0
    assert after.offers["featured"].closed == 1


def test_the_clock_closes_a_window_once() -> None:
    """And a later observation does not close it again."""
    state, _ = close_windows("1", run((100, priced(10))).states["1"], 10**9, RULES)

    _, again = close_windows("1", state, 10**9, RULES)
    outcome = apply({"1": state}, [look(1100, priced(20))], RULES)

    assert again == []
    assert closed(outcome) == []


def test_what_comes_after_the_clock_closes_the_window_again() -> None:
    """With more observations, so that it replaces the first close."""
    state, (first, *_) = close_windows("1", run((100, priced(10))).states["1"], 10**9, RULES)

    late = apply({"1": state}, [look(200, priced(20))], RULES).states["1"]
    _, (second, *_) = close_windows("1", late, 10**9, RULES)

    assert (first.observations, second.observations) == (1, 2)
    assert (first.start, second.start) == (0, 0)


def test_both_ways_of_closing_give_the_same() -> None:
    """The clock and a later observation know the same observations."""
    looks = [(100, priced(10)), (400, priced(20))]
    _, (by_clock, *_) = close_windows("1", run(*looks).states["1"], 10**9, RULES)

    (by_observation,) = closed(run(*looks, (1100, priced(30))))

    assert by_clock == by_observation


def test_offers_have_their_own_windows() -> None:
    """One offer's later observation does not close another one's window."""
    both = Observation("1", 100, "a", None, {"featured": priced(1), "marketplace": priced(2)})
    one = Observation("1", 1100, "a", None, {"featured": priced(1)})

    outcome = apply({}, [Entry(both, Source("r", 0, 0)), Entry(one, Source("r", 0, 1))], RULES)

    assert [event.offer for event in closed(outcome)] == ["featured"]


def test_expired_windows_are_those_before_the_last_two() -> None:
    """Live views show an item's newest window and the one before."""
    outcome = run(*[(1000 * number, priced(number)) for number in range(4)])

    assert outcome.expired == [("1", 0), ("1", 1000)]
    assert outcome.states["1"].previous_window == 2000


def test_the_windowed_table_holds_what_windows_have_come_to() -> None:
    """Every window that a batch has left, but for those that nobody can ask for any more."""
    outcome = run((100, priced(10)), (1100, priced(20)), (2100, priced(30)))

    values = window_values(outcome, nothing)

    assert set(values) == {("1", 0), ("1", 1000)}
    assert values["1", 0] is None
    windows = live_windows("1", outcome.states["1"], lambda *key: values.get(key))
    assert set(windows) == {1000, 2000}
    assert windows[1000]["featured"] == closed(outcome)[-1]
    assert windows[2000]["featured"].close == 30


def test_a_window_that_the_clock_has_closed_is_kept_when_the_offer_leaves_it() -> None:
    """Nothing is emitted then, but it can still be looked at."""
    state = run((100, priced(10))).states["1"]
    state, (by_clock,) = close_windows("1", state, 1000 + CLOSE_DELAY_MS + 1, RULES)

    outcome = apply({"1": state}, [look(1100, priced(20))], RULES)

    assert closed(outcome) == []
    values = window_values(outcome, nothing)
    windows = live_windows("1", outcome.states["1"], lambda *key: values.get(key))
    assert windows[0]["featured"] == by_clock


def test_offers_that_leave_a_window_one_after_the_other_are_all_in_its_value() -> None:
    """The affiliate side and the seller side see an item at different times."""
    both = Observation("1", 100, "affiliate", None, {"featured": priced(10), "own": priced(11)})
    states = dict(apply({}, [Entry(both, Source("r", 0, 0))], RULES).states)
    stored: dict[tuple[str, int], bytes | None] = {}
    for at, name in ((1100, "featured"), (1200, "own")):
        seen = Observation("1", at, "affiliate", None, {name: priced(20)})
        outcome = apply(states, [Entry(seen, Source("r", 0, 1))], RULES)
        stored.update(window_values(outcome, lambda *key: stored.get(key)))
        windows = live_windows("1", outcome.states["1"], lambda *key: stored.get(key))

        assert {name: window.close for name, window in windows[0].items()} == {
            "featured": 10,
            "own": 11,
        }


def test_windows_of_another_version_are_not_guessed() -> None:
    """Better no window than a wrong one."""
    outcome = run((100, priced(10)), (1100, priced(20)))
    (value,) = window_values(outcome, nothing).values()
    assert value is not None
    later = value[:1] + b"\x09" + value[2:]

    with pytest.raises(ValueError, match="version 9"):
        live_windows("1", outcome.states["1"], lambda *_: later)


def test_the_dearest_item_in_the_widest_window_can_be_stored() -> None:
    """Its sum of cents times milliseconds is the largest number there is; one that does not fit
    would stop the partition for good."""
    week = Settings.model_fields["window_size"].metadata[1].le * 1000
    rules = Rules(window_ms=week, known_ms=week)
    dearest = Offer(MAX_CENTS, MAX_CENTS, None, True, "Acme")

    outcome = apply({}, [look(week, dearest), look(2 * week - 1, dearest)], rules)

    stored = outcome.states["1"]
    assert state.decode(state.encode(stored)) == stored
    live = live_windows("1", stored, nothing)
    assert live[week]["featured"].mean == 2 * MAX_CENTS
    left = apply({"1": stored}, [look(2 * week, dearest)], rules)
    values = window_values(left, nothing)
    live = live_windows("1", stored, lambda *key: values.get(key))
    assert live[week]["featured"].mean == 2 * MAX_CENTS
