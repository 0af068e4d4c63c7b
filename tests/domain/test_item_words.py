"""Words of names: without case, accents and punctuation."""

from __future__ import annotations

from walmart_stream.domain.item_words import (
    LONGEST_KEY,
    LONGEST_WORD,
    MOST_WORDS,
    folded_name,
    words_in,
    words_of,
)


def test_case_accents_and_punctuation_do_not_matter() -> None:
    """Typing what is easy to type finds it."""
    assert words_in("Café-Crème, STRAẞE & ﬁne_tea") == ["cafe", "creme", "strasse", "fine", "tea"]
    assert folded_name("  “Épée”  de BOIS ") == "epee de bois"


def test_the_id_is_a_word() -> None:
    """One search finds both."""
    assert words_of("10450114", "Tea tea 10450114") == ["10450114", "tea"]
    assert words_of("1", None) == ["1"]


def test_what_names_no_word_has_no_key() -> None:
    """It is sorted with those without a name."""
    assert folded_name(None) is None
    assert folded_name(" … ") is None


def test_long_names_are_cut() -> None:
    """Index keys stay short, whatever a seller writes."""
    name = " ".join(f"{'x' * 99}{number}" for number in range(99))

    assert len(folded_name(name) or "") == LONGEST_KEY
    assert words_in("x" * 99) == ["x" * LONGEST_WORD]
    assert len(words_of("1", " ".join(f"w{number}" for number in range(99)))) == MOST_WORDS + 1
