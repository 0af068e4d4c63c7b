"""The fast reading of observations against the plain one: the same language, the same meaning."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.domain import plain_reading
from walmart_stream.domain.errors import BadInput
from walmart_stream.domain.reading import decode
from walmart_stream.domain.reading.fast_path import Reader

ENVELOPE = {
    "schema": b"1",
    "source": b'"affiliate"',
    "item_id": b'"123"',
    "observed_at": b'"2026-11-22T18:00:00.123Z"',
    "request_id": b'"r-1"',
}
ITEM = {"itemId": b"123", "name": b'"Kettle"', "salePrice": b"24.97", "standardShipRate": b"0"}
OFFER = ("standardShipRate", "twoThreeDayShippingRate", "sellerInfo", "availableOnline", "stock")


def spelt(text: str) -> st.SearchStrategy[bytes]:
    return st.sampled_from([part.encode() for part in text.split(" ")])


# Parts of JSON texts rather than values: spellings matter, and some are not JSON at all.
numbers = st.one_of(
    spelt("0 -0 0.0 -0.0 1 1.0 1e2 1E+2 0.125 0.1249999999999999999999 2.675 1e-400 5e-324 1e308"),
    spelt(
        "0.00 0.004 0.005 "
        + 400 * "9"
        + " 1e999999999999999999999 1e999 -1 01 1. .5 +1 1_0 NaN Infinity"
        + " 18446744073709551616 1000000000 1000000000.01"
    ),
    st.integers(0, 10**7).map(lambda mills: f"{mills / 1000}".encode()),
    st.floats().map(lambda number: repr(number).encode()),
)
texts = st.one_of(
    spelt('"" " " "123" " 1" "0123" "24.97" ".5" "1e1" "1_0" "NaN" "TRUE" "false" "x" "\\ud800"'),
    spelt('"Tom&amp;Co" "&#0;" "&lt" "&notit;" "&#x1f600;" "\\u00e9" "\u0661" "Acme" "\\ud800x"'),
    spelt('"$1,234.50" "1,2,3.00" "24,97" "1.234,5" "1,234" "12\u00a0345" "FREE" "0.00" "USD5"'),
    spelt('"Not\u00a0available" "OUT_OF_STOCK" "Available" "a\\tb" "\\u2028" "' + 600 * "y" + '"'),
    spelt('"' + 40 * "1" + '" "' + 101 * "1" + '"'),
    st.binary(max_size=4).map(lambda text: b'"%s"' % text),
    st.text(max_size=4).map(orjson.dumps),
)
others = spelt('null true false [] {} [1] {"price":1} [[[[]]]] nul , ')
deep = st.integers(0, 1100).map(lambda levels: b"[" * levels + b"]" * levels)
anything = st.one_of(numbers, texts, others)


def written(fields: dict[str, bytes]) -> bytes:
    return b"{%s}" % b",".join(b'"%s":%s' % (name.encode(), at) for name, at in fields.items())


def fields_of(*names: str) -> st.SearchStrategy[dict[str, bytes]]:
    return st.dictionaries(st.sampled_from(names), anything, max_size=3)


offers = st.one_of(anything, fields_of("price", *OFFER).map(written))
items = st.builds(
    lambda usual, odd, best, unread: written({**usual, **odd, **best, **unread}),
    st.sampled_from([ITEM, {**ITEM, "availableOnline": b"true", "sellerInfo": b'"Acme"'}]),
    fields_of("itemId", "name", "salePrice", "marketplace", *OFFER),
    st.one_of(st.just({}), st.builds(lambda best: {"bestMarketplacePrice": best}, offers)),
    st.one_of(st.just({}), st.builds(lambda unread: {"x": unread}, st.one_of(anything, deep))),
)
values = st.builds(
    lambda odd, item, unread: written({**ENVELOPE, "payload": item, **odd, **unread}),
    st.one_of(st.just({}), fields_of(*ENVELOPE, "payload")),
    items,
    st.one_of(st.just({}), st.builds(lambda unread: {"x": unread}, anything)),
)
times = st.one_of(
    st.datetimes().map(lambda at: at.isoformat()),
    st.datetimes(timezones=st.timezones()).map(lambda at: at.isoformat()),
    st.sampled_from(["2026-11-22T18:00:00Z", "20261122T180000Z", "2026-W47-7T00:00+01:00"]),
)


def read(decoder: Any, key: bytes | None, value: bytes) -> Any:
    """The result of *decoder* for a record: an observation, or the fault's class and message."""
    try:
        observation = decoder(key, value)
    except BadInput as exc:
        return type(exc), str(exc)
    # By their JSON, since 1 == True == 1.0 in Python.
    offers = {name: offer and list(offer) for name, offer in observation.offers.items()}
    return [
        observation.item_id,
        observation.observed_at,
        observation.source,
        observation.name,
        orjson.dumps(offers),
        sorted(observation.odd),
    ]


@given(value=values, key=st.sampled_from([b"123", b"123", b"123", b"0123", b"1", None]))
@settings(max_examples=2000, deadline=None)
def test_both_readings_accept_refuse_and_understand_the_same(
    value: bytes, key: bytes | None
) -> None:
    """An observation is one by both readings, with the same content, or has the same fault."""
    assert read(decode, key, value) == read(plain_reading.decode, key, value)


@given(times)
def test_both_readings_understand_times_the_same(time: str) -> None:
    """Times of every spelling that ISO 8601 has, with and without zones."""
    value = written({**ENVELOPE, "observed_at": orjson.dumps(time), "payload": written(ITEM)})

    assert read(decode, b"123", value) == read(plain_reading.decode, b"123", value)


@given(st.binary(max_size=20), st.integers(0, 200), st.integers(0, 20))
def test_both_readings_agree_on_damaged_records(put: bytes, at: int, cut: int) -> None:
    """Bytes put in, and bytes left out, anywhere."""
    whole = written({**ENVELOPE, "payload": written(ITEM)})
    value = whole[:at] + put + whole[at + cut :]

    assert read(decode, b"123", value) == read(plain_reading.decode, b"123", value)


@given(st.lists(values, min_size=2, max_size=3))
@settings(max_examples=300, deadline=None)
def test_what_was_read_before_changes_nothing(several: list[bytes]) -> None:
    """Answers that repeat the last one are not read again, and mean what they meant."""
    for value in (*several, *several[::-1]):
        assert read(decode, b"123", value) == read(plain_reading.decode, b"123", value)


ITEM_TEXT = written(ITEM)
OTHER_ITEM = written({**ITEM, "salePrice": b"1.00"})
LATER = b'"2026-11-22T19:00:00.000Z"'


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (b"123", written({**ENVELOPE, "observed_at": LATER, "payload": ITEM_TEXT})),
        (b"124", written({**ENVELOPE, "payload": ITEM_TEXT})),
        (b"124", written({**ENVELOPE, "item_id": b'"124"', "payload": ITEM_TEXT})),
        (b"123", written({"x": written({"y": b"1", "payload": ITEM_TEXT})})),
        (b"123", written({**ENVELOPE, "x": written({"y": b"1", "payload": ITEM_TEXT})})),
        (b"123", written({**ENVELOPE, "payload": b'%s,"observed_at":%s' % (ITEM_TEXT, LATER)})),
        (b"123", written({**ENVELOPE, "payload": b'%s,"payload":%s' % (ITEM_TEXT, OTHER_ITEM)})),
        (b"123", written({**ENVELOPE, "payload": b"%s,%s" % (ITEM_TEXT, ITEM_TEXT)})),
        (b"123", written({**ENVELOPE, "payload": ITEM_TEXT}) + b" "),
        (b"123", written({**ENVELOPE, "payload": ITEM_TEXT}) + b"}"),
        (b"123", written({**ENVELOPE, "payload": ITEM_TEXT})[:-1]),
    ],
)
def test_an_answer_that_was_seen_before_counts_only_where_it_is_the_whole_payload(
    key: bytes, value: bytes
) -> None:
    """The same bytes can be another item's, somewhere inside, or have something after them."""
    decode(b"123", written({**ENVELOPE, "payload": ITEM_TEXT}))

    assert read(decode, key, value) == read(plain_reading.decode, key, value)


def test_what_is_remembered_of_items_is_limited() -> None:
    """A reader that has room for no item reads each in full, and right."""
    reader = Reader(most=0)
    ids = (b"123", b"124", b"125", b"123")
    texts = [
        written({**ENVELOPE, "item_id": b'"%s"' % i, "payload": written({**ITEM, "itemId": i})})
        for i in ids
    ]

    found = [reader.read(key, text) for key, text in zip(ids, texts, strict=True)]

    offers = [seen and seen.offers["featured"] for seen in found]
    assert [offer and offer.price_cents for offer in offers] == 4 * [2497]
    assert offers[3] is not offers[0]
