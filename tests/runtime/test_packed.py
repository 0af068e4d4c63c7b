"""Values in little memory: the same as in a dict."""

from __future__ import annotations

import tracemalloc
from functools import partial

import orjson
from hypothesis import given
from hypothesis import strategies as st

from walmart_stream.domain.watch import lengthen, shorten
from walmart_stream.runtime import window_keys
from walmart_stream.runtime.packed import Form, KeyForm, Packed

# Few keys, so that they meet; some are parts of others and of values.
KEYS = st.integers(0, 400).map(b"%d".__mod__) | st.binary(max_size=3)
VALUES = st.none() | st.binary(max_size=5) | st.just(bytes(range(200)))
FORM = Form(lambda key, value: key + value, lambda key, kept: kept[len(key) :])
KEY_FORM = KeyForm(window_keys.shorten, window_keys.lengthen)


@given(
    st.lists(st.tuples(KEYS, VALUES), max_size=400),
    st.sampled_from([None, FORM]),
    st.sampled_from([None, KEY_FORM]),
)
def test_it_holds_what_a_dict_holds(writes, form, key_form) -> None:
    """Whatever is put, put again and taken out, and in whatever form it is kept."""
    packed, expected = Packed(form, key_form), {}
    for key, value in writes:
        packed.update({key: value})
        if value is None:
            expected.pop(key, None)
        else:
            expected[key] = value

    assert dict(packed.items()) == expected
    assert len(packed) == len(expected)
    assert {key: packed.get(key) for key, _ in writes} == {
        key: expected.get(key) for key, _ in writes
    }


@given(
    st.lists(st.dictionaries(KEYS, VALUES), max_size=10),
    st.sampled_from([None, FORM]),
    st.sampled_from([None, KEY_FORM]),
)
def test_many_values_at_once_are_those_of_a_dict(updates, form, key_form) -> None:
    """However many of them fall into a bucket, and however many buckets there are."""
    packed, expected = Packed(form, key_form), {}
    for values in updates:
        packed.update(values)
        expected.update(values)

    kept = {key: value for key, value in expected.items() if value is not None}
    assert dict(packed.items()) == kept
    assert len(packed) == len(kept)
    assert {key: packed.get(key) for key in expected} == expected


def test_it_grows_and_is_emptied() -> None:
    """To many buckets, a bucket at a time."""
    packed = Packed()
    for number in range(20_000):
        packed.update({b"%d" % number: b"%d" % -number})

    assert all(packed.get(b"%d" % number) == b"%d" % -number for number in range(20_000))
    for number in range(20_000):
        packed.update({b"%d" % number: None})
    assert (len(packed), list(packed.items())) == (0, [])


def test_its_items_are_those_of_when_it_was_asked() -> None:
    """A walk through a table goes on while the table is written."""
    packed = Packed()
    for number in range(1_000):
        packed.update({b"%d" % number: b"before"})

    items = packed.items()
    for number in range(2_000):
        packed.update({b"%d" % number: b"after"})

    assert sorted(items) == sorted((b"%d" % number, b"before") for number in range(1_000))


def test_an_entry_takes_little_beside_its_own_bytes() -> None:
    """A dict takes some 130 bytes more than its key and value have."""

    def taken(new) -> float:
        tracemalloc.start()
        try:
            values = new()
            for number in range(10_000):
                values.update({b"%09d" % number: b"%046d" % number})
            return tracemalloc.get_traced_memory()[0] / 10_000
        finally:
            tracemalloc.stop()

    assert taken(Packed) < 85 < 140 < taken(dict)


@given(
    st.sampled_from([b"42", b"", b'"', b"\xff"]),
    st.binary(max_size=3) | st.just(b"2026-11-22T18:00:00.123Z"),
    st.binary(max_size=2),
)
def test_a_watchlist_entry_comes_back_as_it_was(item_id, time, rest) -> None:
    """Byte by byte, whatever it is; most say nothing but the time."""
    for value in (
        b'{"schema":1,"item_id":"%b","note":null,"added_at":"%b","tags":[]}%b'
        % (item_id, time, rest),
        rest + time,
    ):
        assert lengthen(item_id, shorten(item_id, value)) == value
        packed = partial(Packed, Form(shorten, lengthen))()
        packed.update({item_id: value})
        assert packed.get(item_id) == value


def test_a_watchlist_entry_without_note_and_tags_is_kept_as_its_time() -> None:
    value = (
        b'{"schema":1,"item_id":"42","note":null,"added_at":"2026-11-22T18:00:00.123Z","tags":[]}'
    )

    assert len(shorten(b"42", value)) == 7


@given(
    st.sampled_from([b'["42",[', b'["",[', b'["4x",[', b'x"42",[', b"\1", b""]),
    st.integers(0, 2**33) | st.just(1764540000),
    st.sampled_from([3600, 604_800, 2**25, 0.5]),
    st.binary(max_size=2) | st.just(b"]]"),
)
def test_a_key_of_a_window_comes_back_as_it_was(before, start, width, after) -> None:
    """Byte by byte, whatever it is and whatever the width."""
    key = b"%b%.1f,%.1f%b" % (before, start, start + width - 0.1, after)

    assert window_keys.lengthen(window_keys.shorten(key)) == key


def test_a_key_of_a_window_is_kept_as_item_id_start_and_width() -> None:
    """As Faust writes it."""
    key = orjson.dumps(["500000001", (1764540000.0, 1764543599.9)])

    assert len(window_keys.shorten(key)) == 16
