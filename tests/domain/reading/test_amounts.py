"""Money: integer cents from whatever Walmart sends."""

from __future__ import annotations

import json
from decimal import ROUND_HALF_EVEN, Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.domain import plain_reading
from walmart_stream.domain.errors import BadNumber, WrongShape
from walmart_stream.domain.offers import UNAVAILABLE, Offer
from walmart_stream.domain.reading import decode, encode, seller_values
from walmart_stream.domain.reading.amounts import MAX_CENTS, MAX_TEXT, Doubtful, cents
from walmart_stream.walmart.seller import fields


def price_of(json_text: str) -> int | None:
    """The featured price of an observation whose salePrice is *json_text*."""
    return featured(b'{"itemId":1,"salePrice":%s}' % json_text.encode()).price_cents


def shipping_of(json_text: str) -> int | None:
    """The featured shipping of an observation whose standardShipRate is *json_text*."""
    item = b'{"itemId":1,"salePrice":5,"standardShipRate":%s}' % json_text.encode()
    return featured(item).shipping_cents


def featured(item: bytes) -> Offer:
    """The featured offer of an observation of *item*."""
    value = encode(
        source="affiliate",
        item_id="1",
        observed_at=0,
        request_id="r",
        payload=item,
    )
    offer = decode(b"1", value).offers["featured"]
    assert offer is not None
    return offer


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
    assert shipping_of(text) == due
    assert price_of(text) == (due or None)


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
        '"1,2,3.00"',
        '"1,23,456"',
        '"12,34.50"',
        '"0,500"',
        '"1,234,50"',
        '"1.234,567"',
        '"10,"',
        '"5 99"',
        '"\u20ac10"',
        '"CAD 5"',
        '"$5$"',
        '"($5.00)"',
        '"$-5"',
        '"5-7"',
        '"from $5"',
        '"FREE"',
        '"-0"',
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

    assert shipping_of(text) == due
    if len(text) <= MAX_TEXT:
        assert shipping_of(json.dumps(text)) == due


@pytest.mark.parametrize("zero", ["0", "0.00", '"0.00"', '"$0"', "0.004", '"0,00"'])
def test_an_item_price_of_zero_is_no_price_and_shipping_of_zero_is_free(zero: str) -> None:
    """Nobody sells for nothing: the offer cannot be ordered, whatever else is said of it."""
    best = b'{"itemId":1,"salePrice":5,"bestMarketplacePrice":{"price":%s}}' % zero.encode()
    value = encode(source="affiliate", item_id="1", observed_at=0, request_id="r", payload=best)

    assert featured(b'{"itemId":1,"salePrice":%s}' % zero.encode()) == UNAVAILABLE
    assert decode(b"1", value).offers["marketplace"] == UNAVAILABLE
    assert shipping_of(zero) == 0


@pytest.mark.parametrize(
    ("text", "due"),
    [
        ("$24.97", 2497),
        ("1,234.50", 123450),
        ("US$1,234", 123400),
        ("24.97 USD", 2497),
        ("24,97", 2497),
        ("10,5", 1050),
        ("1.234,50", 123450),
        ("1 234.50", 123450),
        ("1\u202f234,50", 123450),
        ("1'234.50", 123450),
        ("12,345,678.9", 1_234_567_890),
        ("1.234.567", 123_456_700),
    ],
)
def test_texts_are_read_in_every_form_that_can_mean_one_amount_only(text: str, due: int) -> None:
    """By the affiliate side as by the seller side: there is one reader."""
    assert price_of(json.dumps(text)) == due
    assert seller_values.price(text) == due
    assert seller_values.price({"currency": "USD", "amount": text}) == due


@pytest.mark.parametrize("word", ["FREE", "free", " Free shipping "])
def test_free_shipping_costs_nothing(word: str) -> None:
    """The word stands where the amount does; as a price it is none."""
    assert shipping_of(json.dumps(word)) == 0
    assert seller_values.shipping(word) == 0
    assert seller_values.price(word) is None


cent_amounts = st.integers(1, MAX_CENTS)
marks = st.sampled_from(
    [
        ("", ""),
        ("$", ""),
        ("$ ", ""),
        ("US$", ""),
        ("USD ", ""),
        ("usd", ""),
        ("", " USD"),
        ("", "$"),
    ]
)
# What sets thousands apart, and what begins the fraction.
dialects = st.sampled_from(
    [
        ("", "."),
        (",", "."),
        (".", ","),
        (" ", "."),
        (" ", ","),
        ("\u00a0", ","),
        ("'", "."),
        ("", ","),
    ]
)


def written(cents: int, dialect: tuple[str, str], mark: tuple[str, str]) -> str:
    """*cents* as a person or a program of that dialect writes it, with two decimals."""
    group, point = dialect
    digits = f"{cents // 100:,}".replace(",", group)
    return f"{mark[0]}{digits}{point}{cents % 100:02d}{mark[1]}"


@given(cent_amounts, dialects, marks)
def test_what_is_written_in_any_accepted_form_comes_out_to_the_cent(
    amount: int, dialect: tuple[str, str], mark: tuple[str, str]
) -> None:
    """Whoever writes it, and however large it is."""
    text = written(amount, dialect, mark)

    assert cents(text, "amount") == amount
    assert price_of(json.dumps(text)) == amount


@given(
    st.one_of(
        st.text("0123456789.,' $USDe+-\u00a0", max_size=14),
        st.text(max_size=8),
        st.builds(written, cent_amounts, dialects, marks).flatmap(
            lambda text: st.builds(
                lambda at, put, cut: text[:at] + put + text[at + cut :],
                st.integers(0, len(text)),
                st.sampled_from([",", ".", " ", "0", "-", "$", ""]),
                st.integers(0, 2),
            )
        ),
    )
)
@settings(max_examples=2000)
def test_nothing_else_comes_out_at_all(text: str) -> None:
    """A text that means no amount, or may mean two, is refused; one that means one is it."""
    meant = plain_reading.meanings(text)
    try:
        found = cents(text, "amount")
    except BadNumber:
        found = None

    amounts = {amount for amount in meant if 0 <= amount <= MAX_CENTS / 100}
    if len(meant) != 1 or not amounts:
        assert found is None
    else:
        assert found == int(amounts.pop().quantize(Decimal("0.01"), ROUND_HALF_EVEN) * 100)


@given(cent_amounts, dialects, marks)
def test_no_amount_comes_out_a_hundredfold(
    amount: int, dialect: tuple[str, str], mark: tuple[str, str]
) -> None:
    """The fraction is never taken for whole dollars, also where a decimal is missing."""
    text = written(amount, dialect, mark)
    for cut in (text, text.replace(mark[1], "")[:-1] if mark[1] else text[:-1]):
        try:
            found = cents(cut, "amount")
        except BadNumber:
            continue

        assert found is not None
        assert found <= amount


@pytest.mark.parametrize(
    "text", ["1" * 40_000 + "x", "1," * 20_000, " " * 40_000 + "5x", "9" * 101, "$" * 40_000]
)
def test_a_text_beyond_the_bound_is_refused_before_any_pattern_sees_it(text: str) -> None:
    """A record of 62 KB that takes seconds to refuse would stop a worker again and again."""
    with pytest.raises(BadNumber, match="longer than 100 characters"):
        price_of(json.dumps(text))
    assert seller_values.price(text) is None
    assert fields.real(text) is None
