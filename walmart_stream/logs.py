"""The log: text for people, or one JSON object a line for machines.

A line that repeats is counted instead: see :class:`CountingHandler`.
"""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import orjson

from walmart_stream.domain.plain import plain, plain_json
from walmart_stream.settings import Settings

# Their debug records are built for every message even where nobody reads them.
LOUD_LIBRARIES = ("faust", "mode", "aiokafka", "kafka", "pymongo", "asyncio")

# Lines of one kind in one period: enough for the dozen topics of a start and to see what varies
# in a fault. A flood of any size then costs this many lines and one with its count.
MOST_OF_A_KIND = 20
PERIOD = 60.0

# Kinds remembered at once. Libraries that build their texts themselves make a kind of each; beyond
# this the oldest is forgotten, which costs one more round of its lines.
MOST_KINDS = 1000

# Characters of a text without arguments that tell its kind.
KIND_LENGTH = 120

_DIGITS = re.compile("[0-9]+")


class JsonFormatter(logging.Formatter):
    """``{"time", "level", "logger", "message", "exception"?}``, time in UTC."""

    def format(self, record: logging.LogRecord) -> str:
        fields: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_text:  # where the exception itself shows more than anybody may see
            fields["exception"] = record.exc_text
        elif record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        return plain_json(orjson.dumps(fields)).decode()


class TextFormatter(logging.Formatter):
    """A line for each record; what belongs to it besides is indented.

    So no text from outside can look like a record, whatever line ends it holds.
    """

    def format(self, record: logging.LogRecord) -> str:
        record.message, *rest = record.getMessage().split("\n")
        record.message = plain(record.message)
        record.asctime = self.formatTime(record)
        if record.exc_text:  # where the exception itself shows more than anybody may see
            rest += record.exc_text.split("\n")
        elif record.exc_info:
            rest += self.formatException(record.exc_info).split("\n")
        if record.stack_info:
            rest += record.stack_info.split("\n")
        return "\n    ".join([self.formatMessage(record), *map(plain, rest)])


class Repeats:
    """Counts lines by kind: the first :data:`MOST_OF_A_KIND` of a period pass, the rest add up.

    Pure: the caller brings the time (seconds, monotonic).
    """

    def __init__(self, most: int = MOST_OF_A_KIND, period: float = PERIOD) -> None:
        self._most = most
        self._period = period
        # Kind -> when its period began and how many lines it has had; the oldest first.
        self._kinds: dict[Hashable, tuple[float, int]] = {}

    def passes(self, kind: Hashable, now: float) -> bool:
        """Count a line; whether it is to be written."""
        began, lines = self._kinds.pop(kind, (now, 0))
        if now - began >= self._period and lines <= self._most:
            began, lines = now, 0
        self._kinds[kind] = began, lines + 1
        if len(self._kinds) > MOST_KINDS:
            del self._kinds[next(iter(self._kinds))]
        return lines < self._most

    @property
    def waiting(self) -> bool:
        """Whether lines were left out that :meth:`ended` has not reported."""
        return any(lines > self._most for _, lines in self._kinds.values())

    def ended(self, now: float) -> list[tuple[Any, int]]:
        """Kinds whose period is over, with the lines left out in it; each is reported once."""
        over = [
            (kind, lines - self._most)
            for kind, (began, lines) in self._kinds.items()
            if lines > self._most and now - began >= self._period
        ]
        for kind, _ in over:
            del self._kinds[kind]
        return over


def kind_of(record: logging.LogRecord) -> tuple[str, int, str]:
    """Logger, level and text before its arguments; digits are alike in a text without any."""
    text = str(record.msg)
    if not record.args:
        text = _DIGITS.sub("#", text[:KIND_LENGTH])
    return record.name, record.levelno, text


class CountingHandler(logging.StreamHandler[Any]):
    """Writes a few lines of each kind a minute; what comes on top becomes one line with a number.

    A kind is a logger's text before its arguments, so every part of the program that logs what
    others cause (a refused item, a request that is not HTTP) is bounded by using arguments.
    """

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._repeats = Repeats()
        self._timer: threading.Timer | None = None

    def emit(self, record: logging.LogRecord) -> None:
        if self._repeats.passes(kind_of(record), time.monotonic()):
            super().emit(record)
        elif self._timer is None:
            self._wait()

    def close(self) -> None:
        with _locked(self):
            if self._timer is not None:
                self._timer.cancel()
            self._report(float("inf"))
        super().close()

    def _wait(self) -> None:
        # The count must come even where nothing else is logged.
        self._timer = threading.Timer(PERIOD, self._period_ended)
        self._timer.daemon = True
        self._timer.start()

    def _period_ended(self) -> None:
        with _locked(self):
            self._timer = None
            self._report(time.monotonic())
            if self._repeats.waiting:
                self._wait()

    def _report(self, now: float) -> None:
        for (name, level, text), lines in self._repeats.ended(now):
            message = "%d more lines like %r in a minute"
            super().emit(logging.LogRecord(name, level, "", 0, message, (lines, text), None))


@contextmanager
def _locked(handler: logging.Handler) -> Iterator[None]:
    handler.acquire()
    try:
        yield
    finally:
        handler.release()


def logging_config(settings: Settings) -> dict[str, Any]:
    """For :func:`logging.config.dictConfig`, to standard error."""
    level = settings.log_level.upper()
    quiet = max(logging.getLevelNamesMapping()[level], logging.INFO)
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "text": {
                "()": TextFormatter,
                "format": "%(asctime)s %(levelname)-8s %(name)s  %(message)s",
            },
            "json": {"()": JsonFormatter},
        },
        "handlers": {
            "default": {
                "class": "walmart_stream.logs.CountingHandler",
                "formatter": settings.log_format,
            }
        },
        "loggers": {name: {"level": quiet} for name in LOUD_LIBRARIES},
        "root": {"level": level, "handlers": ["default"]},
    }
