"""From the bytes of the raw topic to what they say about an item's offers: one door, ``decode``.

Behind it are three ways, tried in this order, and each judges what the one before it leaves:

``fast_path``     the usual shape of an affiliate answer, from the bytes to the offers at once
``general_path``  every source and shape, by way of a JSON parser's objects
``exact_path``    what a parser refuses or a double cannot hold, from the text of each value

They agree: whatever two of them read, they read alike. What fields mean is in ``envelope``,
``affiliate_offers`` and ``seller_observation``; what amounts of money mean is in ``amounts`` alone.
``sent`` and ``mending`` read what Walmart sends before it is recorded.
"""

from __future__ import annotations

from walmart_stream.domain.errors import EmptyValue
from walmart_stream.domain.reading import exact_path, general_path
from walmart_stream.domain.reading.fast_path import Reader
from walmart_stream.domain.reading.observation import Observation, encode

__all__ = ["Observation", "decode", "encode"]

# What it remembers saves time and changes no result.
_read_fast = Reader().read


def decode(key: bytes | None, value: bytes | None) -> Observation:
    """Read a record of the raw topic.

    Raises:
        BadInput: the record is not a valid observation; the class and message say why.
    """
    if not value:
        raise EmptyValue("the value is empty; it must be an observation")
    observation = _read_fast(key, value)
    if observation is None:
        observation = general_path.read(key, value)
    if observation is None:
        observation = exact_path.read(key, value)
    return observation
