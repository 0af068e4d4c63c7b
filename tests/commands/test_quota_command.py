"""The quota command: calls a day against the size of a watchlist."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from walmart_stream.cli import cli


@pytest.mark.parametrize(
    ("items", "environment", "interval", "limit"),
    [
        # 500 full calls a round, 5,000 a day: ten rounds.
        (10_000, {}, 8640.0, "WALMART_AFFILIATE_DAILY_CALLS"),
        # One call for a few items, which may not be asked more often than once a minute.
        (7, {}, 60.0, "POLL_INTERVAL_MIN"),
        (
            1_000,
            {"WALMART_AFFILIATE_DAILY_CALLS": "10000000", "POLL_INTERVAL_MIN": "1"},
            10.0,
            "WALMART_AFFILIATE_CALLS_PER_SECOND",
        ),
    ],
)
def test_the_interval_is_the_calls_of_a_round_over_the_calls_granted(
    items: int, environment: dict[str, str], interval: float, limit: str
) -> None:
    """Without any server, and as numbers for programs."""
    done = CliRunner().invoke(cli, ["quota", "--items", str(items), "--json"], env=environment)

    assert done.exit_code == 0, done.output
    (found,) = json.loads(done.output)
    assert (found["interval_s"], found["limit"]) == (interval, limit)


def test_usual_sizes_are_shown_in_words() -> None:
    """The first question of a newcomer."""
    done = CliRunner().invoke(cli, ["quota"])

    assert "10,000 items: each seen every    2.4 h, 5,000 calls a day" in done.output
    assert len(done.output.splitlines()) == 5
