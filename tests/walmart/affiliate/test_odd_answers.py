"""Answers with one odd item: its neighbours are read, and it costs no call."""

from __future__ import annotations

import pytest

from tests.walmart.prepared import response
from walmart_stream.domain.reading import decode, encode
from walmart_stream.walmart.answer_json import MOST_VALUES, read_answer

IDS = ["101", "102", "103", "104"]
HARMLESS = {
    "half a surrogate pair": rb'"name":"cut \ud83d"',
    "a raw tab": b'"name":"a\tb"',
    "other raw controls": b'"x":"\x00\x1f\n"',
    "a latin-1 byte": b'"name":"caf\xe9"',
    "a broken UTF-8 character": b'"x":"\xe2\x82"',
    "NaN": b'"x":NaN',
    "Infinity": b'"x":[-Infinity]',
    "an unknown word": b'"x":undefined',
    "a number beyond doubles": b'"x":1e400',
    "an unknown escape": rb'"x":"C:\dir"',
    "deep nesting": b'"x":' + b"[" * 5_000 + b"]" * 5_000,
}
DAMAGED = {
    "a quote in a text": b'"name":"24" TV"',
    "an open text": b'"name":"abc',
    "an open object": b'"b":{"price":5',
    "a missing comma": b'"a":1 "b":2',
}


def page(odd: bytes, place: int) -> bytes:
    """An answer of four items, one of which has *odd* in it."""
    items = [
        b'{"itemId":%s,"salePrice":12.10%s}' % (i.encode(), b"," + odd if n == place else b"")
        for n, i in enumerate(IDS)
    ]
    return b'{"items":[' + b",".join(items) + b'],"totalResults":4}'


@pytest.mark.parametrize("place", [0, 1, 3])
@pytest.mark.parametrize("odd", HARMLESS.values(), ids=HARMLESS)
async def test_an_item_with_an_odd_field_is_read_like_its_neighbours(
    open_client, odd: bytes, place: int
) -> None:
    """Its price is certain; what was sent is recorded untouched, beside it where it is not JSON."""
    client, walmart = open_client(lambda _: response(200, page(odd, place)))

    lookup = await client.items(IDS)

    (answer,) = lookup.answers
    assert (sorted(answer.items), len(walmart.asked)) == (IDS, 1)
    sent = answer.originals.get(IDS[place], answer.items[IDS[place]])
    assert odd in sent
    for item_id, payload in answer.items.items():
        value = encode(
            source="affiliate", item_id=item_id, observed_at=1, request_id="r", payload=payload,
            original=answer.originals.get(item_id),
        )  # fmt: skip
        offer = decode(item_id.encode(), value).offers["featured"]
        assert offer is not None
        assert offer.price_cents == 1210
    assert answer.items[IDS[2]] == b'{"itemId":103,"salePrice":12.10}'


@pytest.mark.parametrize("place", [0, 1, 3])
@pytest.mark.parametrize("odd", DAMAGED.values(), ids=DAMAGED)
async def test_an_item_whose_quotes_or_brackets_do_not_match_is_named_alone(
    open_client, odd: bytes, place: int
) -> None:
    """Nobody knows what it says; its neighbours are read, and nothing is asked for again."""
    client, walmart = open_client(lambda _: response(200, page(odd, place)))

    lookup = await client.items(IDS)

    assert len(walmart.asked) == 1
    assert list(lookup.unreadable) == [IDS[place]]
    assert odd in lookup.unreadable[IDS[place]].raw
    assert sorted(lookup.answers[0].items) == sorted({*IDS} - {IDS[place]})
    assert (lookup.missing, lookup.failed) == (frozenset(), {})


async def test_a_byte_order_mark_before_an_answer_is_skipped(open_client) -> None:
    """Some servers put it there; it is no part of the JSON."""
    client, _ = open_client(lambda _: response(200, b"\xef\xbb\xbf" + page(b'"x":1', 0)))

    lookup = await client.items(IDS)

    assert sorted(lookup.answers[0].items) == IDS


@pytest.mark.parametrize("bomb", [b"[]", b"{}", b"0", b'{"a":[]}'])
async def test_an_answer_of_too_many_values_is_refused_before_they_are_made(
    open_client, bomb: bytes
) -> None:
    """Some kilobytes of gzip would become gigabytes of objects."""
    body = b'{"items":[' + b",".join([bomb] * (MOST_VALUES + 1)) + b"]}"
    client, _ = open_client(lambda _: response(200, body))

    lookup = await client.items(["101"])

    assert "500,000 values" in str(lookup.failed["101"])


def test_half_an_answer_is_no_answer() -> None:
    """Items that were cut off are not taken for missing ones."""
    whole = page(b'"x":1', 0)
    for end in range(1, len(whole)):
        with pytest.raises(ValueError, match="no JSON"):
            read_answer(whole[:end])
