"""Pages of the watchlist, in order and at once, however many items there are."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from hypothesis import example, given
from hypothesis import strategies as st

from walmart_stream.domain.errors import BadInput
from walmart_stream.domain.watch import WatchEntry, decode_entry, encode_entry
from walmart_stream.domain.watched import Watched

NOW = datetime(2026, 11, 22, 18, tzinfo=UTC)
# Some are longer than a machine word, and begin with all of another one.
LONG = ["1", f"1{10**15}", f"1{10**16}", f"1{10**18}", 16 * "9", 20 * "9"]
IDS = st.integers(1, 300).map(str) | st.sampled_from(LONG)
TAGS = st.lists(st.sampled_from("ab"), unique=True).map(lambda tags: tuple(sorted(tags)))


def taken(*entries: WatchEntry) -> Watched:
    watched = Watched()
    for entry in entries:
        watched.take(entry.item_id.encode(), encode_entry(entry))
    return watched


@given(
    st.lists(st.tuples(IDS, st.sampled_from([None, "", "note"]), TAGS), max_size=300),
    IDS,
    st.sampled_from("abc"),
)
def test_it_holds_what_the_records_leave_behind(records, after, tag) -> None:
    """The last record of an item counts; without a value it takes the item out."""
    watched, expected = Watched(), {}
    for item_id, note, tags in records:
        if note is None:
            watched.take(item_id.encode(), None)
            expected.pop(item_id, None)
        else:
            entry = WatchEntry(item_id=item_id, note=note or None, added_at=NOW, tags=tags)
            watched.take(item_id.encode(), encode_entry(entry))
            expected[item_id] = entry

    assert {entry.item_id: entry for entry in watched.entries()} == expected
    assert len(watched) == len(expected)
    following = sorted(item_id for item_id in expected if item_id > after)
    assert [entry.item_id for entry in watched.page(after, 7)] == following[:7]
    tagged = [item_id for item_id in following if tag in expected[item_id].tags]
    assert [entry.item_id for entry in watched.page(after, 7, tag)] == tagged[:7]
    assert watched.count(tag) == sum(tag in entry.tags for entry in expected.values())
    assert watched.count() == len(expected)


def test_records_that_are_not_entries_change_nothing() -> None:
    """Workers dead-letter them."""
    watched = taken(WatchEntry(item_id="42"))

    for key, value in ((b"42", b"{"), (b"43", b"{}"), (None, b"{}"), (b"x", None), (b"\xff", b"1")):
        watched.take(key, value)

    assert list(watched.entries()) == [WatchEntry(item_id="42")]


@given(
    st.sampled_from(["42", "042", "", "4242424242424242424242", '4"2']),
    st.sampled_from(["2026-11-22T18:00:00.123Z", "2026-11-22T18:00:00+02:00", "2026-11-22", ""]),
    st.none() | st.tuples(st.integers(0, 85), st.sampled_from([b'"', b"\\", b" ", b"1", b"\xff"])),
)
@example("42", "2026-11-22T18:00:00.123Z", (61, b'"'))
@example("42", "2026-11-22T18:00:00.123Z", None)
def test_an_entry_is_taken_as_workers_take_it(item_id, added_at, change) -> None:
    """With any byte of it changed, too: what they refuse is not listed, nor another time."""
    value = b'{"schema":1,"item_id":"%b","note":null,"added_at":"%b","tags":[]}' % (
        item_id.encode(),
        added_at.encode(),
    )
    if change is not None:
        at, byte = change
        value = value[:at] + byte + value[at + 1 :]
    watched = Watched()

    watched.take(item_id.encode(), value)

    try:
        expected = [decode_entry(item_id, value)]
    except BadInput:
        expected = []
    assert list(watched.entries()) == expected


def test_an_end_that_is_known_makes_no_entry_of_a_stranger() -> None:
    """Entries of an import end alike. This one names another item there, whose entry it is."""
    end = b'null,"added_at":"2026-11-22T18:00:00.123Z","tags":["a"],"item_id":"43"}'
    watched = Watched()

    for item_id in (b"43", b"42"):
        watched.take(item_id, b'{"schema":1,"item_id":"%b","note":%b' % (item_id, end))

    assert [entry.item_id for entry in watched.entries()] == ["43"]
    assert ("43" in watched, "42" in watched, "x" in watched) == (True, False, False)


def test_a_page_costs_no_more_when_there_are_more_items() -> None:
    """Fifty times as many are not all read for each page."""

    def seconds(items: int) -> float:
        watched = taken(*(WatchEntry(item_id=str(n)) for n in range(1, items)))

        def once() -> float:
            began = time.thread_time()
            watched.page("500", 100)
            return time.thread_time() - began

        return min(once() for _ in range(20))

    assert seconds(50_000) < 10 * seconds(1_000)
