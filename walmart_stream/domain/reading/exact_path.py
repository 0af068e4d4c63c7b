"""Records of valid JSON that other parsers change or refuse: numbers are read from their text.

A price on half a cent, which a double cannot tell from one beside it; and numbers beyond doubles,
half a surrogate pair or any depth, which parsers refuse also in fields that nobody uses.
"""

from __future__ import annotations

import orjson

from walmart_stream.domain.errors import MalformedJson
from walmart_stream.domain.reading.envelope import interpret
from walmart_stream.domain.reading.json_text import NotJson, read_exactly
from walmart_stream.domain.reading.observation import Observation


def read(key: bytes | None, value: bytes) -> Observation:
    """The observation in *value*, the record of *key*.

    Raises:
        BadInput: the record is not a valid observation; the class and message say why.
    """
    try:
        envelope = read_exactly(value)
    except (NotJson, UnicodeDecodeError) as exc:
        raise MalformedJson(f"not JSON: {_fault(value, exc)}") from None
    return interpret(key, envelope)


def _fault(value: bytes, known: Exception) -> str:
    """The usual parser's message, which names line, column and fault."""
    try:
        orjson.loads(value)
    except orjson.JSONDecodeError as exc:
        return str(exc)[:100]
    return str(known)[:100]
