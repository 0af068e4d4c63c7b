"""The content of an item's document, by its offers and changes."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest

from walmart_stream.domain.time import to_datetime
from walmart_stream.storage.item_documents import facet, facets, merged, state_facet

START = 1_800_000_000_000


def offer(name: str, landed: int | None, at: int = 0, **fields: Any) -> dict[str, Any]:
    """An ``offers`` document; shipping is 1 cent where the landed price is known."""
    return {
        "item_id": "7",
        "offer": name,
        "name": "Green Tea",
        "seller": None if landed is None else f"{name} shop",
        "price_cents": None if landed is None else landed - 1,
        "shipping_cents": None if landed is None else 1,
        "landed_cents": landed,
        "two_day_cents": None,
        "available": landed is not None,
        "changed_at": to_datetime(START + at),
        "revision": 2 * (START + at),
        **fields,
    }


def change(name: str, landed: int, at: int, **fields: Any) -> dict[str, Any]:
    return {
        **offer(name, landed),
        "kinds": ["price"],
        "observed_at": to_datetime(START + at),
        **fields,
    }


def box(holder: str, at: int = 0) -> dict[str, Any]:
    return {"holder": holder, "seller": None, "suppressed": False, "since": to_datetime(START + at)}


def item(*offers: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
    return merged(None, "7", {one["offer"]: one for one in offers}, [], **kwargs)


def test_the_own_offer_is_compared_with_the_best_rival() -> None:
    """Landed price is the unit; an unavailable rival is none."""
    found = item(
        offer("own", 1100, buy_box=box("rival")),
        offer("featured", 1000, 5),
        offer("marketplace", None),
        offer("rival:x", 900),
    )

    assert found["best_rival"] == {
        "offer": "rival:x",
        "seller": "rival:x shop",
        "landed_cents": 900,
    }
    assert (found["gap_cents"], found["gap_pct"]) == (200, pytest.approx(200 / 9))
    assert (found["state"], found["holder"]) == ("lost", "rival")
    assert found["own"] == {
        "landed_cents": 1100,
        "price_cents": 1099,
        "shipping_cents": 1,
        "seller": "own shop",
        "available": True,
    }
    assert found["marketplace"]["available"] is False
    assert found["changed_at"] == to_datetime(START + 5)


def test_an_item_without_an_own_offer_has_no_state() -> None:
    """It is neither won nor lost."""
    found = item(offer("featured", 1000))

    assert "state" not in found
    assert "holder" not in found
    assert found["own"] is None
    assert found["gap_cents"] is None


def test_unknown_shipping_is_not_free() -> None:
    """A landed price that is not known is compared with nothing."""
    found = item(offer("own", 1100, shipping_cents=None, landed_cents=None), offer("featured", 900))

    assert found["own"]["landed_cents"] is None
    assert found["gap_cents"] is None


def test_a_picture_that_knows_more_stays_and_changes_are_added() -> None:
    """In whatever order two writers come."""
    old = {"own": offer("own", 1000)}
    new = {"own": offer("own", 900, 50)}
    steps = [
        (old, [change("own", 1000, 0, buy_box=box("own"))]),
        (new, [change("own", 900, 50, buy_box=box("rival", 50))]),
        (new, [change("rival:a", 5, 20)]),
    ]
    found = []
    for order in permutations(steps):
        stored = None
        for offers, changes in [*order, order[0]]:
            stored = merged(stored, "7", offers, changes)
        found.append(stored)

    assert all(one == found[0] for one in found)
    assert found[0] is not None
    assert found[0]["own"]["landed_cents"] == 900
    assert found[0]["recent"]["own"] == [[START, 1000], [START + 50, 900]]
    assert len(found[0]["recent"]["changes"]) == 3
    assert [step[1] for step in found[0]["buy_box"]["steps"]] == ["own", "rival"]


def test_made_anew_nothing_stored_counts() -> None:
    """As after a reset, when what is stored was of a record of the future."""
    wrong = item(offer("own", 1, 10**9))

    found = merged(wrong, "7", {"own": offer("own", 1000)}, [], anew=True)

    assert found == item(offer("own", 1000))


def test_every_filter_is_one_facet() -> None:
    """None at all, a state, a tag, and both."""
    assert set(facets(["toys"], "lost")) == {
        facet(None, ""),
        facet(None, state_facet("lost")),
        facet("toys", ""),
        facet("toys", state_facet("lost")),
    }
    assert facets([], None) == [""]
