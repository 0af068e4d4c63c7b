"""Money: integer cents from whatever Walmart sends."""

from __future__ import annotations

import json
from decimal import ROUND_HALF_EVEN, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from walmart_stream.domain.errors import BadNumber, WrongShape
from walmart_stream.domain.money import MAX_CENTS, Doubtful, cents
from walmart_stream.domain.reading import observation


def price_of(json_text: str) -> int | None:
    """The featured price of an observation whose salePrice is *json_text*."""
    value = observation.encode(
        source="affiliate",
        item_id="1",
        observed_at=0,
        request_id="r",
        payload=b'{"itemId":1,"salePrice":%s}' % json_text.encode(),
    )
    featured = observation.decode(b"1", value).offers["featured"]
    assert featured is not None
    return featured.price_cents


@pytest.mark.parametrize(
    ("text", "due"),
    [
        ("24.97", 2497),
        ("25", 2500),
        ("0", 0),
        ("0.0", 0),
        ("-0.0", 0),
        ("1e2", 10000),
        ('"24.97"', 2497),
        ('" 24.97 "', 2497),
        ('"+.5"', 50),
        ("0.125", 12),
        ("0.135", 14),
        ("0.145", 14),
        ("1.005", 100),
        ("1.015", 102),
        ("1.025", 102),
        ('"1.005"', 100),
        ("2.675", 268),
        ("1.0050000000000000000001", 101),
        ("1.0149999999999999999999", 101),
        ('"0.00500000000000000000000000000000000001"', 1),
        ("0.00500000000000000000000000000000000001", 1),
        ("100000000", MAX_CENTS),
        ("1e-400", 0),
    ],
)
def test_amounts_are_rounded_half_even_from_their_decimal_text(text: str, due: int) -> None:
    """The text decides, not the double next to it, however many digits there are."""
    assert price_of(text) == due


@pytest.mark.parametrize(
    "text",
    [
        "-1",
        "-0.001",
        "-24.97",
        '"-0.01"',
        '"-1e-400"',
        "1000000001",
        "1000000000.01",
        "1e300",
        "99999999999999999999999999",
        '"1e99999999999999999999"',
        '"NaN"',
        '"Infinity"',
        '"-inf"',
        '"sNaN"',
        '""',
        '"  "',
        '"$24.97"',
        '"24,97"',
        '"1_000"',
        '"１２"',
        '"."',
        '"e5"',
    ],
)
def test_what_is_no_price_is_a_bad_number(text: str) -> None:
    """Negative, huge, not finite, or not a number at all: said with the name of the field."""
    with pytest.raises(BadNumber, match="salePrice"):
        price_of(text)


@pytest.mark.parametrize("text", ["true", "false", "[24.97]", '{"amount":24.97}'])
def test_what_is_neither_number_nor_text_has_the_wrong_shape(text: str) -> None:
    """A boolean is not 1."""
    with pytest.raises(WrongShape, match="salePrice"):
        price_of(text)


def test_nothing_costs_none() -> None:
    """Absent is unknown, which is not 0."""
    assert cents(None, "salePrice") is None
    assert price_of("null") is None


def test_a_double_on_half_a_cent_is_not_rounded() -> None:
    """Its text may have been a little more or less: the caller has to look at the text."""
    with pytest.raises(Doubtful):
        cents(1.005, "salePrice")


def test_a_bad_number_is_quoted_in_part_only() -> None:
    """A megabyte of digits does not come back as a megabyte of message."""
    with pytest.raises(BadNumber) as caught:
        price_of('"' + "9" * 1_000_000 + '"')

    assert len(str(caught.value)) < 100


@given(
    st.decimals(min_value=0, max_value=10**8, places=None, allow_nan=False, allow_infinity=False)
)
def test_numbers_and_texts_come_to_the_same_cents(amount: Decimal) -> None:
    """A JSON number and the same text in quotes are rounded alike, once."""
    due = int(amount.quantize(Decimal("0.01"), ROUND_HALF_EVEN) * 100)
    text = f"{amount:f}"

    assert price_of(text) == due
    assert price_of(json.dumps(text)) == due
