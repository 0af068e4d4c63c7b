"""Every shape of a record that a JSON parser reads, at the price of an object for each value."""

from __future__ import annotations

import orjson

from walmart_stream.domain.reading.amounts import Doubtful
from walmart_stream.domain.reading.envelope import interpret
from walmart_stream.domain.reading.json_text import check_values
from walmart_stream.domain.reading.observation import Observation

# Values in a record. Walmart's items have some hundred, its events fewer; what has more would cost
# memory, and time of every item beside it, for nothing that is read.
MOST_VALUES = 50_000


def read(key: bytes | None, value: bytes) -> Observation | None:
    """The observation in *value*, the record of *key*.

    ``None`` where a number must be read from its text, or the parser refuses something: that need
    not be a field that is used.

    Raises:
        BadInput: the record is not a valid observation; the class and message say why.
    """
    check_values(value, MOST_VALUES)
    try:
        return interpret(key, orjson.loads(value))
    except (orjson.JSONDecodeError, Doubtful):
        return None
