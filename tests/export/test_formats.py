"""Documents that are exported and read back by others are those that are stored."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pytest
from pyarrow import parquet

from tests.export.documents import START, documents
from walmart_stream.domain.time import to_datetime
from walmart_stream.export import parquet as module
from walmart_stream.export.fields import EXPORTED, Exported, Field, Kind
from walmart_stream.export.formats import BYTE_ORDER_MARK, Csv, Encoder, Ndjson
from walmart_stream.export.parquet import Parquet
from walmart_stream.storage.rows import CHANGE_COLUMNS, cells_of, csv_line
from walmart_stream.storage.sealed import UNREADABLE, FieldSeal

WHAT = sorted(EXPORTED)


def written(encoder: Encoder, found: list[Mapping[str, Any]]) -> bytes:
    """A whole file, made in several pieces."""
    pieces = [encoder.begin(), *(encoder.encode([one]) for one in found), encoder.end()]
    return b"".join(pieces)


def rows_of(what: str, found: list[Mapping[str, Any]]) -> list[dict[str, str]]:
    text = written(Csv(EXPORTED[what]), found).decode()
    return list(csv.DictReader(io.StringIO(text, newline="")))


def stored(fields: tuple[Field, ...], read: Mapping[str, Any]) -> dict[str, Any]:
    """The document that a row was, by the rules that docs/cli.md gives."""
    document = {}
    for field in fields:
        value = read.get(field.name)
        if value is None and field.is_optional:
            continue
        if isinstance(field.kind, tuple) and value is not None:
            value = stored(field.kind, value)
        elif field.kind is Kind.TIME and isinstance(value, str):
            value = datetime.fromisoformat(value)
        document[field.name] = value
    return document


@pytest.mark.parametrize("what", WHAT)
def test_ndjson_read_again_gives_equal_documents(what: str) -> None:
    """One document a line, whatever sellers are called."""
    data = written(Ndjson(EXPORTED[what]), documents(what))

    lines = data.split(b"\n")
    assert lines.pop() == b""
    assert [stored(EXPORTED[what].fields, json.loads(line)) for line in lines] == documents(what)


@pytest.mark.parametrize("what", WHAT)
def test_parquet_read_again_gives_equal_documents(what: str) -> None:
    """Unknown, absent and zero stay apart."""
    data = written(Parquet(EXPORTED[what]), documents(what))

    rows = parquet.read_table(io.BytesIO(data)).to_pylist()
    assert [stored(EXPORTED[what].fields, row) for row in rows] == documents(what)


def test_parquet_has_several_groups_of_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that no more of them is held in memory than one group."""
    monkeypatch.setattr(module, "GROUP", 2)

    data = written(Parquet(EXPORTED["changes"]), documents("changes"))

    file = parquet.ParquetFile(io.BytesIO(data))
    assert [file.metadata.row_group(n).num_rows for n in range(file.num_row_groups)] == [2, 2, 1]


def flat(fields: tuple[Field, ...], document: Mapping[str, Any] | None) -> list[Any]:
    """The cells' values of a row, as docs/cli.md describes its columns."""
    found: list[Any] = []
    for field in fields:
        value = None if document is None else document.get(field.name)
        if isinstance(field.kind, tuple):
            found += flat(field.kind, value)
        elif field.name != "_id":
            found.append(" ".join(value) if isinstance(value, list) else value)
    return found


@pytest.mark.parametrize("what", WHAT)
def test_csv_has_the_bytes_of_its_cells_written_one_by_one(what: str) -> None:
    """Rows are written in one pass, which is for speed alone."""
    kind, found = EXPORTED[what], documents(what)

    _, *lines = written(Csv(kind), found).decode().split("\r\n")

    plain = [csv_line(cells_of(flat(kind.fields, one))) for one in found]
    assert lines == [*plain, ""]


@pytest.mark.parametrize("what", WHAT)
def test_csv_has_a_row_for_each_document(what: str) -> None:
    """Each row has as many cells as the header has, whatever stands in them."""
    found = documents(what)

    rows = rows_of(what, found)

    assert [row["item_id"] for row in rows] == [one["item_id"] for one in found]
    assert all(None not in row and None not in row.values() for row in rows)


def test_unknown_is_empty_and_free_is_zero() -> None:
    """A spreadsheet that adds them up must not take one for the other."""
    first, second, third, *_ = rows_of("changes", documents("changes"))

    assert (first["shipping_cents"], first["previous_shipping_cents"]) == ("0", "")
    assert (second["shipping_cents"], second["landed_cents"]) == ("", "")
    assert second["previous_landed_cents"] == "1999"
    assert (third["available"], third["kinds"]) == ("false", "availability")
    assert first["source_offset"] == "10"


def test_csv_of_changes_has_the_columns_of_the_history() -> None:
    """A program that reads the one reads the other."""
    (row, *_) = rows_of("changes", documents("changes"))

    assert set(CHANGE_COLUMNS) < set(row)


def test_no_cell_is_a_formula() -> None:
    """Neither at its beginning nor where a spreadsheet might split it."""
    found = {**documents("changes")[0], "seller": "=HYPERLINK(1)", "offer": "rival:a;=1"}

    (row,) = rows_of("changes", [found])

    assert (row["seller"], row["offer"]) == ("'=HYPERLINK(1)", "rival:a;'=1")


def test_a_byte_order_mark_on_request() -> None:
    """For Excel, which takes UTF-8 for something else without."""
    data = written(Csv(EXPORTED["offers"], with_mark=True), documents("offers"))

    assert data.startswith(BYTE_ORDER_MARK + b"item_id,offer,name")


@pytest.mark.parametrize("what", ["changes", "offers"])
def test_a_field_that_cannot_be_opened_is_named(what: str) -> None:
    """In every format, so that nobody takes it for one that is not there."""
    kind = EXPORTED[what]
    seal = FieldSeal(["a" * 43 + "="])
    own = next(one for one in documents(what) if "buy_box" in one)
    locked = FieldSeal().open(kind.collection, seal.seal(kind.collection, dict(own)))

    (row,) = rows_of(what, [locked])
    (read,) = parquet.read_table(io.BytesIO(written(Parquet(kind), [locked]))).to_pylist()

    assert "MONGODB_FIELD_KEYS" in row["unreadable_buy_box"]
    assert stored(kind.fields, read) == locked
    assert stored(kind.fields, json.loads(written(Ndjson(kind), [locked]))) == locked
    assert UNREADABLE in locked


@pytest.mark.parametrize("kind", EXPORTED.values(), ids=lambda kind: kind.name)
def test_every_stored_field_has_a_column(kind: Exported) -> None:
    """A field that is added to the documents is added to the exports."""
    names = {field.name for field in kind.fields}

    assert {name for one in documents(kind.name) for name in one} <= names


def test_an_empty_export_is_a_whole_file() -> None:
    """Columns without rows."""
    kind = EXPORTED["windows"]

    assert written(Csv(kind), []).startswith(b"item_id,")
    assert written(Ndjson(kind), []) == b""
    assert parquet.read_table(io.BytesIO(written(Parquet(kind), []))).num_rows == 0


def test_times_are_to_the_millisecond() -> None:
    """As they are stored."""
    (row, *_) = rows_of("changes", documents("changes")[1:])

    assert datetime.fromisoformat(row["observed_at"]) == to_datetime(START + 1)
