"""The bound on the rivals of an item, and rivals whose price is not known any more."""

from __future__ import annotations

import random
from itertools import pairwise

import orjson
import pytest

from walmart_stream.audit.course import courses
from walmart_stream.audit.spool import Spooled
from walmart_stream.audit.window_content import Frame, Track, content
from walmart_stream.domain import reading, state
from walmart_stream.domain.apply import Entry, Outcome, apply
from walmart_stream.domain.events import PriceChange, Source, WindowClosed
from walmart_stream.domain.offers import RIVAL, Offer
from walmart_stream.domain.reading.observation import Observation
from walmart_stream.domain.reading.seller_observation import OwnSight, Sight
from walmart_stream.domain.rivals import MOST_RIVALS
from walmart_stream.domain.standing import item_standing
from walmart_stream.domain.state import ItemState
from walmart_stream.domain.windows import Rules

RULES = Rules(window_ms=1000, known_ms=3000)
# A record of a topic, in bytes.
MOST_BYTES = 2 * 1024 * 1024
# As long as the reader lets a seller's name be, in characters of four bytes.
LONG = "\U0001f680" * 190


def event(at: int, *names: str, price: int = 1000, complete: bool = False) -> Entry:
    """An event in which the sellers *names* are listed; *complete*: they are all that there are."""
    offers = {RIVAL + name: Offer(price, 0, None, True, name) for name in names}
    sight = Sight(own=OwnSight(True, 2000, 0, "Me"), complete=complete)
    return Entry(Observation("1", at, "webhook", None, offers, sight), Source("raw", 0, at))


def unpriced(at: int, *names: str) -> Entry:
    """An event in which the sellers *names* are listed without a price."""
    offers = dict.fromkeys(RIVAL + name for name in names)
    sight = Sight(own=OwnSight(True, 2000, 0, "Me"))
    return Entry(Observation("1", at, "webhook", None, offers, sight), Source("raw", 0, at))


def run(*entries: Entry, states: dict[str, ItemState] | None = None) -> Outcome:
    return apply(states or {}, entries, RULES)


def rivals(outcome: Outcome) -> set[str]:
    return {
        name.removeprefix(RIVAL) for name in outcome.states["1"].offers if name.startswith(RIVAL)
    }


def sellers(first: int, count: int) -> list[str]:
    return [f"S{number}" for number in range(first, first + count)]


def test_the_state_of_an_item_with_thousands_of_sellers_fits_a_record() -> None:
    """110 events that name 100 new sellers each, all with the longest names; then 110 unpriced."""
    outcome = run(
        *(event(at, *(LONG + name for name in sellers(100 * at, 100))) for at in range(110)),
        *(
            unpriced(at, *(LONG + name for name in sellers(100 * at, 100)))
            for at in range(110, 220)
        ),
    )

    assert len(state.encode(outcome.states["1"])) < MOST_BYTES / 2
    assert len(rivals(outcome)) == MOST_RIVALS
    assert rivals(outcome) >= {LONG + name for name in sellers(10_900, 100)}


def test_the_longest_gone_is_forgotten_first() -> None:
    """Then those who have not been named for the longest time; who was named last stays."""
    outcome = run(
        event(1, "gone late", "gone early", "unseen"),
        event(2, "gone late", "unseen", complete=True),
        event(3, "unseen", complete=True),
        event(4, *sellers(0, MOST_RIVALS - 3)),
    )
    there = [rivals(outcome)]
    for at in (5, 6, 7, 8):
        outcome = run(event(at, f"new {at}"), states=outcome.states)
        there.append(rivals(outcome))

    forgotten = [before - after for before, after in pairwise(there)]
    assert forgotten == [{"gone early"}, {"gone late"}, {"unseen"}, {"S0"}]


def test_a_forgotten_rival_leaves_the_window_that_it_was_in() -> None:
    """Its observations are stored, though nobody will observe more of it."""
    outcome = run(event(1, "Acme"), *(event(at, *sellers(100 * at, 100)) for at in (2, 3)))

    [closed] = [one for one in outcome.events if isinstance(one, WindowClosed)]
    assert (closed.offer, closed.observations, closed.low) == ("rival:Acme", 1, 1000)


def test_an_older_observation_does_not_bring_a_forgotten_rival_back() -> None:
    """It would be a first sight out of turn; a newer one does."""
    forgotten = run(event(5, "Acme"), *(event(at, *sellers(100 * at, 100)) for at in (6, 7)))
    assert "Acme" not in rivals(forgotten)

    late = run(event(5, "Acme", price=1), states=forgotten.states)
    assert not [one for one in late.events if isinstance(one, PriceChange)]
    back = run(event(8, "Acme"), states=late.states)

    assert [one.kinds for one in back.events if isinstance(one, PriceChange)] == [("first_seen",)]
    assert len(rivals(back)) == MOST_RIVALS


@pytest.mark.parametrize("seed", range(5))
def test_who_is_forgotten_depends_on_the_log_alone(seed: int) -> None:
    """However it is cut into batches, and with states that went through the table."""
    rng = random.Random(seed)
    log = [
        event(
            max(0, 40 * number - rng.randrange(400)),
            *(f"S{rng.randrange(2000)}" for _ in range(60)),
            complete=rng.random() < 0.1,
        )
        for number in range(60)
    ]
    whole = run(*log)

    states: dict[str, ItemState] = {}
    events = []
    rest = list(log)
    while rest:
        size = rng.randrange(1, 10)
        part, rest = rest[:size], rest[size:]
        outcome = run(*part, states=states)
        events += outcome.events
        states = {name: state.decode(state.encode(one)) for name, one in outcome.states.items()}

    assert state.encode(states["1"]) == state.encode(whole.states["1"])
    assert events == whole.events


def test_a_rival_that_lives_twice_in_a_window_is_stored_as_the_later_life() -> None:
    """The audit tells the two lives apart, whichever of them is stored."""
    bodies = [[("Acme", price)] for price in (10, 11, 12)]
    bodies += [[(name, 20) for name in sellers(100 * number, 100)] for number in range(3)]
    bodies += [[("Acme", 30)]]
    looks = [
        Spooled(at, at, reading.decode(b"1", webhook(at, body))) for at, body in enumerate(bodies)
    ]

    (course,) = courses("1", looks, ("raw", 0), RULES, None)

    track = Track(course.seen["rival:Acme"])
    lives = [
        content("1", "rival:Acme", track, Frame(0, RULES.window_ms, RULES.known_ms, seen_at))
        for seen_at in (2, 6)
    ]
    assert [one["observations"] for one in lives] == [3, 1]


def webhook(at: int, listed: list[tuple[str, int]]) -> bytes:
    offers = [{"sellerName": name, "sellerOfferPrice": price} for name, price in listed]
    body = {
        "source": {"eventType": "BUY_BOX_CHANGED"},
        "payload": {"itemInfo": {"itemId": "1"}, "offer": {"offers": offers}},
    }
    return reading.encode(
        source="webhook", item_id="1", observed_at=at, request_id="r", payload=orjson.dumps(body)
    )


def test_a_rival_whose_price_is_not_known_any_more_is_out_of_the_standing() -> None:
    """Seen for the last time longer ago than a price counts as known, by the item's own time."""
    known = run(event(1, "Acme", price=500), event(3001, "Tom", price=900))
    unknown = run(event(3002, "Tom", price=900), states={"1": known.states["1"].copy()})

    def stands(outcome: Outcome) -> tuple[str | None, int]:
        standing = item_standing(outcome.states["1"], RULES.known_ms)
        assert standing is not None
        assert standing.rival is not None
        return standing.rival.seller, standing.ranked

    assert stands(known) == ("Acme", 3)
    assert stands(unknown) == ("Tom", 2)
