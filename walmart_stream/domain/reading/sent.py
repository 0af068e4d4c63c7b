"""Objects as they were sent: their fields, and the bytes that these were read from."""

from __future__ import annotations

from typing import Any, NamedTuple

import orjson

from walmart_stream.domain.errors import MalformedJson, WrongShape
from walmart_stream.domain.reading.json_text import BOM, NotJson, check_values, read_exactly
from walmart_stream.domain.reading.mending import mend


class Sent(dict[str, Any]):
    """The fields of an object, and ``raw``, its text as it came.

    ``payload`` is the text as JSON: untouched where it is JSON, else mended.
    """

    __slots__ = ("payload", "raw")

    def __init__(self, fields: dict[str, Any], raw: bytes, payload: bytes) -> None:
        super().__init__(fields)
        self.raw = raw
        self.payload = payload

    @property
    def original(self) -> bytes | None:
        """The text untouched, where ``payload`` is not."""
        return None if self.payload == self.raw else self.raw


class Unreadable(NamedTuple):
    """An object of an answer whose text cannot be read, and why."""

    raw: bytes
    reason: str


def read_sent(raw: bytes) -> Sent:
    """The object whose text is *raw*, without blanks around it.

    Raises:
        NotJson: it cannot be read; quotes or brackets do not match, say.
    """
    payload = raw
    try:
        fields = orjson.loads(raw)
    except orjson.JSONDecodeError:
        payload = mend(raw)
        fields = read_exactly(payload)
    if not isinstance(fields, dict):
        raise NotJson(0)
    return Sent(fields, raw, payload)


def read_message(body: bytes, most_values: int) -> Sent:
    """The object that is all of *body*, which came by itself. A byte order mark is skipped.

    Raises:
        MalformedJson: it cannot be read, or holds more than *most_values* values.
        WrongShape: it is something else than an object.
    """
    body = body.removeprefix(BOM).strip(b" \t\n\r")
    check_values(body, most_values)
    try:
        return read_sent(body)
    except NotJson as exc:
        if body[:1] == b"{":
            raise MalformedJson(f"not JSON: {exc}") from None
    try:
        orjson.loads(body)
    except orjson.JSONDecodeError as exc:
        raise MalformedJson(f"not JSON: {str(exc)[:100]}") from None
    raise WrongShape("must be an object")
