"""Slips of people who type: the message says what is wrong and what would be right."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest
from aiokafka.errors import KafkaConnectionError
from click.testing import CliRunner
from pymongo.errors import ServerSelectionTimeoutError

from walmart_stream.cli import cli
from walmart_stream.commands.failures import in_words
from walmart_stream.local.options import CannotStart, Options
from walmart_stream.local.stack import running


@pytest.mark.parametrize(
    ("words", "near"),
    [
        ("histry 5", "history"),
        ("watch lst", "list"),
        ("dead-letter list", "dead-letters"),
        ("alerts rule", "rules"),
        ("partitions resum", "resume"),
        ("seller prices A 5", "price"),
    ],
)
def test_the_nearest_command_is_named(words: str, near: str) -> None:
    """In every group of commands, with the exit code of wrong usage."""
    done = CliRunner().invoke(cli, words.split())

    assert done.exit_code == 2
    assert f"Did you mean '{near}'?" in done.stderr


def test_a_command_that_is_near_to_none_gets_no_suggestion() -> None:
    """A guess would mislead."""
    done = CliRunner().invoke(cli, ["xyzzy"])

    assert done.exit_code == 2
    assert "Did you mean" not in done.stderr


@pytest.mark.parametrize(
    "words",
    [
        "history 5 --from yesterday",
        "replay --from 29.11.2026",
        "report --out x.html --to 2026-13-01",
        "state 5 --at noon",
        "changes --since 5m",
        "export changes --out x.csv --from 1764439200",
    ],
)
def test_a_time_that_is_none_is_shown_beside_one_that_is(words: str) -> None:
    """One message for all commands."""
    done = CliRunner().invoke(cli, words.split())

    assert done.exit_code == 2
    assert "is not an ISO 8601 time such as 2026-11-29 or 2026-11-29T18:00:00Z" in done.stderr


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (
            ServerSelectionTimeoutError(
                "db:1: refused (configured timeouts: socketTimeoutMS: 5000.0ms), Timeout: 5.0s, "
                "Topology Description: <TopologyDescription id: 1>"
            ),
            "ServerSelectionTimeoutError: db:1: refused",
        ),
        (KafkaConnectionError("db:1: no answer"), "KafkaConnectionError: db:1: no answer"),
        (TimeoutError(), "TimeoutError"),
    ],
)
def test_an_error_of_a_server_is_one_sentence(error: Exception, words: str) -> None:
    """The class once, and no view of all servers that is cut in the middle of a word."""
    assert in_words(error) == words


@pytest.mark.parametrize(
    "command", ["watch list", "topics", "acl --principal User:x --role worker --apply"]
)
def test_a_broker_that_is_away_is_said_once(
    command: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The client's own log of each attempt is not shown beside it."""
    monkeypatch.setenv("KAFKA_BROKERS", "127.0.0.1:1")
    monkeypatch.setenv("MONGODB_URI", "mongodb://127.0.0.1:1")

    done = CliRunner().invoke(cli, command.split())

    assert done.exit_code == 1
    (said,) = done.stderr.splitlines()
    assert said.startswith("Error: KafkaConnectionError: 127.0.0.1:1: ")
    assert caplog.text == ""


@pytest.mark.parametrize("command", ["watch add", "watch remove", "unlock"])
@pytest.mark.parametrize("wrong", ["x", "abc", "0042", "1.5e3", "walmart.com/ip/Cup"])
def test_the_wrong_one_of_several_items_is_named(command: str, wrong: str) -> None:
    """Before anything is done about the others, and without a server."""
    done = CliRunner().invoke(cli, [*command.split(), "1", wrong, "2"])

    assert done.exit_code == 2
    assert f"{wrong!r}: an item must be 1–20 digits without a leading zero" in done.stderr


@pytest.mark.parametrize("command", ["quota", "quota --json", "--help", "watch import --check -"])
def test_a_reader_that_has_had_enough_is_no_error(command: str) -> None:
    """As of `| head -1`."""
    done = subprocess.run(
        ["bash", "-c", f"{sys.executable} -m walmart_stream {command} | true"],
        input="".join(f"{number}\n" for number in range(1, 20_000)),
        capture_output=True,
        text=True,
        check=False,
    )

    assert "BrokenPipe" not in done.stderr
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


async def test_a_port_that_was_asked_for_and_is_taken_is_refused(tmp_path: Path) -> None:
    """Another one would be somewhere else than whoever asked looks."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        options = Options(1, 5, None, 1, None, None, port=port)

        with pytest.raises(CannotStart, match=f"--port {port} is in use"):
            async with running(options, tmp_path):
                pass
