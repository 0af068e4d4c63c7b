"""The authoritative value of an item: everything that later observations are judged against.

It is stored as one table value. Everything else (events, the windowed table, MongoDB, views) is
a projection of it.
"""

from __future__ import annotations

from copy import copy

from msgspec import Struct, field
from msgspec.msgpack import Decoder, Encoder

from walmart_stream.domain import state_v3
from walmart_stream.domain.offers import Offer
from walmart_stream.domain.own import SellerState
from walmart_stream.domain.windows import FIRST_WIDTH_MS, Rules, Window

# First byte of a stored value; a reader that meets another one must not guess.
VERSION = 4


class OfferState(Struct, array_like=True, gc=False):
    """One offer: what it says, when it was last seen and changed (epoch ms), its window.

    ``closed`` windows have been closed as of that last observation: the one that it is in, and
    those that follow, in which nothing was observed. ``told`` is the end (epoch ms) of the newest
    unobserved window that was ever closed by the clock: a later observation may make it wrong.
    """

    offer: Offer
    observed_at: int
    changed_at: int
    window: Window
    closed: int = 0
    told: int = 0

    def copy(self) -> OfferState:
        return OfferState(
            self.offer,
            self.observed_at,
            self.changed_at,
            copy(self.window),
            self.closed,
            self.told,
        )

    @property
    def known_until(self) -> int:
        """Until when the landed price counts as known (epoch ms); 0 if it is unknown."""
        if self.offer.landed_cents is None:
            return 0
        return self.observed_at + self.window.known_ms

    def next_end(self) -> int | None:
        """The end (epoch ms) of the next window to close if nothing more is observed.

        That is the present window, then those at whose start the price is still known, and those
        that were closed when it was thought to be. ``None``: nothing is left to close.
        """
        window = self.window
        if not self.closed:
            return window.start + window.width_ms
        start = window.start + self.closed * window.width_ms
        if start < self.told or start < self.known_until:
            return start + window.width_ms
        return None


class ItemState(Struct, array_like=True, gc=False):
    """All offers of an item. ``applied`` grows by one with each observation applied.

    It begins at the time of the first one (epoch s), so that an item that was forgotten goes on
    with larger numbers than it had; states of earlier releases began at 0.
    States of an item form a chain, each the successor of the one before by one observation of
    the same log, or by the clock, which last closed windows at ``clock`` (epoch ms): so of two
    stored values the one with the larger :func:`age` is the newer one.
    ``previous_window`` is the start (epoch ms) of the window before the newest one. ``absent``
    holds, of offers that have never been seen, when an answer last did not name them (epoch ms).
    ``seller`` is what only the seller side can say, ``None`` before it said anything.
    ``named_by_walmart``: the name is from the affiliate side, and the seller side cannot change it.
    ``heard_at`` is the time of the newest observation (epoch ms), also of one that told nothing
    new; 0 in states of earlier releases.
    """

    applied: int = 0
    clock: int = 0
    name: str | None = None
    previous_window: int | None = None
    offers: dict[str, OfferState] = field(default_factory=dict)
    absent: dict[str, int] = field(default_factory=dict)
    seller: SellerState | None = None
    named_by_walmart: bool = False
    heard_at: int = 0

    @property
    def observed_at(self) -> int:
        """The newest observation applied to any offer, epoch ms."""
        return max((offer.observed_at for offer in self.offers.values()), default=0)

    @property
    def newest_window(self) -> int | None:
        """The start of the newest window that any offer is in, epoch ms."""
        newest = None
        for offer in self.offers.values():
            start = offer.window.start
            if newest is None or start > newest:
                newest = start
        return newest

    def next_close(self, rules: Rules) -> int | None:
        """The end (epoch ms) of the next window that the clock closes; ``None``: there is none.

        What is open at a width that is not that of *rules* is due at once.
        """
        soonest = None
        width_ms = rules.window_ms
        for offer in self.offers.values():
            window = offer.window
            # Without a call where the window is open: right after an observation, all are.
            end = offer.next_end() if offer.closed else window.start + window.width_ms
            if end is None:
                continue
            if window.width_ms != width_ms:
                return 0
            if soonest is None or end < soonest:
                soonest = end
        return soonest

    def copy(self) -> ItemState:
        twin = copy(self)
        twin.offers = {name: offer.copy() for name, offer in self.offers.items()}
        twin.absent = dict(self.absent)
        twin.seller = None if self.seller is None else self.seller.copy()
        return twin


def encode(state: ItemState) -> bytes:
    """The table value of *state*: its version, one byte, and MessagePack arrays of its fields."""
    return _VERSION + _encode(state)


# By default, the first release's windows took an hour and its prices counted as known for three.
FIRST_RULES = Rules(FIRST_WIDTH_MS, 3 * FIRST_WIDTH_MS)


def decode(value: bytes, rules: Rules = FIRST_RULES) -> ItemState:
    """The inverse of :func:`encode`.

    The first release did not record its rules: *rules* are those that it is taken to have had.

    Raises:
        ValueError: the value was written by another version.
    """
    if value[0] == state_v3.VERSION:
        return _of_the_first_release(state_v3.decode(memoryview(value)[1:]), rules)
    return _state(_fields(value))


def age(value: bytes) -> tuple[int, int]:
    """How far in its item's chain the stored *value* stands, to compare two of them by.

    Raises:
        ValueError: the value was written by another version.
    """
    if value[0] == state_v3.VERSION:
        return state_v3.applied(memoryview(value)[1:]), 0
    found = _age(_fields(value))
    return found.applied, found.clock


class _Age(Struct, array_like=True, gc=False):
    """The beginning of an :class:`ItemState`; what follows is not read."""

    applied: int
    clock: int


_VERSION = bytes([VERSION])
_encode = Encoder().encode
_state = Decoder(ItemState).decode
_age = Decoder(_Age).decode


def _fields(value: bytes) -> memoryview:
    if value[0] != VERSION:
        raise ValueError(
            f"item state of version {value[0]}; this program reads {state_v3.VERSION} and {VERSION}"
        )
    return memoryview(value)[1:]


def _of_the_first_release(old: state_v3.ItemState, rules: Rules) -> ItemState:
    offers = {name: offer_of_the_first_release(one, rules) for name, one in old.offers.items()}
    return ItemState(old.applied, 0, old.name, old.previous_window, offers, old.absent, old.seller)


def offer_of_the_first_release(old: state_v3.OfferState, rules: Rules) -> OfferState:
    """*old* with the rules that its window must have had.

    The width is that of *rules* unless the window's start, sums or last observation say otherwise;
    then it is the default of that release. Where that cannot be either, WINDOW_SIZE has changed
    since, from a value that nobody knows: what was counted is left as it was last stored, and
    counting begins again after the last observation.
    """
    was = old.window
    for width_ms in (rules.window_ms, FIRST_WIDTH_MS):
        fits = old.observed_at < was.start + width_ms and was.covered <= width_ms
        if fits and was.start % width_ms == 0:
            window = Window(
                was.start,
                was.observations,
                was.changes,
                was.open,
                was.high,
                was.low,
                was.close,
                was.weighted,
                was.covered,
                width_ms,
                rules.known_ms,
                carried=None,
            )
            closed = int(was.emitted >= was.observations)
            break
    else:
        start = rules.start_of(old.observed_at)
        window = Window(
            start, width_ms=rules.window_ms, known_ms=rules.known_ms, since=old.observed_at
        )
        closed = 1
    return OfferState(old.offer, old.observed_at, old.changed_at, window, closed)
