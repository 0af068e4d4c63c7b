"""What the state keeps for the seller side: the own offer's fields, and the buy box.

A source that cannot see a field of the own offer leaves it as it was last said: what each field
was last said to be is remembered beside the offer, also while the offer is unavailable.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy

from msgspec import UNSET, Struct

from walmart_stream.domain import buy_box
from walmart_stream.domain.buy_box import BuyBox
from walmart_stream.domain.offers import RIVAL, UNAVAILABLE, Offer
from walmart_stream.domain.reading.seller_observation import OwnSight, Sight
from walmart_stream.domain.windows import Rules


class SellerState(Struct, array_like=True, gc=False):
    """What was last said of each field of the own offer, ``None`` where nothing was.

    ``listed_at`` is when a list of all rivals was last seen (epoch ms): an older observation does
    not bring one into being that it did not name. ``untold``: ``box`` differs from what was last
    stored of it, because its word came too late for the own offer.
    """

    published: bool | None = None
    price_cents: int | None = None
    shipping_cents: int | None = None
    seller: str | None = None
    listed_at: int = -1
    box: BuyBox | None = None
    untold: bool = False

    def copy(self) -> SellerState:
        twin = copy(self)
        if self.box is not None:
            twin.box = copy(self.box)
        return twin

    def offer(self) -> Offer:
        """The own offer. Nobody having said that it is not published, one with a price is."""
        if self.published is False or self.price_cents is None:
            return UNAVAILABLE
        return Offer(self.price_cents, self.shipping_cents, None, True, self.seller)

    def hear(self, said: OwnSight) -> None:
        """Take over the fields that *said* can see."""
        if said.published is not UNSET:
            self.published = said.published
        if said.price_cents is not UNSET:
            self.price_cents = said.price_cents
        if said.shipping_cents is not UNSET:
            self.shipping_cents = said.shipping_cents
        if said.seller is not None:
            self.seller = said.seller

    def rivals(
        self, sight: Sight, named: Mapping[str, Offer | None], known: Mapping[str, object], at: int
    ) -> dict[str, Offer | None]:
        """The rivals' offers that *sight*, which named some, speaks for.

        *known* are the offers that there are. ``None`` is a rival who is gone.
        """
        own = None if self.seller is None else RIVAL + self.seller
        spoken = {
            name: offer
            for name, offer in named.items()
            if name != own and (name in known or at > self.listed_at)
        }
        if sight.complete:
            gone = (name for name in known if name.startswith(RIVAL) and name not in named)
            spoken.update(dict.fromkeys(gone))
        return spoken

    def look(self, sight: Sight, at: int, rules: Rules) -> bool:
        """Take over what *sight* says of the box and of the list; whether any of it was newer."""
        newer = False
        if sight.complete and at > self.listed_at:
            self.listed_at = at
            newer = True
        if sight.box is not None and (self.box is None or at > self.box.observed_at):
            self.box, differs = buy_box.observe(self.box, sight.box, self.seller, at, rules)
            self.untold = self.untold or differs
            newer = True
        return newer
