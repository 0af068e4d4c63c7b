"""The envelope of the raw topic: what is an observation, and what is wrong with the rest."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from walmart_stream.domain.errors import (
    BadInput,
    BadNumber,
    BadTime,
    EmptyValue,
    KeyFault,
    MalformedJson,
    UnsupportedSource,
    WrongShape,
)
from walmart_stream.domain.offers import Offer
from walmart_stream.domain.reading import decode, encode

ENVELOPE: dict[str, Any] = {
    "schema": 1,
    "source": "affiliate",
    "item_id": "123",
    "observed_at": "2026-11-22T18:00:00.123Z",
    "request_id": "r-1",
    "payload": {"itemId": 123, "name": "Kettle", "salePrice": 24.97, "standardShipRate": 0},
}


def envelope(**changes: object) -> bytes:
    return orjson.dumps({**ENVELOPE, **changes})


def without(name: str) -> bytes:
    return orjson.dumps({key: value for key, value in ENVELOPE.items() if key != name})


def test_a_valid_observation_is_read() -> None:
    """Id, time in epoch milliseconds, source, name and offers."""
    read = decode(b"123", envelope())

    assert read.item_id == "123"
    assert read.observed_at == 1795370400123
    assert read.source == "affiliate"
    assert read.name == "Kettle"
    assert read.offers == {
        "featured": Offer(2497, 0, None, True, "Walmart.com"),
        "marketplace": None,
    }


def test_the_payload_stays_untouched() -> None:
    """The raw topic keeps Walmart's own bytes, spelling of numbers and spaces included."""
    payload = b'{ "itemId":123,  "salePrice":24.970, "x":"\\u00e9" }'

    value = encode(
        source="affiliate", item_id="123", observed_at=123, request_id="r", payload=payload
    )

    assert value.endswith(b'"payload":' + payload + b"}")
    assert decode(b"123", value).observed_at == 123


@pytest.mark.parametrize(
    ("key", "value", "fault"),
    [
        (b"123", None, EmptyValue),
        (b"123", b"", EmptyValue),
        (b"123", b"{", MalformedJson),
        (b"123", b"\xff\xfe", MalformedJson),
        (b"123", b"x" * 1_000_000, MalformedJson),
        (b"123", b"[" * 100_000, MalformedJson),
        (b"123", b'{"schema":NaN}', MalformedJson),
        (b"123", b"null", WrongShape),
        (b"123", b"[]", WrongShape),
        (b"123", b'"text"', WrongShape),
        (b"123", b"5", WrongShape),
        (b"123", b"{}", WrongShape),
        (b"123", without("schema"), WrongShape),
        (b"123", envelope(schema=2), WrongShape),
        (b"123", envelope(schema="1"), WrongShape),
        (b"123", envelope(schema=True), WrongShape),
        (b"123", envelope(schema=1.0), WrongShape),
        (b"123", without("source"), WrongShape),
        (b"123", envelope(source="elsewhere"), WrongShape),
        (b"123", envelope(source=["affiliate"]), WrongShape),
        (b"123", without("item_id"), WrongShape),
        (b"123", envelope(item_id=123), WrongShape),
        (b"0123", envelope(item_id="0123"), WrongShape),
        (b"a:b", envelope(item_id="a:b"), WrongShape),
        (b"", envelope(item_id=""), WrongShape),
        (b"123\n", envelope(item_id="123\n"), WrongShape),
        (b"1" * 21, envelope(item_id="1" * 21), WrongShape),
        (b"123", envelope(request_id=5), WrongShape),
        (b"123", without("observed_at"), WrongShape),
        (b"123", envelope(observed_at=1795370400123), WrongShape),
        (b"123", envelope(observed_at="yesterday"), BadTime),
        (b"123", envelope(observed_at="2026-11-22T18:00:00Z" * 5_000), BadTime),
        (b"123", envelope(observed_at="2026-11-22T18:00:00"), BadTime),
        (b"123", envelope(observed_at="2026-11-22"), BadTime),
        (b"123", envelope(observed_at="2026-02-30T00:00:00Z"), BadTime),
        (b"123", envelope(observed_at="1969-12-31T23:59:59Z"), BadTime),
        (b"123", envelope(observed_at="9999-12-31T23:59:59-05:00"), BadTime),
        (b"123", without("payload"), WrongShape),
        (b"123", envelope(payload=None), WrongShape),
        (b"123", envelope(payload=[]), WrongShape),
        (b"123", envelope(payload={}), WrongShape),
        (b"123", envelope(payload={"itemId": 124}), WrongShape),
        (b"123", envelope(payload={"itemId": True}), WrongShape),
        (b"123", envelope(payload={"itemId": 123.5}), WrongShape),
        (b"123", envelope(payload={"itemId": 123, "salePrice": []}), WrongShape),
        (b"123", envelope(payload={"itemId": 123, "salePrice": -1}), BadNumber),
        (b"123", envelope(payload={"itemId": 123, "salePrice": "cheap"}), BadNumber),
        (None, envelope(), KeyFault),
        (b"", envelope(), KeyFault),
        (b"124", envelope(), KeyFault),
        (b'"123"', envelope(), KeyFault),
        (b"\xff", envelope(), KeyFault),
        (b"123", envelope(source="seller"), UnsupportedSource),
        (b"123", envelope(source="webhook"), UnsupportedSource),
    ],
)
def test_each_fault_has_its_class(
    key: bytes | None, value: bytes | None, fault: type[BadInput]
) -> None:
    """The fault is the class of the dead letter, with a message of one short line."""
    with pytest.raises(BadInput) as caught:
        decode(key, value)

    assert type(caught.value) is fault
    assert 0 < len(str(caught.value)) < 300


@pytest.mark.parametrize("item_id", [123, "123", " 123 ", 123.0])
def test_the_item_id_in_the_payload_may_be_spelt_as_any_number(item_id: object) -> None:
    """Walmart's own field is a number, and numbers arrive in every spelling."""
    assert decode(b"123", envelope(payload={"itemId": item_id})).item_id == "123"


def test_the_request_id_may_be_missing() -> None:
    """It is for tracing; other programs that write observations may have none."""
    assert decode(b"123", without("request_id")).item_id == "123"


def test_extra_fields_of_the_envelope_are_ignored() -> None:
    """A later version of a producer may add some."""
    assert decode(b"123", envelope(added={"a": 1})) == decode(b"123", envelope())


@pytest.mark.parametrize("price", ["0.125", "12.34"])
@pytest.mark.parametrize("levels", [100, 900, 5_000])
def test_the_depth_of_an_unused_field_costs_no_price(price: str, levels: int) -> None:
    """Parsers give up at some depth, each at its own; what nobody uses is skipped."""
    value = envelope(payload={"itemId": 123, "salePrice": 1.5, "x": 0})
    value = value.replace(b"1.5", price.encode())
    value = value.replace(b'"x":0', b'"x":' + b"[" * levels + b"]" * levels)

    offer = decode(b"123", value).offers["featured"]

    assert offer is not None
    assert offer.price_cents == {"0.125": 12, "12.34": 1234}[price]


@pytest.mark.parametrize(
    "odd", [b'"cut \\ud83d"', b"1e400", b"-1e400", b"1" * 5000, b'{"\\udc00":[1e999]}']
)
def test_valid_json_that_parsers_refuse_costs_no_price(odd: bytes) -> None:
    """Half a surrogate pair or a number beyond doubles, in a field that nobody uses."""
    value = envelope(payload={"itemId": 123, "salePrice": 12.34, "x": 0})

    offer = decode(b"123", value.replace(b'"x":0', b'"x":' + odd)).offers["featured"]

    assert offer is not None
    assert offer.price_cents == 1234


def test_half_a_surrogate_pair_in_a_name_is_shown_as_a_replacement_character() -> None:
    """A name that was cut within a character is a name anyway, and can be stored."""
    value = envelope(payload={"itemId": 123, "salePrice": 12.34, "name": "N", "sellerInfo": "S"})
    value = value.replace(b'"N"', b'"cut \\ud83d"').replace(b'"S"', b'"\\ud83dAcme"')

    read = decode(b"123", value)

    assert read.name == "cut \ufffd"
    assert read.offers["featured"] == Offer(1234, None, None, True, "\ufffdAcme")


@pytest.mark.parametrize(
    "unused",
    [b"[" + b"[]," * 60_000 + b"[]]", b"[" * 60_000 + b"]" * 60_000, b'[{"a":[1,' * 30_000],
)
def test_a_record_of_too_many_values_is_refused_before_they_are_made(unused: bytes) -> None:
    """They would cost a hundred times their bytes in memory."""
    value = envelope(payload={"itemId": 123, "salePrice": 0.125, "x": 0})

    with pytest.raises(MalformedJson, match="50,000 values"):
        decode(b"123", value.replace(b'"x":0', b'"x":' + unused))


def test_commas_in_texts_are_not_values() -> None:
    """A long description is one value."""
    value = envelope(payload={"itemId": 123, "salePrice": 0.125, "longDescription": "a,[" * 60_000})

    assert decode(b"123", value).item_id == "123"


def test_a_tiny_number_beside_a_doubtful_price_is_no_crash() -> None:
    """Decimals have a smallest exponent, which JSON does not know of."""
    value = envelope(payload={"itemId": 123, "salePrice": 0.125, "standardShipRate": 7})
    value = value.replace(b'Rate":7', b'Rate":1e-99999999999999999999')

    assert decode(b"123", value).offers["featured"] == Offer(12, 0, None, True, "Walmart.com")


texts = st.text("abc019.-e&;\n\x00\u00e9\U0001f600", max_size=8)
json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**60), 2**60), st.floats(), texts),
    lambda children: st.one_of(
        st.lists(children, max_size=3), st.dictionaries(texts, children, max_size=3)
    ),
    max_leaves=5,
)
KEYS = (
    "itemId",
    "name",
    "salePrice",
    "standardShipRate",
    "sellerInfo",
    "availableOnline",
    "bestMarketplacePrice",
)


@given(st.dictionaries(st.sampled_from(KEYS), json_values))
def test_a_payload_of_any_json_is_read_or_refused(payload: dict[str, Any]) -> None:
    """No payload ends in anything but an observation or a BadInput."""
    value = envelope(payload={"itemId": 123, **payload})

    try:
        read = decode(b"123", value)
    except BadInput:
        return

    assert set(read.offers) - {"marketplace"} == {"featured"}


@given(st.one_of(st.none(), st.binary()), st.one_of(st.none(), st.binary()))
def test_any_bytes_are_read_or_refused(key: bytes | None, value: bytes | None) -> None:
    """Rubbish of any kind is BadInput."""
    with pytest.raises(BadInput):
        decode(key, value)
