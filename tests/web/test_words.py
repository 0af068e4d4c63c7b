"""Times and amounts in sentences."""

from __future__ import annotations

import pytest

from walmart_stream.web.words import ago, dollars


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        *((0, "1 s"), (0.4, "1 s"), (1, "1 s"), (59, "59 s"), (60, "60 s"), (61, "2 min")),
        *((200, "4 min"), (3_601, "2 h"), (86_401, "2 days"), (10**6, "12 days")),
    ],
)
def test_a_length_of_time_is_rounded_up(seconds, words) -> None:
    """Everything in "seen in the last 4 min" must be true."""
    assert ago(seconds) == words


def test_amounts_have_two_places() -> None:
    """And separators of thousands."""
    assert [dollars(cents) for cents in (0, 5, 123_456)] == ["$0.00", "$0.05", "$1,234.56"]
