"""The bound on the rivals that an item's state remembers.

Sellers come and go for years, and the state of an item is one record, which the broker limits.
Only observations decide who is forgotten, so that a replay forgets the same rivals.
"""

from __future__ import annotations

from walmart_stream.domain.offers import RIVAL
from walmart_stream.domain.state import ItemState, OfferState

# Some 350 kB of state where all names are as long as they may be; a record has 2 MiB. It must
# exceed the 101 rivals that one event can name. Fewer would forget sellers of items that really
# have many; more would make every write of such an item larger.
MOST_RIVALS = 200


def forget_rivals(state: ItemState) -> list[tuple[str, OfferState]]:
    """Remove the rivals beyond :data:`MOST_RIVALS` from *state* and return them.

    The longest gone are forgotten first, then the longest unseen. An observation that is not newer
    than the last word about a forgotten rival brings no rival back: ``listed_at`` is raised to it.
    """
    rivals = [name for name in state.offers if name.startswith(RIVAL)]
    forgotten = []
    if len(rivals) > MOST_RIVALS:
        rivals.sort(key=lambda name: _order(name, state.offers[name]))
        for name in rivals[: len(rivals) - MOST_RIVALS]:
            offer = state.offers.pop(name)
            forgotten.append((name, offer))
            _bar(state, offer.observed_at)
    absent = [name for name in state.absent if name.startswith(RIVAL)]
    if len(absent) > MOST_RIVALS:
        absent.sort(key=lambda name: (state.absent[name], name))
        for name in absent[: len(absent) - MOST_RIVALS]:
            _bar(state, state.absent.pop(name))
    return forgotten


def _order(name: str, known: OfferState) -> tuple[bool, int, str]:
    if known.offer.available:
        return True, known.observed_at, name
    return False, known.changed_at, name


def _bar(state: ItemState, until: int) -> None:
    seller = state.seller
    assert seller is not None, "only the seller side names rivals"
    seller.listed_at = max(seller.listed_at, until)
