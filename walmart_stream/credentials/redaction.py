"""Secrets never leave this process by what it says: log, standard error, core files.

The places that could show one take care of it themselves. This is for what nobody thought of:
libraries, tracebacks, errors of servers that repeat what they were sent.
"""

from __future__ import annotations

import json
import logging
import sys
from base64 import b64encode
from collections.abc import Iterable, Iterator
from typing import Any, TextIO
from urllib.parse import quote, quote_plus

MASK = "[secret]"

# What is shorter also stands in innocent text, of which nothing would be left.
SHORTEST = 6

_FORMATTER = logging.Formatter()

# As process-wide as the log and standard error that they stand before.
_in_force: list[Redactor] = []


class Redactor:
    """Replaces secrets in text: as they are, and in the encodings in which they travel.

    These are percent-encoding, JSON, Python's ``repr`` and base64, also within something longer
    (``user:password``). Of a PEM each line is a secret.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        self._forms: list[str] = []
        self.add(secrets)

    def add(self, secrets: Iterable[str]) -> None:
        """Replace these, too."""
        parts = {part for secret in secrets for part in _parts(secret)}
        forms = {form for part in parts for form in _forms(part)}.union(self._forms)
        # The longest first: it may contain others. At once, as other threads may be reading.
        self._forms = sorted((f for f in forms if len(f) >= SHORTEST), key=len, reverse=True)

    def redact(self, text: str) -> str:
        """*text* with :data:`MASK` for each secret; the same object if there is none."""
        for form in self._forms:
            if form in text:
                text = text.replace(form, MASK)
        return text


def _parts(secret: str) -> Iterator[str]:
    yield secret.strip()
    # One-line environments carry the line ends of a PEM as backslash and n.
    for line in secret.replace("\\n", "\n").splitlines():
        if not line.startswith("-----"):
            yield line.strip()


def _forms(part: str) -> Iterator[str]:
    yield part
    for encoded in (quote(part), quote(part, safe=""), quote_plus(part)):
        yield encoded
        yield _lower_percent(encoded)
    yield json.dumps(part)[1:-1]
    yield json.dumps(part, ensure_ascii=False)[1:-1]
    yield repr(part)[1:-1]
    yield repr(part.encode())[2:-1]
    for before in range(3):
        for alternative in (None, b"-_"):
            yield _within_base64(part.encode(), before, alternative)


def _lower_percent(text: str) -> str:
    head, *rest = text.split("%")
    return "%".join([head, *(piece[:2].lower() + piece[2:] for piece in rest)])


def _within_base64(secret: bytes, before: int, alternative: bytes | None) -> str:
    """The characters that any base64 has of *secret* with *before* (modulo 3) bytes before it."""
    padded = b"\0" * before + secret
    # A character is 6 bits; those that also stand for neighbours are left out.
    first, last = -(-before * 8 // 6), len(padded) * 8 // 6
    return b64encode(padded, alternative).decode()[first:last]


class RedactingStream:
    """A text stream that passes nothing on before it has been redacted."""

    def __init__(self, stream: TextIO, redactor: Redactor) -> None:
        self.stream = stream
        self._redactor = redactor

    def write(self, text: str) -> int:
        self.stream.write(self._redactor.redact(text))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


def redacting_record_factory(redactor: Redactor) -> Any:
    """For :func:`logging.setLogRecordFactory`: a record is clean before any handler sees it."""

    def make(*args: Any, **kwargs: Any) -> logging.LogRecord:
        record = logging.LogRecord(*args, **kwargs)
        try:
            message = record.getMessage()
        except Exception:
            # Arguments that do not fit: logging reports it on standard error.
            return record
        clean = redactor.redact(message)
        if clean is not message:
            record.msg, record.args = clean, None
        if record.exc_info and record.exc_info[0] is not None:
            trace = _FORMATTER.formatException(record.exc_info)
            clean = redactor.redact(trace)
            if clean is not trace:
                # Formatters print the text where they are given no exception to format.
                record.exc_text, record.exc_info = clean, None
        return record

    return make


def protect(secrets: Iterable[str], *, stdout: bool = False) -> None:
    """From now on none of *secrets* is in a log record or on standard error, nor a core file
    left by this process.

    *stdout*: nor on standard output, where commands print data, which must not be altered.
    """
    redactor = Redactor(secrets)
    _in_force.append(redactor)
    logging.setLogRecordFactory(redacting_record_factory(redactor))
    # Uncaught exceptions of any kind (main thread, threads, destructors), warnings and handlers
    # that are made later all ask for these.
    sys.stderr = _redacting(sys.stderr, redactor)
    if stdout:
        sys.stdout = _redacting(sys.stdout, redactor)
    _leave_no_core()


def learn(secret: str) -> None:
    """*secret* has come up while the process runs: wherever :func:`protect` is in force, it is
    replaced from now on."""
    for redactor in _in_force:
        redactor.add([secret])


def _redacting(stream: Any, redactor: Redactor) -> Any:
    inner = stream.stream if isinstance(stream, RedactingStream) else stream
    return None if inner is None else RedactingStream(inner, redactor)


def _leave_no_core() -> None:
    try:
        import resource
    except ImportError:  # Windows
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
