"""The log: what repeats is counted, not repeated."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from walmart_stream.logs import (
    MOST_KINDS,
    CountingHandler,
    JsonFormatter,
    Repeats,
    TextFormatter,
    kind_of,
)
from walmart_stream.walmart.error_bodies import read_error

MOST = 3
PERIOD = 60.0


@pytest.fixture
def log() -> Iterator[tuple[logging.Logger, io.StringIO, CountingHandler]]:
    """A logger of its own, what it writes, and its handler."""
    stream = io.StringIO()
    handler = CountingHandler(stream)
    logger = logging.getLogger("tests.logs.flood")
    logger.propagate = False
    logger.addHandler(handler)
    yield logger, stream, handler
    logger.removeHandler(handler)


def test_a_flood_of_one_kind_is_a_few_lines_and_a_count(log) -> None:
    """However many ids Walmart refuses, the log holds some of them and how many there were."""
    logger, stream, handler = log

    for number in range(45_974):
        logger.warning("polling: %s", f"InvalidItem: {number}")
    logger.warning("something else")
    handler.close()

    lines = stream.getvalue().splitlines()
    assert len(lines) <= 30
    assert lines[0] == "polling: InvalidItem: 0"
    assert "something else" in lines
    assert lines[-1] == f"{45_974 - (len(lines) - 2)} more lines like 'polling: %s' in a minute"


def test_a_text_without_arguments_is_of_one_kind_whatever_its_numbers() -> None:
    """Libraries put ports and offsets into their texts."""

    def record(text: str, *args: object) -> logging.LogRecord:
        return logging.LogRecord("kafka", logging.INFO, "", 0, text, args, None)

    assert kind_of(record("node 1 at port 9092")) == kind_of(record("node 27 at port 1"))
    assert kind_of(record("topic %s", "a")) == kind_of(record("topic %s", "b"))
    assert kind_of(record("topic a")) != kind_of(record("topic b"))


@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 40)), max_size=200))
def test_every_line_is_written_or_counted(lines: list[tuple[str, float]]) -> None:
    """Nothing vanishes, and no kind has more lines than it may in a period."""
    repeats = Repeats(MOST, PERIOD)
    now, written, counted = 0.0, [], 0

    for kind, pause in lines:
        now += pause
        counted += sum(left_out for _, left_out in repeats.ended(now))
        if repeats.passes(kind, now):
            written.append((kind, now))
    counted += sum(left_out for _, left_out in repeats.ended(float("inf")))

    assert len(written) + counted == len(lines)
    for kind in "abc":
        times = [at for name, at in written if name == kind]
        # A period begins with its kind's first line, so two of them may touch in any span.
        assert all(sum(at <= other < at + PERIOD for other in times) <= 2 * MOST for at in times)


def test_kinds_without_end_take_no_memory_without_end() -> None:
    """The oldest kind is forgotten."""
    repeats = Repeats(MOST, PERIOD)

    for number in range(3 * MOST_KINDS):
        assert repeats.passes(number, 0.0)

    assert len(repeats._kinds) == MOST_KINDS


FORGED = "\n2026-11-22 18:00:00,000 CRITICAL walmart_stream  all is lost\x1b[2J\u202e\x9b\r\u2028"


def logged(log, formatter: logging.Formatter, *, error: BaseException | None = None) -> str:
    logger, stream, handler = log
    handler.setFormatter(formatter)
    logger.warning("polling: %s", FORGED, exc_info=error)
    return stream.getvalue()


@pytest.mark.parametrize("error", [None, ValueError(FORGED)], ids=["message", "traceback"])
def test_no_text_from_outside_looks_like_a_record(log, error) -> None:
    """A line that begins at the margin is a record; what else there is of one is indented."""
    text = logged(log, TextFormatter("%(asctime)s %(levelname)-8s %(message)s"), error=error)

    first, *rest = text.removesuffix("\n").split("\n")
    assert "WARNING" in first
    assert all(line.startswith("    ") for line in rest)
    assert any("all is lost" in line for line in rest)
    assert all(line.isprintable() for line in (first, *rest))


def test_a_record_of_json_is_one_printable_line(log) -> None:
    """With everything in it, for programs to read."""
    text = logged(log, JsonFormatter(), error=ValueError(FORGED))

    assert text.removesuffix("\n").isprintable()
    assert FORGED in orjson.loads(text)["message"]


def test_an_error_code_of_a_server_is_one_printable_word() -> None:
    """It stands in messages that are logged and printed."""
    said = read_error(orjson.dumps({"errors": [{"code": f"X{FORGED[:30]}\x1b", "message": "m"}]}))

    assert isinstance(said.code, str)
    assert said.code.isprintable()
