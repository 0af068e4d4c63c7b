"""The own offer out of several sources, each of which sees a part of it; and the buy box."""

from __future__ import annotations

from msgspec import UNSET

from walmart_stream.domain.apply import Entry, Outcome, apply
from walmart_stream.domain.events import PriceChange, Source
from walmart_stream.domain.offers import UNAVAILABLE, Offer
from walmart_stream.domain.reading.observation import Observation
from walmart_stream.domain.reading.seller_observation import BoxSight, OwnSight, Sight
from walmart_stream.domain.standing import item_standing
from walmart_stream.domain.windows import Rules

RULES = Rules(window_ms=1000, known_ms=3000)
ACME = Offer(2300, 0, None, True, "Acme")


def look(at: int, sight: Sight, **rivals: Offer | None) -> Entry:
    offers = {f"rival:{name}": offer for name, offer in rivals.items()}
    return Entry(Observation("1", at, "seller", sight.name, offers, sight), Source("raw", 0, at))


def item(at: int, price: int | None, *, published: bool = True) -> Entry:
    return look(at, Sight(own=OwnSight(published, price)))


def row(at: int, price: int | None, shipping: int | None, box: BoxSight | None = None) -> Entry:
    return look(at, Sight(own=OwnSight(UNSET, price, shipping), box=box))


def run(*entries: Entry) -> Outcome:
    return apply({}, entries, RULES)


def own(outcome: Outcome) -> Offer:
    return outcome.states["1"].offers["own"].offer


def changes(outcome: Outcome) -> list[PriceChange]:
    return [event for event in outcome.events if isinstance(event, PriceChange)]


def test_what_a_source_cannot_see_is_carried_over() -> None:
    """A new price from the list of items leaves shipping as the report said."""
    outcome = run(row(1, 2000, 499), item(2, 2100))

    assert own(outcome) == Offer(2100, 499, None, True, None)
    assert [change.kinds for change in changes(outcome)] == [("first_seen",), ("price",)]


def test_what_was_never_seen_is_unknown() -> None:
    """Nobody has said anything of shipping yet."""
    assert own(run(item(1, 2000))) == Offer(2000, None, None, True, None)


def test_carried_fields_outlive_a_time_of_being_unavailable() -> None:
    """An unavailable offer has no price, shipping and seller; published again it has them back."""
    named = look(1, Sight(own=OwnSight(True, 2000, 499, "My Shop")))
    gone, back = item(2, 2000, published=False), look(3, Sight(own=OwnSight(published=True)))

    assert own(run(named, gone)) == UNAVAILABLE
    assert own(run(named, gone, back)) == Offer(2000, 499, None, True, "My Shop")


def test_a_report_does_not_bring_an_unpublished_offer_back() -> None:
    """It says what own costs, not whether it is offered."""
    outcome = run(item(1, 2000, published=False), row(2, 2100, 0))

    assert own(outcome) == UNAVAILABLE
    assert own(run(row(2, 2100, 0))).available


def test_an_own_offer_without_a_price_is_unavailable() -> None:
    """As every offer."""
    assert own(run(look(1, Sight(own=OwnSight(published=True))))) == UNAVAILABLE


def test_an_older_observation_does_not_change_what_is_carried() -> None:
    """Only strictly newer ones apply, to remembered fields as well."""
    outcome = run(item(5, 2000), row(4, 1900, 499), row(5, 1900, 499), item(6, 2100))

    assert own(outcome) == Offer(2100, None, None, True, None)
    assert (outcome.applied, outcome.late, outcome.duplicate) == (2, 1, 1)


def test_rivals_that_a_complete_list_does_not_name_are_gone() -> None:
    """One that may have left some out says nothing of them."""
    both = look(1, Sight(own=OwnSight(True, 1)), Acme=ACME, Other=ACME)
    some = look(2, Sight(own=OwnSight(True, 1)), Acme=ACME)
    all_of_them = look(3, Sight(own=OwnSight(True, 1), complete=True), Acme=ACME)

    kept = run(both, some).states["1"].offers
    left = run(both, some, all_of_them).states["1"].offers

    assert kept["rival:Other"].offer == ACME
    assert left["rival:Other"].offer == UNAVAILABLE
    assert left["rival:Acme"].offer == ACME


def test_an_older_list_does_not_bring_a_rival_into_being() -> None:
    """A newer complete one has not named it."""
    newer = look(2, Sight(own=OwnSight(True, 1), complete=True))
    older = look(1, Sight(own=OwnSight(True, 1)), Acme=ACME)

    outcome = run(newer, older)

    assert set(outcome.states["1"].offers) == {"own"}
    assert (outcome.applied, outcome.late) == (1, 1)


def test_the_own_seller_is_no_rival() -> None:
    """Nor when it is listed without its number; and the box that it holds is own's."""
    named = look(1, Sight(own=OwnSight(True, 1, 0, "Acme")))
    listed = look(2, Sight(own=OwnSight(), box=BoxSight("rival", "Acme", False)), Acme=ACME)

    outcome = run(named, listed)

    assert set(outcome.states["1"].offers) == {"own"}
    standing = item_standing(outcome.states["1"], RULES.known_ms)
    assert standing is not None
    assert standing.buy_box.holder == "own"


def test_a_change_of_the_holder_alone_is_a_change_of_own_without_kinds() -> None:
    """No price differs: only the box that is stored with it."""
    mine, theirs = BoxSight("own", None, False), BoxSight("rival", "Acme", False)

    outcome = run(row(1, 2000, 0, mine), row(2, 2000, 0, mine), row(3, 2000, 0, theirs))

    first, second = changes(outcome)
    assert first.document()["buy_box"] == {
        "holder": "own",
        "seller": None,
        "suppressed": False,
        "since": "1970-01-01T00:00:00.001Z",
    }
    assert (second.kinds, second.observed_at) == ((), 3)
    assert second.document()["buy_box"]["seller"] == "Acme"
    assert (second.document()["delta_cents"], second.document()["delta_pct"]) == (0, 0.0)
    assert outcome.states["1"].offers["own"].changed_at == 3
    assert outcome.states["1"].offers["own"].window.changes == 0


def test_a_word_about_the_box_may_be_late_for_own_and_still_be_the_newest() -> None:
    """It counts at once, and is stored with the next observation of own."""
    theirs = look(4, Sight(own=OwnSight(True, 1900), box=BoxSight("rival", "Acme", False)))

    early = run(row(1, 2000, 0, BoxSight("own")), item(5, 2000), theirs)
    later = run(row(1, 2000, 0, BoxSight("own")), item(5, 2000), theirs, item(6, 2000))

    box = early.states["1"].seller.box  # type: ignore[union-attr]
    assert box is not None
    assert (box.holder, box.since, own(early).price_cents) == ("rival", 4, 2000)
    assert len(changes(early)) == 1
    assert changes(later)[-1].document()["buy_box"]["since"] == "1970-01-01T00:00:00.004Z"
    assert changes(later)[-1].observed_at == 6


def test_a_report_that_names_nobody_leaves_the_rival_that_is_known() -> None:
    """It says that somebody else has the box, and cannot say who."""
    named, unnamed = BoxSight("rival", "Acme", True), BoxSight("rival")

    outcome = run(row(1, 2000, 0, named), row(2, 2000, 0, unnamed))

    box = outcome.states["1"].seller.box  # type: ignore[union-attr]
    assert box is not None
    assert (box.holder, box.seller, box.suppressed, box.since) == ("rival", "Acme", True, 1)
    assert len(changes(outcome)) == 1


def share(*words: tuple[int, str]) -> tuple[float | None, float]:
    item = run(*(row(at, 1, 0, BoxSight(who)) for at, who in words)).states["1"]
    standing = item_standing(item, RULES.known_ms)
    assert standing is not None
    return standing.win_share, standing.win_coverage


def test_the_win_share_is_weighted_by_time_over_two_windows() -> None:
    """Each word counts up to the next one, and the last one to the end of its window."""
    assert share((250, "own"), (500, "rival"), (1250, "own")) == (1000 / 1750, 1750 / 2000)


def test_time_for_which_the_holder_is_not_known_does_not_count() -> None:
    """A word counts as long as a price does."""
    assert share((500, "own"), (3750, "rival")) == (1500 / 1750, 1750 / 2000)
    assert share((0, "own"), (5500, "rival")) == (0.0, 0.25)


def test_an_affiliate_look_leaves_the_seller_side_alone() -> None:
    """It speaks for featured and marketplace only."""
    seen = run(row(1, 2000, 0, BoxSight("own"))).states["1"]
    plain = Observation("1", 2, "affiliate", None, {"featured": ACME, "marketplace": None})

    after = apply({"1": seen.copy()}, [Entry(plain, Source("raw", 0, 2))], RULES).states["1"]

    assert after.offers["own"] == seen.offers["own"]
    assert after.seller == seen.seller


def test_an_event_that_says_nothing_is_silent() -> None:
    """It is neither applied nor late, and makes no item."""
    outcome = run(look(1, Sight()))

    assert (outcome.silent, outcome.applied, outcome.late, outcome.duplicate) == (1, 0, 0, 0)
    assert outcome.states["1"].offers == {}
