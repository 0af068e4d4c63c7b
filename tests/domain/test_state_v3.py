"""States and window rows that the first release (6d5ac51) stored are read, and go on as they were.

The bytes were written by that release: item 7 in windows of an hour, known for three. ``featured``
cost 11.00 at 8:20, 5.00 from 9:30; ``marketplace`` 9.00; ``own`` was seen at 8:21:40 and not again.
"""

from __future__ import annotations

import pytest

from walmart_stream.domain import events, state
from walmart_stream.domain.apply import Entry, apply
from walmart_stream.domain.closing import close_windows
from walmart_stream.domain.events import Source, WindowClosed
from walmart_stream.domain.offers import Offer
from walmart_stream.domain.reading.observation import Observation
from walmart_stream.domain.state import ItemState
from walmart_stream.domain.window_rows import live_windows
from walmart_stream.domain.windows import CLOSE_DELAY_MS, Rules

HOUR = 3_600_000
EIGHT = 1_800_000_000_000
RULES = Rules(HOUR, 3 * HOUR)

OPEN = bytes.fromhex(
    "039604a64b6574746c65cf000001a3185c500083a866656174757265649495cd01f400c0c3a441636d65cf00"
    "0001a318aeb5c0cf000001a318aeb5c09acf000001a318933e800101cd01f4cd01f4cd01f4cd01f4ce760467"
    "00ce001b774000ab6d61726b6574706c6163659495cd038400c0c3a441636d65cf000001a318aeb5c0cf0000"
    "01a3186e9f809acf000001a318933e800100cd0384cd0384cd0384cd0384ce608f3d00ce001b774000a36f77"
    "6e9495cd03b600c0c3a74d792053686f70cf000001a318702620cf000001a3187026209acf000001a3185c50"
    "000100cd03b6cd03b6cd03b6cd03b60000008097c3cd03b600a74d792053686f70ff9ca36f776ec0c2cf0000"
    "01a318702620cf000001a318702620ce0036ee80ce00a4cb80cf000001a3185c500000000000c2"
)
CLOSED = bytes.fromhex(
    "039604a64b6574746c65cf000001a3185c500083a866656174757265649495cd01f400c0c3a441636d65cf00"
    "0001a318aeb5c0cf000001a318aeb5c09acf000001a318933e800101cd01f4cd01f4cd01f4cd01f4ce760467"
    "00ce001b774001ab6d61726b6574706c6163659495cd038400c0c3a441636d65cf000001a318aeb5c0cf0000"
    "01a3186e9f809acf000001a318933e800100cd0384cd0384cd0384cd0384ce608f3d00ce001b774001a36f77"
    "6e9495cd03b600c0c3a74d792053686f70cf000001a318702620cf000001a3187026209acf000001a3185c50"
    "000100cd03b6cd03b6cd03b6cd03b60000018097c3cd03b600a74d792053686f70ff9ca36f776ec0c2cf0000"
    "01a318702620cf000001a318702620ce0036ee80ce00a4cb80cf000001a3185c500000000000c2"
)
# Of the window from eight, which featured and marketplace have left.
ROW = bytes.fromhex(
    "9401ce0036ee80ce00a4cb8082a866656174757265649495cd044c00c0c3a441636d65cf000001a3186e9f80"
    "cf000001a3186e9f809acf000001a3185c50000201cd03e8cd044ccd03e8cd044cce23c34600ce000927c000"
    "ab6d61726b6574706c6163659495cd038400c0c3a441636d65cf000001a3186e9f80cf000001a3186e9f809a"
    "cf000001a3185c50000100cd0384cd0384cd0384cd0384000000"
)

# What that release sends of the windows that are open in OPEN, when they close. The mean lies
# outside of low and high: a price that was carried in counted for it alone.
CLOSES = [
    (
        b'{"type":"window_closed","schema":1,"item_id":"7","offer":"featured","start":"202'
        b'7-01-15T09:00:00.000Z","end":"2027-01-15T10:00:00.000Z","observations":1,"change'
        b's":1,"open":500,"high":500,"low":500,"close":500,"mean":800.0,"coverage":1.0}'
    ),
    (
        b'{"type":"window_closed","schema":1,"item_id":"7","offer":"marketplace","start":"'
        b'2027-01-15T09:00:00.000Z","end":"2027-01-15T10:00:00.000Z","observations":1,"cha'
        b'nges":0,"open":900,"high":900,"low":900,"close":900,"mean":900.0,"coverage":1.0}'
    ),
    (
        b'{"type":"window_closed","schema":1,"item_id":"7","offer":"own","start":"2027-01-'
        b'15T08:00:00.000Z","end":"2027-01-15T09:00:00.000Z","observations":1,"changes":0,'
        b'"open":950,"high":950,"low":950,"close":950,"mean":950.0,"coverage":0.6388888888'
        b"888888}"
    ),
]


def closed(found: list[WindowClosed]) -> list[bytes]:
    """As that release encodes them: what it does not know of is absent."""
    return [events.encode(event) for event in found]


def test_every_field_of_an_old_state_is_read() -> None:
    """Offers, windows and what the seller side said."""
    item = state.decode(OPEN, RULES)

    assert state.age(OPEN) == (4, 0)
    assert (item.applied, item.name, item.previous_window) == (4, "Kettle", EIGHT)
    assert {
        name: (known.observed_at - EIGHT, known.closed) for name, known in item.offers.items()
    } == {
        "featured": (HOUR + 1_800_000, 0),
        "marketplace": (HOUR + 1_800_000, 0),
        "own": (1_300_000, 0),
    }
    window = item.offers["featured"].window
    assert (window.start, window.width_ms, window.known_ms) == (EIGHT + HOUR, HOUR, 3 * HOUR)
    assert (window.observations, window.open, window.carried) == (1, 500, None)
    assert item.seller is not None
    assert item.seller.box is not None
    assert (item.seller.seller, item.seller.box.holder) == ("My Shop", "own")
    assert state.decode(state.encode(item)) == item


def test_windows_that_the_old_release_began_are_closed_as_it_did() -> None:
    """Its documents have no width, and its ids name none; what follows is by the present rules."""
    item, found = close_windows("7", state.decode(OPEN, RULES), EIGHT + 9 * HOUR, RULES)

    old = [event for event in found if event.carried is None]
    new = [event for event in found if event.carried is not None]
    assert closed(old) == CLOSES
    assert [(event.offer, (event.start - EIGHT) // HOUR) for event in new] == [
        ("featured", 2),
        ("featured", 3),
        ("featured", 4),
        ("marketplace", 2),
        ("marketplace", 3),
        ("marketplace", 4),
        ("own", 1),
        ("own", 2),
        ("own", 3),
    ]
    assert {event.observations for event in new} == {0}
    assert item.next_close(RULES) is None


def test_windows_that_the_old_release_closed_are_not_closed_again() -> None:
    """Nothing is sent twice because of the update."""
    item = state.decode(CLOSED, RULES)

    assert item.next_close(RULES) == EIGHT + 2 * HOUR
    unchanged, found = close_windows("7", item, EIGHT + 2 * HOUR + CLOSE_DELAY_MS, RULES)
    assert (unchanged, found) == (item, [])


def test_observations_go_on_in_an_old_window() -> None:
    """It is counted on in the way it began; the next one is by the present rules."""
    states = {"7": state.decode(OPEN, RULES)}
    looks = [
        Entry(Observation("7", at, "affiliate", "Kettle", {"featured": offer}), Source("raw", 0, 0))
        for at, offer in (
            (EIGHT + HOUR + 2_700_000, Offer(700, 0, None, True, "Acme")),
            (EIGHT + 2 * HOUR + 1_800_000, Offer(900, 0, None, True, "Acme")),
            (EIGHT + 3 * HOUR, Offer(900, 0, None, True, "Acme")),
        )
    ]

    found = [
        event for event in apply(states, looks, RULES).events if isinstance(event, WindowClosed)
    ]

    old, new = found
    assert (old.observations, old.open, old.high, old.mean, old.carried) == (
        2,
        500,
        700,
        850.0,
        None,
    )
    assert (new.observations, new.open, new.high, new.mean, new.carried) == (
        1,
        700,
        900,
        800.0,
        True,
    )


def test_an_old_row_of_a_left_window_is_shown() -> None:
    """By the rules that it holds."""
    windows = live_windows(
        "7", state.decode(OPEN, RULES), lambda *key: ROW if key[1] == EIGHT else None
    )

    assert {name: window.close for name, window in windows[EIGHT].items()} == {
        "featured": 1100,
        "marketplace": 900,
        "own": 950,
    }
    assert windows[EIGHT + HOUR]["featured"].mean == 800.0


@pytest.mark.parametrize("width_s", [60, 7200, 604_800])
def test_a_width_that_an_old_window_cannot_have_is_not_taken_for_its_own(width_s: int) -> None:
    """It is closed at the width that it had, even where WINDOW_SIZE changed with the update."""
    rules = Rules(width_s * 1000, 3 * HOUR)
    item = state.decode(OPEN, rules)

    _, found = close_windows("7", item, EIGHT + HOUR, rules)

    assert {(event.end - event.start) // 1000 for event in found} <= {3600, width_s}
    assert all(event.coverage <= 1 for event in found)
    assert [event.end - event.start for event in found if event.offer == "featured"] == [HOUR]


def test_an_old_window_of_a_width_that_nobody_knows_is_left_as_it_was_stored() -> None:
    """Its sums fit neither WINDOW_SIZE nor the old default: no document rather than a wrong one."""
    rules = Rules(7_000_000, 3 * HOUR)
    old = state.state_v3.decode(memoryview(OPEN)[1:])
    old.offers["featured"].window.covered = 2 * HOUR

    known = state.offer_of_the_first_release(old.offers["featured"], rules)

    assert (known.window.observations, known.window.since) == (0, EIGHT + HOUR + 1_800_000)
    assert (known.closed, ItemState(offers={"featured": known}).next_close(rules)) == (
        1,
        known.window.start + 2 * 7_000_000,
    )
