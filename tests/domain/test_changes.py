"""Price changes: what counts as one, and what it says."""

from __future__ import annotations

import pytest

from walmart_stream.domain.apply import Entry, Outcome, apply
from walmart_stream.domain.events import OfferUpdated, PriceChange, Source
from walmart_stream.domain.offers import UNAVAILABLE, Offer
from walmart_stream.domain.reading.observation import Observation
from walmart_stream.domain.state import ItemState
from walmart_stream.domain.windows import Rules
from walmart_stream.storage.documents import revision_of

RULES = Rules(window_ms=3_600_000, known_ms=10_800_000)
PLAIN = Offer(2000, 500, None, True, "Acme")


def look(at: int, featured: Offer | None, offset: int = 0, **others: Offer | None) -> Entry:
    observation = Observation("1", at, "affiliate", "Kettle", {"featured": featured, **others})
    return Entry(observation, Source("raw", 0, offset))


def run(*entries: Entry, states: dict[str, ItemState] | None = None) -> Outcome:
    return apply(states or {}, entries, RULES)


def changes(outcome: Outcome) -> list[PriceChange]:
    return [event for event in outcome.events if isinstance(event, PriceChange)]


def change(before: Offer, after: Offer) -> PriceChange:
    """The change from one to the other."""
    _, last = changes(run(look(1, before), look(2, after)))
    return last


def test_the_first_sight_of_an_offer_is_a_change() -> None:
    """It has no previous state and no delta."""
    (first,) = changes(run(look(1000, PLAIN, offset=7)))

    fields = first.document()
    assert fields["kinds"] == ("first_seen",)
    assert (fields["previous"], fields["delta_cents"], fields["delta_pct"]) == (None, None, None)
    assert (fields["price_cents"], fields["shipping_cents"], fields["landed_cents"]) == (
        2000,
        500,
        2500,
    )
    assert fields["observed_at"] == "1970-01-01T00:00:01.000Z"
    assert fields["source"] == {"topic": "raw", "partition": 0, "offset": 7}


@pytest.mark.parametrize(
    ("after", "kinds"),
    [
        (PLAIN._replace(price_cents=1999), ("price",)),
        (PLAIN._replace(shipping_cents=0), ("shipping",)),
        (PLAIN._replace(shipping_cents=None), ("shipping",)),
        (PLAIN._replace(seller="Other"), ("seller",)),
        (PLAIN._replace(seller=None), ("seller",)),
        (PLAIN._replace(price_cents=1, shipping_cents=1), ("price", "shipping")),
        (UNAVAILABLE, ("price", "shipping", "availability", "seller")),
    ],
)
def test_the_kinds_name_the_fields_that_differ(after: Offer, kinds: tuple[str, ...]) -> None:
    """By plain comparison; null differs from a value."""
    assert change(PLAIN, after).kinds == kinds
    assert change(after, PLAIN).kinds == kinds


def test_unknown_and_free_shipping_differ() -> None:
    """null is not 0."""
    unknown, free = PLAIN._replace(shipping_cents=None), PLAIN._replace(shipping_cents=0)

    assert change(unknown, free).kinds == ("shipping",)


def test_an_unavailable_offer_without_shipping_differs_in_fewer_fields() -> None:
    """A field that is null on both sides is not named."""
    assert change(Offer(5, None, None, True, None), UNAVAILABLE).kinds == ("price", "availability")


def test_nothing_new_is_no_change() -> None:
    """Neither the same again, nor another rate for fast shipping, which is no part of a change."""
    fast = PLAIN._replace(two_day_cents=900)

    outcome = run(look(1, PLAIN), look(2, PLAIN), look(3, fast))

    assert [one.kinds for one in changes(outcome)] == [("first_seen",)]
    assert outcome.applied == 3
    assert outcome.states["1"].offers["featured"].window.changes == 0


@pytest.mark.parametrize(
    ("before", "after", "delta", "percent"),
    [
        (PLAIN, PLAIN._replace(price_cents=2250), 250, 10.0),
        (PLAIN, PLAIN._replace(shipping_cents=0), -500, -20.0),
        (PLAIN, PLAIN._replace(shipping_cents=None), 0, 0.0),
        (PLAIN, PLAIN._replace(price_cents=1000, shipping_cents=None), -1000, -50.0),
        (PLAIN._replace(shipping_cents=None), PLAIN._replace(price_cents=3000), 1000, 50.0),
        (PLAIN, UNAVAILABLE, None, None),
        (UNAVAILABLE, PLAIN, None, None),
        (PLAIN, PLAIN._replace(seller="Other"), 0, 0.0),
        (Offer(0, 0, None, True, None), Offer(5, 0, None, True, None), 5, None),
    ],
)
def test_a_delta_is_of_landed_prices_else_of_prices_else_unknown(
    before: Offer, after: Offer, delta: int | None, percent: float | None
) -> None:
    """The percentage is of the previous amount, and unknown where that is nothing."""
    fields = change(before, after).document()

    assert (fields["delta_cents"], fields["delta_pct"]) == (delta, percent)


def test_a_change_tells_what_was_before() -> None:
    """All that a change compares."""
    assert change(PLAIN, UNAVAILABLE).document()["previous"] == {
        "price_cents": 2000,
        "shipping_cents": 500,
        "landed_cents": 2500,
        "available": True,
        "seller": "Acme",
    }


def test_equal_and_older_observations_change_nothing() -> None:
    """They are counted, as duplicate and late; the newest one stays."""
    other = PLAIN._replace(price_cents=1)

    outcome = run(look(10, PLAIN), look(10, other), look(9, other), look(10, PLAIN))

    assert (outcome.applied, outcome.duplicate, outcome.late) == (1, 2, 1)
    assert len(outcome.events) == 1
    assert outcome.states["1"].offers["featured"].offer == PLAIN


def test_a_marketplace_offer_never_named_does_not_exist() -> None:
    """An answer without one says nothing new until there has been one."""
    outcome = run(look(1, PLAIN, marketplace=None), look(2, PLAIN, marketplace=None))

    assert set(outcome.states["1"].offers) == {"featured"}


def test_a_marketplace_offer_that_is_not_named_any_more_is_unavailable() -> None:
    """An affiliate answer could have named it: it is not offered now."""
    outcome = run(look(1, PLAIN, marketplace=PLAIN), look(2, PLAIN, marketplace=None))

    last = changes(outcome)[-1]
    assert (last.offer, last.now, last.previous) == ("marketplace", UNAVAILABLE, PLAIN)


def test_an_older_answer_does_not_bring_a_marketplace_offer_into_being() -> None:
    """A newer answer has said that there is none: the older one is late in this, too."""
    outcome = run(look(2, PLAIN, marketplace=None), look(1, PLAIN, marketplace=PLAIN))

    assert set(outcome.states["1"].offers) == {"featured"}
    assert (outcome.applied, outcome.late) == (1, 1)


def test_an_item_that_is_not_sold_exists_all_the_same() -> None:
    """The featured offer is first seen as unavailable."""
    (first,) = changes(run(look(1, None, marketplace=None)))

    assert (first.offer, first.kinds, first.now) == ("featured", ("first_seen",), UNAVAILABLE)


def test_offers_that_an_observation_does_not_speak_for_stay() -> None:
    """Not named among what a source can see is not the same as not offered."""
    outcome = run(look(1, PLAIN, marketplace=PLAIN), look(2, PLAIN))

    kept = outcome.states["1"].offers["marketplace"]
    assert (kept.offer, kept.observed_at) == (PLAIN, 1)


def test_every_item_of_a_batch_has_its_state_once() -> None:
    """Also one for which nothing changed: it is written again, to be durable for sure."""
    before = run(look(5, PLAIN)).states["1"]

    outcome = run(look(5, PLAIN), look(4, PLAIN), states={"1": before.copy()})

    assert outcome.states == {"1": before}


def test_the_age_of_a_state_is_the_number_of_observations_applied() -> None:
    """The stored value with more of them is the newer one; late ones add none."""
    outcome = run(look(1, PLAIN), look(2, PLAIN, marketplace=None), look(2, PLAIN), look(1, PLAIN))

    assert (outcome.applied, outcome.states["1"].applied) == (2, 2)


def test_an_offer_that_exists_is_not_remembered_as_absent() -> None:
    """The stored value holds one time for an offer, not two."""
    outcome = run(look(1, PLAIN, marketplace=None), look(2, PLAIN, marketplace=PLAIN))

    state = outcome.states["1"]
    assert (state.absent, set(state.offers)) == ({}, {"featured", "marketplace"})


def updates(outcome: Outcome) -> list[OfferUpdated]:
    return [event for event in outcome.events if isinstance(event, OfferUpdated)]


def named(at: int, name: str, source: str = "affiliate", **offers: Offer | None) -> Entry:
    observation = Observation("1", at, source, name, offers or {"featured": PLAIN})
    return Entry(observation, Source("raw", 0, 0))


def test_a_change_of_two_day_shipping_alone_updates_its_offer() -> None:
    """It is no price change, and yet the offer's document shows it."""
    two_day = PLAIN._replace(two_day_cents=997)

    outcome = run(look(1, PLAIN, marketplace=PLAIN), look(2, two_day, marketplace=PLAIN))

    (update,) = updates(outcome)
    assert (update.offer, update.now, update.changed_at) == ("featured", two_day, 1)
    assert len(changes(outcome)) == 2
    assert outcome.states["1"].offers["featured"].window.changes == 0


def test_a_change_of_the_name_alone_updates_every_offer() -> None:
    """The documents of all of them show it, also of those that the answer does not speak for."""
    outcome = run(named(1, "Tea", featured=PLAIN, own=PLAIN), named(2, "Green tea"))

    assert [(one.offer, one.name, one.observed_at) for one in updates(outcome)] == [
        ("featured", "Green tea", 2),
        ("own", "Green tea", 1),
    ]
    assert len(changes(outcome)) == 2


def test_a_new_name_comes_with_the_change_where_there_is_one() -> None:
    """One event for a document, not two."""
    outcome = run(
        named(1, "Tea", featured=PLAIN, own=PLAIN), named(2, "Green tea", featured=UNAVAILABLE)
    )

    assert [(one.offer, one.name) for one in changes(outcome)][2:] == [("featured", "Green tea")]
    assert [one.offer for one in updates(outcome)] == ["own"]


def test_an_older_answer_does_not_rename_an_item() -> None:
    """Nor does it put its name into the document of an offer that it is the newest one of."""
    outcome = run(named(5, "Tea"), named(4, "Old tea", own=PLAIN))

    assert outcome.states["1"].name == "Tea"
    assert [one.name for one in changes(outcome)] == ["Tea", "Tea"]


def test_the_seller_side_does_not_rename_what_walmart_has_named() -> None:
    """The two spell names differently, and would take turns at every look."""
    seller_first = run(named(1, "My tea", "seller"), named(2, "Tea"), named(3, "My tea", "seller"))

    assert seller_first.states["1"].name == "Tea"
    assert [one.name for one in updates(seller_first)] == ["Tea"]


def test_every_document_of_an_offer_has_a_higher_revision_than_the_one_before() -> None:
    """Also where the offer is seen for the first time after a newer look at the item."""
    log = [
        named(10, "Tea", featured=PLAIN, own=PLAIN),
        named(20, "Green tea"),
        named(15, "Old tea", own=UNAVAILABLE),
        named(16, "Old tea", own=PLAIN),
        named(21, "Tea"),
    ]

    revisions = [
        revision_of(event.document())
        for event in run(*log).events
        if isinstance(event, PriceChange | OfferUpdated) and event.offer == "own"
    ]

    assert revisions == [20, 30, 35, 36, 37]
