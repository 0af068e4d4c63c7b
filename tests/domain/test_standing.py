"""How own stands among rivals: gap, rank, state, and who counts as a rival."""

from __future__ import annotations

import pytest

from walmart_stream.domain.offers import UNAVAILABLE, Offer
from walmart_stream.domain.standing import Holder, Rival, Seen, Standing, item_standing, standing
from walmart_stream.domain.state import ItemState

OWN = Offer(2000, 500, None, True, "My Shop")
NOBODY_KNOWN = Holder()
MINE, ACMES = Holder("own"), Holder("rival", "Acme")


def offer(landed: int | None, seller: str | None = "Acme") -> Offer:
    return Offer(landed, None if landed is None else 0, None, True, seller)


def stand(
    holder: Holder = NOBODY_KNOWN,
    own_seller: str | None = "My Shop",
    *,
    own: Offer | None = OWN,
    at: dict[str, int] | None = None,
    **offers: Offer,
) -> Standing:
    """The standing of *own* among *offers*, ``rival_X`` for ``rival:X``, seen *at* 1 or so."""
    named = {name.replace("_", ":"): one for name, one in offers.items()}
    if own is not None:
        named["own"] = own
    times = at or {}
    return standing(
        {name: Seen(one, times.get(name, 1)) for name, one in named.items()}, holder, own_seller
    )


def test_the_gap_is_to_the_best_rival_by_landed_price() -> None:
    """Absolute, and in percent of the rival's."""
    known = stand(featured=offer(3000), marketplace=offer(2400, None), rival_B=offer(2200, "B"))

    assert known.landed_cents == 2500
    assert known.rival == Rival("rival:B", "B", 2200)
    assert (known.gap_cents, known.gap_pct) == (300, 300 * 100 / 2200)
    assert (known.rank, known.ranked) == (3, 4)


def test_an_equal_price_ranks_no_worse() -> None:
    """1 is: nobody is cheaper."""
    known = stand(featured=offer(2500))

    assert (known.gap_cents, known.rank, known.ranked) == (0, 1, 2)


def test_unknown_shipping_is_not_compared() -> None:
    """Neither a rival's, which could be anything, nor own's."""
    unknown = Offer(100, None, None, True, "Acme")

    rival = stand(featured=unknown)
    mine = stand(own=OWN._replace(shipping_cents=None), featured=offer(2400))

    assert (rival.rival, rival.gap_cents, rival.rank, rival.ranked) == (None, None, 1, 1)
    assert (mine.landed_cents, mine.gap_cents, mine.rank, mine.ranked) == (None, None, None, 1)


def test_a_rival_that_gives_it_away_has_no_percentage() -> None:
    """Nothing is a multiple of nothing."""
    known = stand(featured=offer(0))

    assert (known.gap_cents, known.gap_pct) == (2500, None)


def test_own_under_the_names_of_the_affiliate_side_is_no_rival() -> None:
    """The featured offer is own's while it wins, the marketplace offer while it is the best one."""
    known = stand(featured=offer(2500, "My Shop"), marketplace=offer(2500, "My Shop"))

    assert (known.rival, known.rank, known.ranked) == (None, 1, 1)


def test_while_owns_name_is_not_known_its_price_tells() -> None:
    """Walmart.com is never own, nor is a rival that the seller side names."""
    same, other = Offer(2000, 0, None, True, "X"), Offer(1999, 0, None, True, "X")

    assert stand(own_seller=None, featured=same).rival is None
    assert stand(own_seller=None, featured=other).rival == Rival("featured", "X", 1999)
    walmart = same._replace(seller="Walmart.com")
    assert stand(own_seller=None, featured=walmart).rival is not None
    assert stand(own_seller=None, rival_X=same).rival is not None


def test_a_seller_counts_once_with_its_newest_offer() -> None:
    """The affiliate side and the seller side show the same offer under two names."""
    both = {"featured": offer(2300), "rival_Acme": offer(2100)}

    older = stand(**both, at={"featured": 2, "rival:Acme": 1})
    newer = stand(**both, at={"featured": 1, "rival:Acme": 2})
    gone = stand(featured=offer(2300), rival_Acme=UNAVAILABLE, at={"featured": 1, "rival:Acme": 2})

    assert (older.rival, older.ranked) == (Rival("featured", "Acme", 2300), 2)
    assert (newer.rival, newer.ranked) == (Rival("rival:Acme", "Acme", 2100), 2)
    assert (gone.rival, gone.ranked) == (None, 1)


@pytest.mark.parametrize(
    ("holder", "own", "featured", "state"),
    [
        (MINE, OWN, 2600, "winning"),
        (MINE, OWN, 2400, "winning"),
        (MINE, OWN._replace(shipping_cents=None), None, "winning"),
        (MINE, UNAVAILABLE, 2400, "lost"),
        (NOBODY_KNOWN, UNAVAILABLE, None, "lost"),
        (ACMES, OWN, 2500, "competitive"),
        (ACMES, OWN, 2499, "lost"),
        (ACMES, OWN, None, "lost"),
        (ACMES._replace(suppressed=True), OWN, 2600, "suppressed"),
        (Holder("none", None, True), OWN, 2600, "suppressed"),
        (Holder("none"), OWN, 2600, "competitive"),
        (Holder("none"), OWN, 2400, "unknown"),
        (NOBODY_KNOWN, OWN, 2600, "competitive"),
        (NOBODY_KNOWN, OWN, 2400, "unknown"),
        (NOBODY_KNOWN, OWN, None, "unknown"),
        (MINE, None, 2400, "unknown"),
    ],
)
def test_the_state_is_the_first_that_is_true(
    holder: Holder, own: Offer | None, featured: int | None, state: str
) -> None:
    """As the docstring of Standing lists them."""
    assert stand(holder, own=own, featured=offer(featured)).state == state


def test_an_item_that_the_seller_side_never_spoke_of_has_no_standing() -> None:
    """Most items are not the seller's."""
    assert item_standing(ItemState(), 1000) is None
