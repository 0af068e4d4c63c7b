"""Text as Walmart sends it: a mark before it, and what is mended in it and what is not."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from walmart_stream.credentials.files import read_secret
from walmart_stream.domain.errors import MalformedJson
from walmart_stream.domain.reading.json_text import NotJson
from walmart_stream.domain.reading.mending import mend
from walmart_stream.domain.reading.sent import Unreadable, read_message
from walmart_stream.walmart.answer_json import original_of, payload_of, read_answer
from walmart_stream.walmart.seller.events import read_event

BOM = b"\xef\xbb\xbf"
EVENT = b'{"source":{"eventType":"OFFER_UNPUBLISHED"},"payload":{"sku":"A","itemId":"1"%s}}'


@pytest.mark.parametrize("odd", [b"", rb',"x":"\ud83d"', b',"x":"\t"', b',"x":NaN', b',"x":1e400'])
def test_an_event_is_read_with_a_mark_before_it_and_an_odd_field_in_it(odd: bytes) -> None:
    """Its meaning is certain, so it does not become a dead letter."""
    event = read_event(BOM + EVENT % odd, 0)
    sent = read_message(BOM + EVENT % odd, 1000)

    assert (event.item_id, event.sku) == ("1", "A")
    assert (sent.original or sent.payload) == EVENT % odd


def test_an_event_of_too_many_values_is_refused_before_they_are_made() -> None:
    """A body of a megabyte could hold half a million."""
    with pytest.raises(MalformedJson, match="10,000 values"):
        read_event(EVENT % (b',"x":[' + b"{}," * 10_000 + b"0]"), 0)


def test_a_byte_order_mark_is_no_part_of_a_secret(tmp_path: Path) -> None:
    """Editors put it there; a password with it would be a wrong one."""
    file = tmp_path / "secret"
    file.write_bytes(BOM + b"s3cret\n")
    file.chmod(0o600)

    assert read_secret(file) == "s3cret"


@pytest.mark.parametrize("place", [0, 100, 199])
@pytest.mark.parametrize(
    ("odd", "is_read"), [(b'"x":"caf\xe9"', True), (b'"x":NaN', True), (b'"x":"24" TV"', False)]
)
def test_one_odd_item_of_a_page_of_the_sellers_items_costs_nothing_else(
    odd: bytes, is_read: bool, place: int
) -> None:
    """The other 199 are as they were sent, and the page has its cursor."""
    items = [
        b'{"sku":"S%d","price":{"amount":1.10}%s}' % (n, b"," + odd if n == place else b"")
        for n in range(200)
    ]
    page = b'{"ItemResponse":[%s],"totalItems":200,"nextCursor":"c"}' % b",".join(items)

    document = read_answer(page)

    entries = document["ItemResponse"]
    others = [payload_of(one) for n, one in enumerate(entries) if n != place]
    assert others == [one for n, one in enumerate(items) if n != place]
    assert document["nextCursor"] == "c"
    culprit = entries[place]
    if is_read:
        assert original_of(culprit) == items[place]
        assert culprit["sku"] == f"S{place}"
    else:
        assert isinstance(culprit, Unreadable)
        assert culprit.raw == items[place]


@given(st.recursive(st.none() | st.integers() | st.text(), st.lists, max_leaves=6))
def test_json_is_not_mended(value: object) -> None:
    """The bytes that were sent stay as they are."""
    try:
        text = orjson.dumps(value)
    except TypeError:
        return

    assert mend(text) == text


@given(st.binary(max_size=30))
def test_anything_is_mended_into_json_or_refused(text: bytes) -> None:
    """Nothing else comes out of it."""
    try:
        mended = mend(text)
    except NotJson:
        return

    assert mend(mended) == mended
