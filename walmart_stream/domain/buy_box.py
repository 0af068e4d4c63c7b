"""The holder of an item's buy box, since when, and the seller's share of the time.

Times are epoch milliseconds. The word of an observation counts until the next one, but for no
longer than a price counts as known; sums are kept of the current window and the one before.
"""

from __future__ import annotations

from copy import copy
from typing import Any

from msgspec import UNSET, Struct

from walmart_stream.domain.offers import OWN
from walmart_stream.domain.reading.seller_observation import SOMEBODY, BoxSight
from walmart_stream.domain.sellers import same_seller
from walmart_stream.domain.time import to_iso
from walmart_stream.domain.windows import Rules


class BuyBox(Struct, array_like=True, gc=False):
    """The last word about the box, and the sums of what was said before it.

    ``holder`` is ``own``, ``rival`` (``seller``, where it was named) or ``none``; it has been so
    since ``since``, by the last word at ``observed_at``. ``known`` are the milliseconds of the
    window from ``start`` for which the holder is known, up to the last word, and ``won`` those of
    them in which it was the seller; ``known_before`` and ``won_before`` are of the window before.
    ``window_ms`` and ``known_ms`` are the rules that they were counted by.
    """

    holder: str
    seller: str | None
    suppressed: bool
    since: int
    observed_at: int
    window_ms: int
    known_ms: int
    start: int
    won: int = 0
    known: int = 0
    won_before: int = 0
    known_before: int = 0

    def share(self, at: int) -> tuple[float | None, float]:
        """The share of time that the seller held the box, and of how much time that is known.

        Over the window that *at* is in and the one before. As with prices, the last word counts
        up to the window's end or until it is no longer known: won / known, and
        known / (2 x width).
        """
        at = max(at, self.observed_at)
        start = at - at % self.window_ms
        box = copy(self)
        box.advance(start + self.window_ms, start)
        won, known = box.won + box.won_before, box.known + box.known_before
        return (won / known if known else None), known / (2 * self.window_ms)

    def advance(self, until: int, start: int) -> None:
        """Count the last word up to *until*, in the window from *start* and the one before."""
        if start > self.start:
            before = start - self.window_ms
            follows = self.start == before
            spent = self._known_between(before, start)
            self.known_before = spent + (self.known if follows else 0)
            self.won_before = self._won(spent) + (self.won if follows else 0)
            self.start, self.known, self.won = start, 0, 0
        spent = self._known_between(start, until)
        self.known += spent
        self.won += self._won(spent)

    def document(self) -> dict[str, Any]:
        """The fields that are stored with the seller's own offer."""
        return {
            "holder": self.holder,
            "seller": self.seller,
            "suppressed": self.suppressed,
            "since": to_iso(self.since),
        }

    def _known_between(self, begin: int, end: int) -> int:
        """For how long of the time given the last word counts."""
        end = min(end, self.observed_at + self.known_ms)
        return max(0, end - max(begin, self.observed_at))

    def _won(self, spent: int) -> int:
        return spent if self.holder == OWN else 0


def observe(
    box: BuyBox | None, said: BoxSight, own_seller: str | None, at: int, rules: Rules
) -> tuple[BuyBox, bool]:
    """The box after what was *said* at *at*, later than its last word; and whether it differs.

    A rival that is not named is the one known so far, if it was one. Who cannot see suppression
    leaves it as it was while the holder stays.
    """
    holder, seller = said.holder, said.seller
    if seller is not None and same_seller(seller, own_seller):
        holder, seller = OWN, None
    if box is None:
        suppressed = said.suppressed is True
        start = rules.start_of(at)
        box = BuyBox(
            holder, seller, suppressed, at, at, rules.window_ms, rules.known_ms, start
        )  # fmt: skip
        return box, True
    if holder == SOMEBODY == box.holder and seller is None:
        seller = box.seller
    if box.window_ms == rules.window_ms:
        box.advance(at, rules.start_of(at))
    else:
        # Sums over windows of another width cannot be taken along.
        box.window_ms, box.start = rules.window_ms, rules.start_of(at)
        box.won = box.known = box.won_before = box.known_before = 0
    box.known_ms, box.observed_at = rules.known_ms, at
    moved = holder != box.holder or not same_seller(seller, box.seller)
    suppressed = said.suppressed if said.suppressed is not UNSET else box.suppressed and not moved
    differs = moved or suppressed != box.suppressed
    if moved:
        box.holder, box.seller, box.since = holder, seller, at
    box.suppressed = suppressed
    return box, differs
