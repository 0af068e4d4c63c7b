"""The state of the seller side: the own offer's fields, and the buy box.

A source that cannot see a field of the own offer leaves it as it was last said: what each field
was last said to be is remembered beside the offer, also while the offer is unavailable.

A seller can have several SKUs of one item: a new one and a used one, or two shipped from two
places. Each is remembered by itself, and the own offer is the one that a buyer of the item is
shown first: see :meth:`SellerState.offer`.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy

from msgspec import UNSET, Struct, field

from walmart_stream.domain import buy_box
from walmart_stream.domain.box_reasons import BoxReasons, Shown
from walmart_stream.domain.buy_box import BuyBox
from walmart_stream.domain.offers import OWN, RIVAL, UNAVAILABLE, Offer
from walmart_stream.domain.reading.seller_observation import BoxSight, OwnSight, Sight
from walmart_stream.domain.sellers import same_seller
from walmart_stream.domain.windows import Rules

# A SKU that nothing has been said of for so long before the last word about another one of its item
# is not listed any more: answers list all SKUs every SELLER_POLL_INTERVAL, a quarter of an hour.
# A removed SKU counts for so much longer; reading a large catalogue may take hours.
LISTED_FOR_MS = 86_400_000

# SKUs of one item that are remembered, those seen last. Sellers have a handful.
MOST_SKUS = 50


class OwnSku(Struct, array_like=True, gc=False):
    """The last value of each field of one SKU's offer, ``None`` where there was none.

    ``heard_at`` is when it was seen last (epoch ms). ``wins`` is whether it holds the buy box.
    ``reference_cents`` is Walmart's reference price, named at ``reference_at``.
    """

    heard_at: int = -1
    published: bool | None = None
    price_cents: int | None = None
    shipping_cents: int | None = None
    condition: str | None = None
    wins: bool | None = None
    reference_cents: int | None = None
    reference_at: int = -1

    @property
    def is_available(self) -> bool:
        """Nobody having said that it is not published, one with a price is."""
        return self.published is not False and self.price_cents is not None

    @property
    def is_new(self) -> bool:
        """New, or of a condition that nothing was said of."""
        return is_new(self.condition)

    def hear(self, said: OwnSight, at: int) -> None:
        """Take over the fields that *said* at *at* can see."""
        if said.published is not UNSET:
            self.published = said.published
        if said.price_cents is not UNSET:
            self.price_cents = said.price_cents
        if said.shipping_cents is not UNSET:
            self.shipping_cents = said.shipping_cents
        if said.condition is not None:
            self.condition = said.condition
        if said.reference_cents is not None:
            self.reference_cents, self.reference_at = said.reference_cents, at


class SellerState(Struct, array_like=True, gc=False):
    """The seller side's last words on an item.

    ``skus`` holds each SKU's offer; under the empty text that of words that name no SKU.
    ``published`` to ``shipping_cents`` are what earlier versions knew, until the next word.
    ``listed_at`` is when a list of all rivals was last seen (epoch ms): an older observation does
    not bring one into being that it did not name. ``untold``: ``box`` differs from what was last
    stored of it, because its word came too late for the own offer. ``reasons`` is what explains a
    lost box, ``None`` before there was any.
    """

    published: bool | None = None
    price_cents: int | None = None
    shipping_cents: int | None = None
    seller: str | None = None
    listed_at: int = -1
    box: BuyBox | None = None
    untold: bool = False
    skus: dict[str, OwnSku] = field(default_factory=dict)
    reasons: BoxReasons | None = None

    def copy(self) -> SellerState:
        twin = copy(self)
        twin.skus = {sku: copy(own) for sku, own in self.skus.items()}
        if self.box is not None:
            twin.box = copy(self.box)
        if self.reasons is not None:
            twin.reasons = self.reasons.copy()
        return twin

    def offer(self) -> Offer:
        """The own offer: of the SKUs that can be ordered, a new one before any other.

        Of several, the one with the lowest landed price; those whose landed price is unknown come
        after the others, by price. Where all is equal, the first SKU by its text.
        """
        shown = self._shown()
        if shown is None or not shown.is_available:
            return UNAVAILABLE
        return Offer(shown.price_cents, shown.shipping_cents, None, True, self.seller)

    @property
    def is_published(self) -> bool | None:
        """Whether any SKU that is listed is published; ``None`` if nobody has said."""
        said = [own.published for own in self._listed().values() if own.published is not None]
        return any(said) if said else self.published

    def reference(self, at: int) -> int | None:
        """Walmart's reference price of the SKU that is shown, as far as it was named by *at*."""
        shown = self._shown()
        return None if shown is None or shown.reference_at > at else shown.reference_cents

    def hear(self, said: OwnSight, at: int, known_at: int) -> bool:
        """Take over what *said* at *at* can see; whether that is newer than what is known.

        *known_at* is when the own offer was last observed, -1 for never.
        """
        own = self._sku_of(said, known_at)
        if at <= own.heard_at:
            return False
        own.heard_at = at
        own.hear(said, at)
        if said.seller is not None:
            self.seller = said.seller
        return True

    def explain(self, sight: Sight, at: int) -> tuple[bool, bool, bool]:
        """See :meth:`BoxReasons.hear`; what is about another condition is not heard."""
        if (sight.insight is None and sight.compared is None) or self._is_aside(sight):
            return False, False, False
        reasons = self.reasons or BoxReasons()
        heard = reasons.hear(sight, at)
        if heard[0]:
            self.reasons = reasons
        return heard

    def shown_reasons(self) -> Shown | None:
        """Reasons for the holder of the box, as the own offer shows them."""
        if self.reasons is None:
            return None
        shown = self._shown()
        sku = next((sku for sku, own in self.skus.items() if own is shown), None)
        return self.reasons.of(sku)

    def rivals(
        self, sight: Sight, named: Mapping[str, Offer | None], known: Mapping[str, object], at: int
    ) -> dict[str, Offer | None]:
        """The rivals' offers that *sight*, which named some, speaks for.

        *known* are the offers that there are. ``None`` is a rival who is gone.
        """
        if self._is_aside(sight):
            return {}
        spoken = {
            name: offer
            for name, offer in named.items()
            if not same_seller(name.removeprefix(RIVAL), self.seller)
            and (name in known or at > self.listed_at)
        }
        if sight.complete:
            gone = (name for name in known if name.startswith(RIVAL) and name not in named)
            spoken.update(dict.fromkeys(gone))
        return spoken

    def look(self, sight: Sight, at: int, rules: Rules) -> bool:
        """Take over what *sight* says of the box and of the list; whether any of it was newer."""
        if self._is_aside(sight):
            return False
        newer = False
        if sight.complete and at > self.listed_at:
            self.listed_at = at
            newer = True
        if sight.box is not None and (self.box is None or at > self.box.observed_at):
            said = self._holder(sight, sight.box)
            self.box, differs = buy_box.observe(self.box, said, self.seller, at, rules)
            self.untold = self.untold or differs
            newer = True
        return newer

    def _sku_of(self, said: OwnSight, known_at: int) -> OwnSku:
        """The memory of the SKU that *said* is about."""
        skus = self.skus
        if not skus:
            # States that were written before SKUs were remembered know the offer anyway.
            skus[""] = OwnSku(known_at, self.published, self.price_cents, self.shipping_cents)
            self.published = self.price_cents = self.shipping_cents = None
        if said.sku is None:
            # The one that is shown, of those of the condition that it is about.
            return self._shown(said.condition) or skus.setdefault("", OwnSku())
        own = skus.get(said.sku)
        if own is None:
            unnamed = skus.get("")
            own = OwnSku()
            if unnamed is not None and _may_be(unnamed.condition, said.condition):
                # What was said before it had a name.
                own = skus.pop("")
            elif len(skus) >= MOST_SKUS:
                del skus[min(skus, key=lambda sku: (skus[sku].heard_at, sku))]
            skus[said.sku] = own
        return own

    def _shown(self, condition: str | None = None) -> OwnSku | None:
        """The SKU that the own offer is of, if any is known; of *condition*, if there is one."""
        among = {
            sku: own for sku, own in self._listed().items() if _may_be(own.condition, condition)
        }
        return among[min(among, key=lambda sku: _place(sku, among[sku]))] if among else None

    def _listed(self) -> dict[str, OwnSku]:
        """The SKUs that are listed as of the last word about any."""
        last = max((own.heard_at for own in self.skus.values()), default=0)
        return {sku: own for sku, own in self.skus.items() if own.heard_at > last - LISTED_FOR_MS}

    def _is_aside(self, sight: Sight) -> bool:
        """Whether *sight* is about offers of another condition than the own offer's.

        Its rivals and its box are not those that the own offer competes with.
        """
        said = sight.own
        if said is None or said.condition is None:
            return False
        shown = self._shown()
        return shown is not None and shown.is_available and shown.is_new != is_new(said.condition)

    def _holder(self, sight: Sight, said: BoxSight) -> BoxSight:
        """The holder of the box by *sight* and by the last words on other SKUs."""
        holds = said.holder == OWN
        if not said.of_sku:
            for own in self.skus.values():
                own.wins = False
        own_sight = sight.own or OwnSight()
        seen = self.skus.get(own_sight.sku or "") or self._shown(own_sight.condition)
        if seen is not None:
            seen.wins = holds
        listed = self._listed().values()
        if said.of_sku and any(own.wins and own.is_available for own in listed):
            return BoxSight(OWN, suppressed=False)
        return said


def is_new(condition: str | None) -> bool:
    """Whether an offer of *condition* competes with new ones; so does one that says nothing."""
    return condition is None or condition.strip().lower().startswith("new")


def _may_be(known: str | None, said: str | None) -> bool:
    """Whether two words for a condition may be of one SKU."""
    return known is None or said is None or is_new(known) == is_new(said)


def _place(sku: str, own: OwnSku) -> tuple[bool, bool, bool, int, str]:
    landed = (own.price_cents or 0) + (own.shipping_cents or 0)
    return not own.is_available, not own.is_new, own.shipping_cents is None, landed, sku
