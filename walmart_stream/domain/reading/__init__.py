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

from collections.abc import Callable

from walmart_stream.domain.errors import EmptyValue
from walmart_stream.domain.reading import exact_path, general_path
from walmart_stream.domain.reading.fast_path import MOST_REMEMBERED, Reader
from walmart_stream.domain.reading.observation import Observation, encode

__all__ = ["Decode", "Observation", "decode", "decoder", "encode"]

Decode = Callable[[bytes | None, bytes | None], Observation]


def decoder(most: int = MOST_REMEMBERED) -> Decode:
    """A :func:`decode` that remembers *most* bytes of answers.

    The memory saves time where answers repeat, and changes no result.
    """
    read_fast = Reader(most).read

    def decode(key: bytes | None, value: bytes | None) -> Observation:
        """Read a record of the raw topic.

        Raises:
            BadInput: the record is not a valid observation; the class and message say why.
        """
        if not value:
            raise EmptyValue("the value is empty; it must be an observation")
        observation = read_fast(key, value)
        if observation is None:
            observation = general_path.read(key, value)
        if observation is None:
            observation = exact_path.read(key, value)
        return observation

    return decode


decode = decoder()
