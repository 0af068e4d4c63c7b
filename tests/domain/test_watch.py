"""The watchlist's entries: what may be watched, the topic's values, and CSV files."""

from __future__ import annotations

from datetime import UTC, datetime

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from walmart_stream.domain.errors import BadInput, BadTime, EmptyValue, MalformedJson, WrongShape
from walmart_stream.domain.watch import (
    WatchEntry,
    decode_entry,
    encode_entry,
    parse_csv,
    reason,
    stamped,
)

AT = datetime(2026, 11, 22, 18, 0, 0, 123000, tzinfo=UTC)


def ids(entries: list[WatchEntry]) -> list[str]:
    return [entry.item_id for entry in entries]


@pytest.mark.parametrize("item_id", ["1", "12345", "9" * 20])
def test_item_ids_have_up_to_twenty_digits(item_id: str) -> None:
    """As keys of all topics have."""
    assert WatchEntry(item_id=item_id).item_id == item_id


@pytest.mark.parametrize(
    "item_id", ["", "0", "012", "9" * 21, "12a", " 12", "12\n", "-1", "1.0", "１２", "1,2"]
)
def test_other_item_ids_are_refused(item_id: str) -> None:
    """Also digits of other scripts and a line end behind the number."""
    with pytest.raises(ValidationError) as caught:
        WatchEntry(item_id=item_id)

    assert reason(caught.value) == (
        f"item_id {item_id!r}: must be 1–20 digits without a leading zero"
    )


@pytest.mark.parametrize("note", ["\x1b[31mred", "a\nb", "\x00", "\udcff", "x" * 201])
def test_notes_are_short_plain_text(note: str) -> None:
    """They are shown in terminals, which control characters would steer."""
    with pytest.raises(ValidationError):
        WatchEntry(item_id="1", note=note)


def test_a_blank_note_is_none() -> None:
    """There is one way to have no note."""
    assert WatchEntry(item_id="1", note="  ").note is None


def test_entries_survive_the_topic() -> None:
    """The decoded entry is the encoded one, to the millisecond."""
    entry = WatchEntry(
        item_id="42", note="Christmas – toys", added_at=AT, tags=("Toys", "red", "toys ")
    )

    value = encode_entry(entry)

    assert orjson.loads(value) == {
        "schema": 1,
        "item_id": "42",
        "note": "Christmas – toys",
        "added_at": "2026-11-22T18:00:00.123Z",
        "tags": ["red", "toys"],
    }
    assert decode_entry("42", value) == entry


@given(
    st.from_regex(r"[1-9][0-9]{0,19}", fullmatch=True),
    st.none() | st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=200),
)
def test_every_entry_survives_the_topic(item_id: str, note: str | None) -> None:
    """Whatever may be watched can be read again."""
    entry = WatchEntry(item_id=item_id, note=note, added_at=AT)

    assert decode_entry(item_id, encode_entry(entry)) == entry


@pytest.mark.parametrize(
    ("value", "error"),
    [
        (b"", EmptyValue),
        (None, EmptyValue),
        (b"{", MalformedJson),
        (b"[]", WrongShape),
        (b'{"item_id":"42"}', WrongShape),
        (b'{"schema":true,"item_id":"42"}', WrongShape),
        (b'{"schema":2,"item_id":"42"}', WrongShape),
        (b'{"schema":1,"item_id":"43"}', WrongShape),
        (b'{"schema":1,"item_id":"42","note":5}', WrongShape),
        (b'{"schema":1,"item_id":"42","added_at":"yesterday"}', BadTime),
        (b'{"schema":1,"item_id":"42","added_at":"2026-11-22T18:00:00"}', BadTime),
        (b'{"schema":1,"item_id":"42","added_at":5}', BadTime),
    ],
)
def test_what_is_no_entry_is_bad_input(value: bytes | None, error: type[BadInput]) -> None:
    """Anyone may produce to the topic; what does not fit is dead-lettered with its class."""
    with pytest.raises(error):
        decode_entry("42", value)


def test_fields_of_later_versions_are_left_out() -> None:
    """An old worker must be able to poll what a new one was asked for."""
    value = b'{"schema":1,"item_id":"42","priority":3}'

    assert decode_entry("42", value) == WatchEntry(item_id="42")


def test_only_entries_without_a_time_are_stamped() -> None:
    """The time of an entry does not change because it is written again."""
    later = datetime(2027, 1, 1, tzinfo=UTC)

    first, second = stamped([WatchEntry(item_id="1"), WatchEntry(item_id="2", added_at=AT)], later)

    assert (first.added_at, second.added_at) == (later, AT)


def test_a_csv_file_may_name_its_columns() -> None:
    """In any order and case, beside others, as spreadsheets export them."""
    entries, faults = parse_csv("Note,price,ITEM_ID\r\ntoys,9.99,42\r\n,,43\r\n")

    assert [(entry.item_id, entry.note) for entry in entries] == [("42", "toys"), ("43", None)]
    assert faults == []


def test_a_csv_file_without_names_is_one_column() -> None:
    """The simplest list there is."""
    entries, faults = parse_csv("42\n43\n")

    assert (ids(entries), faults) == (["42", "43"], [])


def test_bad_rows_are_named_and_the_rest_goes_in() -> None:
    """With the line number that an editor shows, blank lines counted."""
    text = f"item_id,note\n42,a\n\nabc,b\n43,c,d\n44,ok\n45,{'n' * 201}\n"

    entries, faults = parse_csv(text)

    assert ids(entries) == ["42", "44"]
    assert [fault.line for fault in faults] == [4, 5, 7]
    assert str(faults[0]).startswith("line 4: item_id 'abc': must be 1–20 digits")
    assert faults[1].reason == "3 cells instead of 2: '43,c,d'"


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_line_end_is_understood(end: str) -> None:
    """Those of Unix, Windows and old spreadsheets; also a mark at the beginning of the file."""
    text = "\ufeffitem_id" + end + "42" + end + "x" + end + "43"

    entries, faults = parse_csv(text)

    assert ids(entries) == ["42", "43"]
    assert [fault.line for fault in faults] == [3]


def test_quoted_fields_hold_commas_and_quotes() -> None:
    """As RFC 4180 has it."""
    entries, faults = parse_csv('item_id,note\n"42","a, ""b"""\n')

    assert [(entry.item_id, entry.note) for entry in entries] == [("42", 'a, "b"')]
    assert faults == []


def test_a_quote_that_is_never_closed_spoils_one_line() -> None:
    """The lines after it must not vanish into it."""
    entries, faults = parse_csv('item_id,note\n42,a\n"43,b\n44,c\n45,d\n')

    assert ids(entries) == ["42", "44", "45"]
    assert [fault.line for fault in faults] == [3]


@pytest.mark.parametrize("huge", ["4" * 200_000, '"' + "x" * 200_000 + '"', "42," + "x" * 200_000])
def test_a_huge_field_spoils_one_line(huge: str) -> None:
    """And its content is not repeated in the message."""
    entries, faults = parse_csv(f"item_id,note\n{huge}\n44,c\n")

    assert ids(entries) == ["44"]
    assert [fault.line for fault in faults] == [2]
    assert len(faults[0].reason) < 120


def test_of_several_rows_for_an_item_the_last_one_counts() -> None:
    """As if the rows had been added one after the other."""
    entries, faults = parse_csv("item_id,note\n42,a\n43,b\n42,c\n")

    assert [(entry.item_id, entry.note) for entry in entries] == [("42", "c"), ("43", "b")]
    assert faults == []


@pytest.mark.parametrize(
    "text",
    [
        "item_id;note\n42;a\n43;b, c\n",
        "item_id\tnote\n42\ta\n43\tb, c\n",
        'Item ID,Note\n42,a\n43,"b, c"\n',
        'sep=;\nitem_id;note\n42;a\n43;"b, c"\n',
        'SKU,Item ID,Product Name,Note\nA-1,42,Kettle,a\nA-2,43,"Cup, red","b, c"\n',
        'item_id,note\n42.0,a\n"=""43""","b, c"\n',
        "item_id|note\n'42|a\nhttps://www.walmart.com/ip/Red-Cup/43?athbdg=L1600|b, c\n",
        '42,a\n43,"b,\nc"\n',
    ],
)
def test_a_list_is_read_in_the_dialect_of_whoever_wrote_it(text: str) -> None:
    """Semicolons, tabs and bars, Walmart's own headings, and ids as spreadsheets keep them."""
    entries, faults = parse_csv(text)

    assert [(entry.item_id, entry.note) for entry in entries] == [("42", "a"), ("43", "b, c")]
    assert faults == []


def test_nothing_inside_quotes_becomes_an_item() -> None:
    """A cell of several lines belongs to its record, with or without a header."""
    text = '10450114,"see\n550113402\nend"\n'

    for header in ("", "item_id,note\n"):
        entries, faults = parse_csv(header + text)

        assert [(e.item_id, e.note) for e in entries] == [("10450114", "see 550113402 end")]
        assert faults == []


@pytest.mark.parametrize(
    "note",
    [
        "".join(f"{number}\n" for number in range(550113000, 550113200)),
        "550113402\r\n" * 3000,
        "550113402,kettle\n550113403,cup",
        'a ""quoted"" word\n550113402\n""',
        "\n\n550113402\n\n",
    ],
    ids=["200 lines", "30,000 characters", "rows", "quotes", "blank lines"],
)
@pytest.mark.parametrize("header", ["", "item_id,note\n", "Note;Item ID\n"])
def test_nothing_inside_quotes_becomes_an_item_however_long_the_cell(
    note: str, header: str
) -> None:
    """Up to what a spreadsheet's cell can hold; a note that is too long is said to be so."""
    text = f'10450114,"{note}"\n' if "Note;" not in header else f'"{note}";10450114\n'

    entries, faults = parse_csv(f"{header}{text}" + text.replace(note, "x").replace("4", "5"))

    assert {entry.item_id for entry in entries} <= {"10450114", "10550115"}
    assert len(entries) + len(faults) == 2


def test_the_names_of_columns_may_have_line_ends_in_them() -> None:
    """As spreadsheets keep headings that were made to fit."""
    entries, faults = parse_csv('"Item\nID","My\nnote",Note\n10450114,a,b\n')

    assert [(entry.item_id, entry.note) for entry in entries] == [("10450114", "b")]
    assert faults == []


@pytest.mark.parametrize(
    "written", ["1.05E+09", "12a", "walmart.com/ip/Cup", "0042", "4,2 x", "４２", "-1"]
)
def test_what_is_refused_is_shown_with_what_is_right(written: str) -> None:
    """A number in scientific notation has lost its digits: it is not guessed."""
    _, (fault,) = parse_csv(f'item_id\n"{written}"\n')

    assert str(fault) == (
        f"line 2: item_id {written!r}: must be 1–20 digits without a leading zero, or the address "
        "of a walmart.com/ip/ page"
    )


def test_a_file_without_a_column_of_ids_says_which_one_it_needs() -> None:
    """One sentence, rather than a fault for each row."""
    entries, faults = parse_csv("Name,Price,Stock\nCup,4.00,12\n")

    assert entries == []
    assert [str(fault) for fault in faults] == [
        "line 1: the first row names none of the columns: 'Name,Price,Stock'; name the column "
        "with the item ids item_id"
    ]


@given(st.text())
def test_no_text_breaks_the_reader(text: str) -> None:
    """Whatever is uploaded ends in entries and named lines."""
    entries, faults = parse_csv(text)

    assert all(entry.item_id for entry in entries)
    assert all(fault.line >= 1 and fault.reason for fault in faults)


def test_an_entry_of_an_earlier_release_has_no_tags() -> None:
    """It is read as it is; anything but a list of tags is refused."""
    assert decode_entry("42", b'{"schema":1,"item_id":"42"}').tags == ()
    for tags in (b'"toys"', b'["a,b"]', b"[5]", b"{}5"):
        with pytest.raises(BadInput):
            decode_entry("42", b'{"schema":1,"item_id":"42","tags":' + tags + b"}")


def test_a_file_may_have_a_column_of_tags() -> None:
    """A tag that is none leaves its line out, and says what would be right."""
    entries, faults = parse_csv("item_id,tags\n1,Toys; red\n2,<b>\n3,\n")

    assert [(entry.item_id, entry.tags) for entry in entries] == [("1", ("red", "toys")), ("3", ())]
    assert str(faults[0]).startswith("line 3: tags '<b>': a tag must be 1–40 letters and digits")
