"""The ``items`` documents: all that a list shows of an item, made of its offers and changes.

A pure projection of what the other collections hold, as of the last change of anything in it: so
nothing that is stored becomes wrong by waiting. What slides with the clock (counts of a day and a
week, the ribbon, the sparkline) is computed from ``recent`` and ``buy_box`` when it is read, see
:mod:`walmart_stream.domain.recent`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from walmart_stream.domain.item_words import folded_name, words_of
from walmart_stream.domain.offers import FEATURED, MARKETPLACE, OWN, Offer
from walmart_stream.domain.recent import Recent, Steps, no_steps, note_change, note_holder
from walmart_stream.domain.standing import Holder, Rival, Seen, Standing, standing
from walmart_stream.domain.time import to_ms
from walmart_stream.domain.watch import WatchEntry

Document = Mapping[str, Any]

# What the watchlist says, beside what the offers come to.
WATCH_FIELDS = ("tags", "watched", "watch_offset")
# Counts the writes, so that a writer notices another one.
EDITS = "edits"


def stored_standing(offers: Mapping[str, Document]) -> Standing:
    """How the own offer stands by the *offers* documents of an item, opened, by offer."""
    own = offers.get(OWN)
    box = None if own is None else own.get("buy_box")
    holder = Holder() if box is None else Holder(**box)
    seen = {
        name: Seen(
            Offer(
                one["price_cents"],
                one["shipping_cents"],
                one["two_day_cents"],
                one["available"],
                one["seller"],
            ),
            one["changed_at"],
        )
        for name, one in offers.items()
    }
    found = standing(seen, holder, None if own is None else own["seller"])
    if own is None or not ("insights" in own or "compared" in own):
        return found
    return found._replace(insights=own.get("insights"), compared=own.get("compared"))


def summary(
    item_id: str, offers: Mapping[str, Document], revision: int, known: Document | None = None
) -> dict[str, Any]:
    """The fields that follow from an item's *offers* documents (opened, by offer; at least one).

    The words of a name that *known*, the document so far, has too are taken from there.

    *revision* is the sum of theirs, none of which ever goes back: a larger one knows more.
    Without an own offer there is no ``state`` and no ``holder``.
    """
    name = max([(_revision(one), one["offer"], one["name"]) for one in offers.values()])[2]
    if known is not None and known.get("name") == name:
        key, words = known["name_key"], known["words"]
    else:
        key, words = folded_name(name), words_of(item_id, name)
    standing_now = stored_standing(offers)
    rival, box = standing_now.rival, standing_now.buy_box
    picture = {
        "item_id": item_id,
        "name": name,
        "name_key": key,
        "words": words,
        "own": _offer(offers.get(OWN)),
        "best_rival": None if rival is None else _rival(rival),
        "featured": _offer(offers.get(FEATURED)),
        "marketplace": _offer(offers.get(MARKETPLACE)),
        "gap_cents": standing_now.gap_cents,
        "gap_pct": standing_now.gap_pct,
        "changed_at": max([one["changed_at"] for one in offers.values()]),
        "revision": revision,
    }
    if OWN in offers:
        picture["state"], picture["holder"] = standing_now.state, box.holder
    return picture


def box_of(offers: Mapping[str, Document]) -> dict[str, Any] | None:
    """The last word about the box: seller, suppressed, since; ``None`` without any."""
    box = offers.get(OWN, {}).get("buy_box")
    if box is None:
        return None
    return {name: box[name] for name in ("seller", "suppressed", "since")}


def recent_of(changes: Iterable[Document], recent: Recent, ribbon: Steps) -> tuple[Recent, Steps]:
    """``recent`` and the *ribbon*'s steps with price *changes* (opened) added.

    In any order, and as often as one likes: what comes out is the same.
    """
    for change in changes:
        at = to_ms(change["observed_at"])
        recent = note_change(
            recent, at, change["offer"], tuple(change["kinds"]), change["landed_cents"]
        )
        box = change.get("buy_box")
        if box is not None:
            ribbon = note_holder(ribbon, at, box["holder"], box["seller"], box["suppressed"])
    return recent, ribbon


def merged(
    stored: Document | None,
    item_id: str,
    offers: Mapping[str, Document],
    changes: Sequence[Document],
    *,
    anew: bool = False,
) -> dict[str, Any]:
    """The item's fields by its *stored* document (opened), its present *offers* and new *changes*.

    A stored picture that knows more stays. *anew*: nothing of the stored picture counts.
    """
    known = None if anew or stored is None or "revision" not in stored else stored
    if known is None:
        recent, ribbon = recent_of(changes, no_steps(), [])
    else:
        box = known.get("buy_box") or {}
        recent, ribbon = recent_of(changes, known["recent"], box.get("steps", []))
    revision = sum([_revision(one) for one in offers.values()])
    if offers and (known is None or revision >= known["revision"]):
        picture = summary(item_id, offers, revision, known)
        box_now = box_of(offers)
    elif known is not None:
        picture = {name: known[name] for name in PICTURE if name in known}
        box_now = known.get("buy_box")
    else:
        return {"item_id": item_id}
    picture["recent"] = recent
    nothing = {"seller": None, "suppressed": False, "since": None}
    if box_now is not None or ribbon:
        picture["buy_box"] = {**(box_now or nothing), "steps": ribbon}
    return picture


def watch_fields(entry: WatchEntry | None) -> dict[str, Any]:
    """The fields that the watchlist's *entry* determines; ``None``: the item is not watched.

    Its history stays, and so do its tags: what was bought for last spring is still that.
    """
    if entry is None:
        return {"watched": False}
    return {"watched": True, "tags": list(entry.tags)}


def facets(tags: Sequence[str], state: str | None) -> list[str]:
    """The filters that find an item: none at all, its state, each of its tags, both together."""
    states = [""] if state is None else ["", state_facet(state)]
    return [*states, *(facet(tag, one) for tag in tags for one in states)] if tags else states


def facet(tag: str | None, state: str) -> str:
    """The one facet of a filter; *state* as of :func:`state_facet`, or empty."""
    return "".join(part for part in ("" if tag is None else f"t:{tag}\n", state))


def state_facet(state: str) -> str:
    """A state's part of a facet."""
    return f"s:{state}"


def _offer(document: Document | None) -> dict[str, Any] | None:
    if document is None:
        return None
    # Written out, as below: every change makes some of these, and a loop takes three times as long.
    return {
        "landed_cents": document["landed_cents"],
        "price_cents": document["price_cents"],
        "shipping_cents": document["shipping_cents"],
        "seller": document["seller"],
        "available": document["available"],
    }


def _rival(rival: Rival) -> dict[str, Any]:
    return {"offer": rival.offer, "seller": rival.seller, "landed_cents": rival.landed_cents}


def _revision(offer: Document) -> int:
    """The first release went by the time of the change."""
    revision: int = offer.get("revision") or 2 * to_ms(offer["changed_at"])
    return revision


# What follows from the offers. Without an own offer some of it is not there, rather than null:
# sealed fields that say nothing would be long.
PICTURE = (
    "item_id",
    "name",
    "name_key",
    "words",
    "own",
    "best_rival",
    "featured",
    "marketplace",
    "gap_cents",
    "gap_pct",
    "state",
    "holder",
    "changed_at",
    "revision",
)
# What follows from offers and changes.
MADE = (*PICTURE, "buy_box", "recent")
