"""The authoritative value of an item: everything that later observations are judged against.

It is stored as one table value. Everything else (events, the windowed table, MongoDB, views) is
a projection of it.
"""

from __future__ import annotations

from copy import copy

from msgspec import Struct, field
from msgspec.msgpack import Decoder, Encoder

from walmart_stream.domain.offers import Offer
from walmart_stream.domain.own import SellerState
from walmart_stream.domain.windows import Window

# First byte of a stored value; a reader that meets another one must not guess.
VERSION = 3


class OfferState(Struct, array_like=True, gc=False):
    """One offer: what it says, when it was last seen and changed (epoch ms), its window."""

    offer: Offer
    observed_at: int
    changed_at: int
    window: Window

    def copy(self) -> OfferState:
        return OfferState(self.offer, self.observed_at, self.changed_at, copy(self.window))


class ItemState(Struct, array_like=True, gc=False):
    """All offers of an item. ``applied`` counts the observations applied since the first.

    States of an item form a chain, each the successor of the one before by one observation of
    the same log; so of two stored values the one with more ``applied`` is the newer one.
    ``previous_window`` is the start (epoch ms) of the window before the newest one. ``absent``
    holds, of offers that have never been seen, when an answer last did not name them (epoch ms).
    ``seller`` is what only the seller side can say, ``None`` before it said anything.
    """

    applied: int = 0
    name: str | None = None
    previous_window: int | None = None
    offers: dict[str, OfferState] = field(default_factory=dict)
    absent: dict[str, int] = field(default_factory=dict)
    seller: SellerState | None = None

    @property
    def observed_at(self) -> int:
        """The newest observation applied to any offer, epoch ms."""
        return max((offer.observed_at for offer in self.offers.values()), default=0)

    @property
    def newest_window(self) -> int | None:
        """The start of the newest window that any offer is in, epoch ms."""
        return max((offer.window.start for offer in self.offers.values()), default=None)

    @property
    def oldest_open_window(self) -> int | None:
        """The start of the oldest window that knows more than its last emitted close, epoch ms."""
        oldest = None
        for offer in self.offers.values():
            window = offer.window
            if window.emitted < window.observations and (oldest is None or window.start < oldest):
                oldest = window.start
        return oldest

    def copy(self) -> ItemState:
        offers = {name: offer.copy() for name, offer in self.offers.items()}
        seller = None if self.seller is None else self.seller.copy()
        return ItemState(
            self.applied, self.name, self.previous_window, offers, dict(self.absent), seller
        )


def encode(state: ItemState) -> bytes:
    """The table value of *state*: its version, one byte, and MessagePack arrays of its fields."""
    return _VERSION + _encode(state)


def decode(value: bytes) -> ItemState:
    """The inverse of :func:`encode`.

    Raises:
        ValueError: the value was written by another version.
    """
    return _state(_fields(value))


def applied(value: bytes) -> int:
    """How many observations the stored *value* knows: its age, to compare two of them by.

    Raises:
        ValueError: the value was written by another version.
    """
    return _age(_fields(value)).applied


class _Age(Struct, array_like=True, gc=False):
    """The beginning of an :class:`ItemState`; what follows is not read."""

    applied: int


_VERSION = bytes([VERSION])
_encode = Encoder().encode
_state = Decoder(ItemState).decode
_age = Decoder(_Age).decode


def _fields(value: bytes) -> memoryview:
    if value[0] != VERSION:
        raise ValueError(f"item state of version {value[0]}; this program reads {VERSION}")
    return memoryview(value)[1:]
