"""The one CSV reader: every dialect that people and programs write."""

from __future__ import annotations

import csv
import io
import itertools

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from walmart_stream.domain.reading.csv_file import Record, RecordFault, decode, read_csv

HEADER = ["SKU", "Item ID", "Product Name"]


def header_of(cells):
    return cells if "Item ID" in cells else None


def read(text: str) -> list[Record | RecordFault]:
    return list(read_csv(text, header_of))


# As spreadsheets keep them; what a cell may hold besides is tested by hand below.
CELL = st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")), max_size=20)


@given(
    rows=st.lists(st.lists(CELL, min_size=3, max_size=3), max_size=8),
    delimiter=st.sampled_from(",;\t|"),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]),
    mark=st.sampled_from(["", "\ufeff"]),
    separator_line=st.booleans(),
)
@example([["a", "1", "x\ny"]], ",", "\r\n", csv.QUOTE_MINIMAL, "", False)
def test_what_any_dialect_writes_is_read_back(
    rows, delimiter, end, quoting, mark, separator_line
) -> None:
    """Delimiter, line end and quoting are found from the file itself."""
    file = io.StringIO(newline="")
    writer = csv.writer(file, delimiter=delimiter, lineterminator=end, quoting=quoting)
    writer.writerow(HEADER)
    writer.writerows(rows)
    text = mark + (f"sep={delimiter}{end}" if separator_line else "") + file.getvalue()

    found = read(text)

    with_anything = [row for row in rows if any(cell.strip() for cell in row)]
    assert [[cell.strip() for cell in row.delivered.values()] for row in found] == [
        [cell.strip() for cell in row] for row in with_anything
    ]


@pytest.mark.parametrize(
    ("encoding", "mark"),
    list(itertools.product(["utf-8", "utf-16-le", "utf-16-be", "cp1252"], [True, False])),
)
def test_every_common_encoding_is_found(encoding: str, mark: bool) -> None:
    """With a byte order mark or without."""
    text = "SKU,Item ID,Product Name\nA,1,Café\n"

    content = (("\ufeff" if mark and encoding != "cp1252" else "") + text).encode(encoding)

    assert decode(content).removeprefix("\ufeff") == text


def test_control_characters_are_collapsed_in_cells_and_kept_in_the_delivered_ones() -> None:
    """The raw topic gets the row as it stood; people get one line."""
    (row,) = read('SKU,Item ID,Product Name\nA,1,"Red\r\n\tcup"\n')

    assert row.cells["productname"] == "Red cup"
    assert row.delivered["Product Name"] == "Red\n\tcup"


@pytest.mark.parametrize("stray", ['"A,1,x', 'A,1,"x', 'A,"1",x"', '"A"B,1,x'])
def test_a_stray_quote_costs_its_own_line(stray: str) -> None:
    """Also where a later line has quotes that seem to close it."""
    text = f'SKU,Item ID,Product Name\n{stray}\nB,2,"y, z"\nC,3,z\n'

    found = read(text)

    assert [row.line for row in found if isinstance(row, RecordFault)] in ([2], [])
    assert [row.cells["sku"] for row in found if isinstance(row, Record)][-2:] == ["B", "C"]


@given(st.text())
def test_no_text_breaks_the_reader(text: str) -> None:
    """Everything is a row or a fault with its line."""
    lines = text.count("\n") + text.count("\r") + 2

    for row in read("SKU,Item ID,Product Name\n" + text):
        assert 2 <= row.line <= lines + 1
