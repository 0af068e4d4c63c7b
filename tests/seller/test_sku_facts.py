"""The facts known of SKUs and GTINs: which source counts for more, and how codes are written."""

from __future__ import annotations

from typing import Any

import pytest

from walmart_stream.agents.known_ids import Known, better, decode_known, encode_known, gtin_key
from walmart_stream.domain.errors import BadInput

TOLD, JOINED = Known("1", True, 10), Known("1", False, 10)


@pytest.mark.parametrize(
    ("old", "new", "kept"),
    [
        (None, JOINED, JOINED),
        (JOINED, Known("1", True, 11), Known("1", True, 11)),
        (TOLD, Known("1", True, 11), None),
        (TOLD, Known("2", False, 11), None),
        (TOLD, Known("2", True, 11), Known("2", True, 11)),
        (TOLD, Known("2", True, 9), None),
        (JOINED, Known("2", True, 9), Known("2", True, 9)),
    ],
)
def test_what_walmart_names_together_counts_for_more(
    old: Known | None, new: Known, kept: Known | None
) -> None:
    """Than what was joined by a code; of two that it named, the newer one."""
    assert better(old, new, is_code=False) == kept


def test_a_gtin_of_two_items_tells_nothing() -> None:
    """A guess would mix the prices of two items up; and it stays so."""
    nothing = better(JOINED, Known("2", False, 11), is_code=True)

    assert nothing == Known(None, False, 11)
    assert better(nothing, Known("2", False, 12), is_code=True) is None


@pytest.mark.parametrize("code", ["886859944807", "00886859944807", " 0886859944807", 886859944807])
def test_a_product_code_is_the_same_in_any_length(code: Any) -> None:
    """UPC, EAN and GTIN differ in leading zeros."""
    assert gtin_key(code) == b"gtin:00886859944807"


@pytest.mark.parametrize("code", [None, "", "0", "abc", "1" * 15, 1.5, "12-3"])
def test_what_is_no_code_has_no_key(code: Any) -> None:
    """Some items have none."""
    assert gtin_key(code) is None


@pytest.mark.parametrize(
    "value", [b"", b"{", b"{}", b"[]", b"1", b'["x",true,1]', b'["1",1,1]', b'["1",true,"1"]']
)
def test_news_that_are_none_are_bad_input(value: bytes) -> None:
    """They become dead letters."""
    with pytest.raises(BadInput):
        decode_known(value)


def test_news_are_read_as_they_were_written() -> None:
    """With and without an item id."""
    for known in (TOLD, Known(None, False, 3)):
        assert decode_known(encode_known(known)) == known
