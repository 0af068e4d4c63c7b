"""Text from outside steers nothing, and loses nothing that can be read."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from walmart_stream.domain.plain import plain, plain_json, plain_lines

TEXTS = st.text(st.characters(codec="utf-8"))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Töys & more 玩具", "Töys & more 玩具"),
        ("\x1b[2J", r"\x1b[2J"),
        ("a\nb\r\tc", r"a\nb\r\tc"),
        ("price \u202e05.21$\u202c", r"price \u202e05.21$\u202c"),
        ("\u2066\u2069\u200f\u061c", r"\u2066\u2069\u200f\u061c"),
        ("\x7f\x85\x9b\u2028", r"\x7f\x85\x9b\u2028"),
        ("\udcff\U000e0041", r"\udcff\U000e0041"),
    ],
)
def test_characters_that_steer_are_shown_as_escapes(text: str, shown: str) -> None:
    """Control characters, marks of direction, line ends of all kinds, halves of characters."""
    assert plain(text) == shown


@given(st.text())
def test_every_text_becomes_one_printable_line(text: str) -> None:
    """Whatever is in it; once is enough."""
    assert plain(text).isprintable()
    assert plain(plain(text)) == plain(text)


@given(st.text())
def test_lines_stay_lines(text: str) -> None:
    """Where the text is ours and only parts of it are not."""
    assert plain_lines(text).replace("\n", "").replace("\t", "").isprintable()
    assert plain_lines(text).count("\n") == text.count("\n")


@given(st.dictionaries(TEXTS, TEXTS))
def test_json_means_the_same(value: dict[str, str]) -> None:
    """Programs read what was there; a terminal that shows it is not steered."""
    safe = plain_json(orjson.dumps(value))

    assert orjson.loads(safe) == value
    assert safe.decode().isprintable()
