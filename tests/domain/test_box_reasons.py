"""Insights and badges beside the own offer: kept, shown, and stored by whichever word is newer."""

from __future__ import annotations

from itertools import permutations
from typing import Any

from walmart_stream.domain.apply import Entry, Outcome, apply
from walmart_stream.domain.events import OfferUpdated, PriceChange, Source
from walmart_stream.domain.reading.box_reasons import Badges, Compared, Insight
from walmart_stream.domain.reading.observation import Observation
from walmart_stream.domain.reading.seller_observation import BoxSight, OwnSight, Sight
from walmart_stream.domain.standing import item_standing
from walmart_stream.domain.state import decode, encode
from walmart_stream.domain.windows import Rules
from walmart_stream.storage.documents import offer_document

RULES = Rules(window_ms=3_600_000, known_ms=10_800_000)
T0 = 1_795_370_400_000
DEAR, CHEAP = Insight(2500, "BUY_BOX_PRICE", win_rate=0.2), Insight(1900, win_rate=0.4)
FAST = Compared(Badges(wfs=False), Badges(wfs=True, speed="TWO_DAY"))


def look(at: int, sight: Sight) -> Entry:
    return Entry(Observation("1", T0 + at, "seller", None, {}, sight), Source("raw", 0, at))


def item(at: int, price: int = 2000, sku: str | None = "A") -> Entry:
    return look(at, Sight(own=OwnSight(True, price, sku=sku)))


def said(at: int, insight: Insight, sku: str = "A") -> Entry:
    return look(at, Sight(insight=insight, insight_of=sku))


def event(at: int, compared: Compared = FAST) -> Entry:
    box = BoxSight("rival", "Acme", False)
    return look(at, Sight(own=OwnSight(True, 2000, sku="A"), box=box, compared=compared))


def stored(outcome: Outcome) -> dict[str, Any] | None:
    """The own offer's document after all events, written only if newer."""
    document: dict[str, Any] | None = None
    for one in outcome.events:
        if isinstance(one, PriceChange | OfferUpdated) and one.offer == "own":
            new = offer_document(one.document())
            if document is None or document["revision"] < new["revision"]:
                document = new
    return document


def run(*entries: Entry) -> Outcome:
    return apply({}, entries, RULES)


def test_an_insight_is_stored_with_the_own_offer_and_is_no_price_change() -> None:
    """The offer stays as it was observed."""
    outcome = run(item(1), said(2, DEAR))

    document = stored(outcome)
    assert document is not None
    assert (document["price_cents"], document["insights"]["suggested_cents"]) == (2000, 2500)
    assert document["insights"]["win_rate_by_views"] == 0.2
    assert [type(one) for one in outcome.events] == [PriceChange, OfferUpdated]
    assert outcome.applied == 2


def test_an_insight_that_repeats_itself_stores_nothing() -> None:
    """It says so since the first of them, and the last one is what an older one is late to."""
    outcome = run(item(1), said(2, DEAR), said(3, DEAR), said(3, CHEAP), said(2, CHEAP))

    assert len(outcome.events) == 2
    assert (outcome.applied, outcome.duplicate, outcome.late) == (3, 1, 1)
    document = stored(outcome)
    assert document is not None
    assert document["insights"]["since"].timestamp() * 1000 == T0 + 2


def test_an_insight_before_the_own_offer_comes_with_it() -> None:
    """There is no document that it could be stored in yet."""
    early = run(said(1, DEAR))
    assert early.events == []

    document = stored(run(said(1, DEAR), item(2)))
    assert document is not None
    assert document["insights"]["suggested_cents"] == 2500


def test_of_several_skus_the_insight_of_the_own_offer_is_shown() -> None:
    """Whichever came last."""
    dear = item(2, 3000, "B")
    outcome = run(item(1), dear, said(3, DEAR, "A"), said(4, CHEAP, "B"))

    standing = item_standing(outcome.states["1"], RULES.known_ms)
    assert standing is not None
    assert standing.insights is not None
    assert standing.insights["suggested_cents"] == 2500


def test_badges_are_stored_with_the_event_that_names_them() -> None:
    """And shown beside the standing."""
    outcome = run(item(1), event(2))

    document = stored(outcome)
    assert document is not None
    assert document["compared"]["winner"] == {"wfs": True, "pro_seller": None, "speed": "TWO_DAY"}
    standing = item_standing(outcome.states["1"], RULES.known_ms)
    assert standing is not None
    assert standing.compared is not None
    assert standing.compared["own"]["wfs"] is False


def test_an_event_without_badges_ends_what_was_known_of_them() -> None:
    """Its offers are other ones; before any were known there is nothing to end."""
    nothing = event(3, Compared())
    standing = item_standing(run(item(1), event(2), nothing).states["1"], RULES.known_ms)
    assert standing is not None
    assert standing.compared is not None
    assert (standing.compared["own"], standing.compared["winner"]) == (None, None)

    state = run(item(1), nothing).states["1"]
    assert state.seller is not None
    assert state.seller.reasons is None


def test_in_whatever_order_words_come_the_last_document_has_all() -> None:
    """Times of observations may lie before those of words that are known already."""
    entries = [item(10), item(30, 2100), said(20, DEAR), event(15), event(40), said(35, CHEAP)]
    for order in permutations(entries):
        outcome = run(*order)
        document, state = stored(outcome), outcome.states["1"]
        assert document is not None
        own = state.offers["own"]
        assert document["price_cents"] == own.offer.price_cents
        assert document["insights"]["suggested_cents"] == 1900
        assert document["compared"]["winner"]["wfs"] is True
        revisions = [
            offer_document(one.document())["revision"]
            for one in outcome.events
            if isinstance(one, PriceChange | OfferUpdated) and one.offer == "own"
        ]
        assert revisions == sorted(set(revisions))


def test_the_state_keeps_them_and_reads_states_of_before() -> None:
    """A value of an earlier version has no such field."""
    outcome = run(item(1), said(2, DEAR), event(3))
    state = decode(encode(outcome.states["1"]))

    assert state == outcome.states["1"]
    assert state.seller is not None
    assert state.seller.reasons is not None
    copied = state.copy()
    apply({"1": copied}, [said(9, CHEAP)], RULES)
    assert state.seller.reasons.insights["A"].insight == DEAR
    old = run(item(1)).states["1"]
    assert decode(encode(old)).seller is not None


def test_words_of_many_skus_are_bounded() -> None:
    """A seller has a handful of one item."""
    outcome = run(item(1), *(said(2 + n, Insight(n + 1), f"S{n}") for n in range(200)))

    state = outcome.states["1"]
    assert state.seller is not None
    assert state.seller.reasons is not None
    assert len(state.seller.reasons.insights) == 50
    assert "S199" in state.seller.reasons.insights
