"""CSV as it is written: read back by everybody, and never a formula."""

from __future__ import annotations

import csv
import io
import re
from datetime import UTC, datetime

import pytest
from bson import Int64
from hypothesis import given
from hypothesis import strategies as st

from walmart_stream.storage.rows import CHANGE_COLUMNS, cells_of, change_row, csv_line, csv_record

AT = datetime(2026, 11, 22, 18, tzinfo=UTC)


def row_of(seller: str) -> list[str]:
    return change_row(
        {
            "item_id": "42",
            "offer": f"rival:{seller}",
            "observed_at": AT,
            "kinds": ["price"],
            "seller": seller,
            "price_cents": 999,
            "shipping_cents": None,
            "landed_cents": None,
            "available": True,
            "previous": None,
            "delta_cents": -1,
            "delta_pct": -0.1,
        }
    )


def by_rfc_4180(text: str) -> list[list[str]]:
    """Records of RFC 4180's grammar, read character by character."""
    records, record, cell, quoted, position = [], [], "", False, 0
    while position < len(text):
        character = text[position]
        if quoted:
            if text.startswith('""', position):
                cell += '"'
                position += 1
            elif character == '"':
                quoted = False
            else:
                cell += character
        elif character == '"':
            assert cell == "", "a quote within an unquoted cell"
            quoted = True
        elif character == ",":
            record.append(cell)
            cell = ""
        elif text.startswith("\r\n", position):
            records.append([*record, cell])
            record, cell = [], ""
            position += 1
        else:
            cell += character
        position += 1
    assert not quoted
    return records


@pytest.mark.parametrize(
    "seller", ["Acme\n=1+1", "Acme\r=1+1", "Acme\r\n=1+1", "Acme\x0b=1+1", "Acme\u2028=1+1"]
)
def test_a_line_end_in_a_name_makes_no_second_row(seller: str) -> None:
    """On every Python: whether the module csv quotes line ends depends on its version."""
    line = csv_line(row_of(seller))

    (record,) = by_rfc_4180(line + "\r\n")
    assert record[CHANGE_COLUMNS.index("seller")] == "Acme =1+1"


@pytest.mark.parametrize("separator", [";", "\t", "|"])
@pytest.mark.parametrize(
    "formula",
    ["=1+1", "+1", "-1", "@SUM(A1)", "  =1+1", '"=1+1', ' ""=1+1', "\uff1d1+1", "\uff0b1"],
)
def test_no_separator_inside_a_cell_starts_a_formula(separator: str, formula: str) -> None:
    """Spreadsheets of other countries split at semicolons, and people at tabs and bars."""
    line = csv_line(row_of(f"Acme{separator}{formula}"))

    for part in line.split(separator):
        beginnings = ("=", "+", "@", "-1+", "-1,", "\uff1d", "\uff0b", "\uff0d", "\uff20")
        assert not part.lstrip(' "').startswith(beginnings)


@given(st.lists(st.text(), min_size=1, max_size=5))
def test_what_we_write_is_read_back_by_every_reader(cells: list[str]) -> None:
    """By RFC 4180's grammar, by Python's reader, and by one that takes blanks off."""
    text = csv_line(cells) + "\r\n"

    assert by_rfc_4180(text) == [cells]
    assert list(csv.reader(io.StringIO(text, newline=""), strict=True)) == [cells]
    loose = csv.reader(io.StringIO(text, newline=""), strict=True, skipinitialspace=True)
    assert list(loose) == [cells]


@given(st.text(max_size=200))
def test_no_name_is_a_formula(seller: str) -> None:
    """Whatever a seller is called: at the start of a cell, or behind what might split it."""
    cell = row_of(seller)[CHANGE_COLUMNS.index("seller")]

    assert not re.search(r"(?:^|[;\t|\r\n])\s*[=+@\uff1d\uff0b\uff0d\uff20-]", cell)


values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-(2**63), 2**63 - 1).map(Int64),
    st.floats(),
    st.datetimes(datetime(1970, 1, 1), datetime(9998, 1, 1), timezones=st.just(UTC)),
    st.text(),
    # What has to be quoted, disarmed or blanked, and what begins or ends with a blank.
    st.text("=+-@;\t|,\"' \r\n\0\x1b\u2028aZ9_.:", max_size=12),
)


@given(st.lists(values, max_size=8))
def test_a_record_made_at_once_is_the_line_of_its_cells(row: list[object]) -> None:
    """Exports write each row in one pass; it has the very bytes of the cells made one by one."""
    assert csv_record(row) == csv_line(cells_of(row))
