"""Fields that nobody can read in the database without a key."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from typing import Any

import bson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.storage.own_offers import HOLDER, KEYS, own_change, results_of, stored_box
from walmart_stream.domain.time import to_datetime
from walmart_stream.settings import Settings
from walmart_stream.storage import mongo
from walmart_stream.storage.documents import OFFERS, PRICE_CHANGES, PRICE_WINDOWS, offer_document
from walmart_stream.storage.sealed import (
    MOVED,
    NO_KEYS,
    UNREADABLE,
    UNSEALED,
    WRONG_KEYS,
    FieldSeal,
)
from walmart_stream.storage.writes import store

SEAL = FieldSeal(KEYS[:1])
COLLECTIONS = (OFFERS, PRICE_CHANGES, PRICE_WINDOWS)

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.integers(0, 2**41).map(to_datetime)
    | TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(NAMES, inner),
)


def own_offer(item_id: str = "1") -> dict[str, Any]:
    """An ``offers`` document as it is before it is sealed."""
    return offer_document(own_change(item_id).document())


@pytest.fixture
async def database(
    mongod: Any, mongodb_database: str, make_unreachable_settings: Callable[..., Settings]
) -> AsyncIterator[Any]:
    """A database of this test's own."""
    settings = make_unreachable_settings(mongodb_uri=mongod.uri, mongodb_database=mongodb_database)
    client = mongo.connect(settings)
    yield mongo.database(client, settings)
    client.close()


async def contents(database: Any) -> dict[str, dict[str, Any]]:
    """All documents by collection and ``_id``."""
    return {
        f"{name} {document['_id']}": document
        for name in COLLECTIONS
        async for document in database[name].find()
    }


@given(VALUES)
def test_any_value_comes_back_as_it_was(value: Any) -> None:
    """With its type: whatever JSON or a date can be, and nothing of it is to be seen."""
    sealed = SEAL.seal(OFFERS, {"_id": "1:own", "buy_box": value, "seller": "Acme"})

    assert isinstance(sealed["buy_box"], bytes)
    assert sealed["seller"] == "Acme"
    opened = SEAL.open(OFFERS, sealed)
    # As BSON, since 1 equals 1.0 and true.
    assert bson.encode({"value": opened["buy_box"]}) == bson.encode({"value": value})


def test_documents_without_anything_private_are_left_alone() -> None:
    """They are not even copied, neither at sealing nor at opening."""
    document = {"_id": "1:featured", "seller": "Acme", "price_cents": 5}

    for collection in COLLECTIONS:
        assert SEAL.seal(collection, document) is document
        assert SEAL.open(collection, document) is document


def test_what_is_plain_is_read_as_it_is() -> None:
    """With keys and without: documents of before they were set."""
    for seal in (SEAL, UNSEALED):
        assert seal.open(OFFERS, own_offer()) == own_offer()


def test_sealing_leaves_the_document_that_it_was_given() -> None:
    """A write that is tried again seals it anew, not what has been sealed."""
    document = own_offer()

    first, second = SEAL.seal(OFFERS, document), SEAL.seal(OFFERS, document)

    assert document == own_offer()
    assert first["buy_box"] != second["buy_box"]
    assert SEAL.open(OFFERS, first) == SEAL.open(OFFERS, second) == own_offer()


def test_the_length_does_not_tell_who_holds_the_box() -> None:
    """There are few things that it can be: each must look like any other."""
    boxes = [
        {"holder": holder, "seller": seller, "suppressed": suppressed, "since": to_datetime(0)}
        for holder in ("own", "rival", "none")
        for seller in (None, "A", "Rival & Daughters, Incorporated")
        for suppressed in (True, False)
    ]

    lengths = {
        len(SEAL.seal_value((PRICE_CHANGES, f"{'9' * digits}:own:1800000000000", "buy_box"), box))
        for digits in range(1, 15)
        for box in boxes
    }

    assert len(lengths) == 1


def test_any_of_the_keys_opens_and_the_first_one_seals() -> None:
    """So that keys can be changed while documents of both are there."""
    old, both, new = FieldSeal(KEYS[:1]), FieldSeal([KEYS[1], KEYS[0]]), FieldSeal([KEYS[1]])

    assert both.open(OFFERS, old.seal(OFFERS, own_offer())) == own_offer()
    assert new.open(OFFERS, both.seal(OFFERS, own_offer())) == own_offer()
    assert UNREADABLE in old.open(OFFERS, both.seal(OFFERS, own_offer()))


@pytest.mark.parametrize(
    ("collection", "name"), [(OFFERS, "2:own"), (OFFERS, "1:featured"), (PRICE_CHANGES, "1:own")]
)
def test_what_was_moved_to_another_document_is_refused(collection: str, name: str) -> None:
    """A writer who may not read could otherwise make one item's secret another one's."""
    token = SEAL.seal(OFFERS, own_offer("1"))["buy_box"]

    opened = SEAL.open(collection, {"_id": name, "buy_box": token})

    assert opened == {"_id": name, UNREADABLE: {"buy_box": MOVED}}


@pytest.mark.parametrize(
    ("seal", "reason"), [(UNSEALED, NO_KEYS), (FieldSeal(KEYS[1:]), WRONG_KEYS)]
)
def test_what_cannot_be_opened_is_left_out_and_named(
    seal: FieldSeal, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Everything else of the document is there; the log says it once for each reason."""
    fresh = FieldSeal(() if seal is UNSEALED else KEYS[1:])
    sealed = [SEAL.seal(OFFERS, own_offer(item_id)) for item_id in "123"]

    with caplog.at_level(logging.WARNING):
        opened = [fresh.open(OFFERS, document) for document in sealed]

    rest = {name: value for name, value in own_offer("2").items() if name != "buy_box"}
    assert opened[1] == {**rest, UNREADABLE: {"buy_box": reason}}
    assert [record.getMessage() for record in caplog.records] == [
        f"MongoDB, offers 1:own: buy_box is left out: {reason}"
    ]


@pytest.mark.parametrize("change", ["cut", "flipped", "empty", "other"])
def test_what_was_damaged_is_refused(change: str) -> None:
    """Nothing of it is believed."""
    token = SEAL.seal(OFFERS, own_offer())["buy_box"]
    flipped = token[:50] + (b"A" if token[50:51] != b"A" else b"B") + token[51:]
    damaged = {"cut": token[:-5], "flipped": flipped, "empty": b"", "other": b"\xff\x00"}[change]

    opened = SEAL.open(OFFERS, {"_id": "1:own", "buy_box": damaged})

    assert opened == {"_id": "1:own", UNREADABLE: {"buy_box": WRONG_KEYS}}


async def test_nothing_private_is_stored_in_plain(database: Any) -> None:
    """Neither in current offers nor in changes; prices, ids and times stay for queries."""
    await store(database, results_of(own_change("1"), own_change("2", 5)), SEAL)

    found = await contents(database)
    raw = b"".join(bson.encode(document) for document in found.values())
    assert HOLDER.encode() not in raw
    assert b"suppressed" not in raw
    assert len(found) == 4
    assert all(isinstance(document["buy_box"], bytes) for document in found.values())
    assert {document["price_cents"] for document in found.values()} == {1999}
    opened = [SEAL.open(OFFERS, document) async for document in database[OFFERS].find()]
    assert [document["buy_box"] for document in opened] == [stored_box(), stored_box(5)]


@pytest.mark.parametrize("again", [SEAL, FieldSeal([KEYS[1], KEYS[0]]), UNSEALED])
async def test_what_was_written_before_is_left_as_it_is(database: Any, again: FieldSeal) -> None:
    """Whatever key the second time has: what is newer is told by time, and the rest by ``_id``."""
    results = results_of(own_change("1"), own_change("1", 5))
    await store(database, results, SEAL)
    before = await contents(database)

    await store(database, results, again)
    await store(database, results_of(own_change("1")), again)

    assert await contents(database) == before


async def test_a_newer_value_takes_the_place_of_a_sealed_one(database: Any) -> None:
    """Sealed or not, as the keys are then."""
    await store(database, results_of(own_change("1", 0, "first")), SEAL)
    await store(database, results_of(own_change("1", 1, "second")), UNSEALED)
    plain = await database[OFFERS].find_one()
    await store(database, results_of(own_change("1", 2, "third")), SEAL)
    sealed = await database[OFFERS].find_one()

    assert plain["buy_box"] == stored_box(1, "second")
    assert SEAL.open(OFFERS, sealed)["buy_box"] == stored_box(2, "third")
