"""Tags: what may be one, and which are the same."""

from __future__ import annotations

import pytest

from walmart_stream.domain.tags import LONGEST_TAG, MOST_TAGS, tag_of, tags_in, tags_of


def test_case_width_and_blanks_do_not_matter() -> None:
    """A tag is typed by hand, in a form and in a file."""
    assert tag_of("  Spring \t Sale ") == tag_of("spring sale") == tag_of("ＳＰＲＩＮＧ sale")
    assert tag_of("Straße") == "strasse"
    assert tag_of("q4-2026/us") == "q4-2026/us"


@pytest.mark.parametrize(
    "text",
    ["", "  ", "-", "a,b", "a;b", "<b>", "a\x00b", "a\u202eb", "x" * (LONGEST_TAG + 1), "s:x"],
)
def test_what_cannot_be_a_tag_is_refused(text: str) -> None:
    """With what would be right."""
    with pytest.raises(ValueError, match="a tag must be 1–40 letters and digits"):
        tag_of(text)


def test_a_cell_holds_several() -> None:
    """Each once, in one order, however they are separated."""
    assert tags_in("Toys; sale,toys |red") == ("red", "sale", "toys")
    assert tags_in(" ; ") == ()
    assert tags_of(tag for tag in ("b", "a")) == ("a", "b")


def test_an_item_has_so_many_tags() -> None:
    """Each costs an index key in every order."""
    with pytest.raises(ValueError, match=f"at most {MOST_TAGS} tags, not {MOST_TAGS + 1}"):
        tags_of(str(number) for number in range(MOST_TAGS + 1))
