"""The input of every subject: a sandbox Walmart's answers as the poller writes them.

Made from a seed, so that every run of every subject reads the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from random import Random
from typing import NamedTuple

from tests.bench.given import PARTITIONS
from walmart_stream.audit import partition_of
from walmart_stream.domain.reading import observation
from walmart_stream.domain.time import to_ms
from walmart_stream.sandbox.affiliate.item_json import ItemWriter
from walmart_stream.sandbox.market.catalogue import generate_catalogue
from walmart_stream.sandbox.market.market import Market

# In the future, so that no worker's clock closes a window while it is measured: what comes out
# then depends on what goes in, and on nothing else. But no further ahead than workers allow, who
# are told to allow AHEAD: a run's observations span some hours.
AHEAD = 86_400
BEGIN = to_ms(datetime.now(UTC).replace(minute=0, second=0, microsecond=0)) + 3_600_000

# Each item is observed every ten minutes on average (milliseconds): six times an hour's window.
INTERVAL = 600_000

# Of market time: half of the observations differ from the one before. At 5, few do.
SPEED = 200.0


class Raw(NamedTuple):
    """A record of the raw topic."""

    partition: int
    key: bytes
    value: bytes


def observations(items: int, speed: float = SPEED, seed: int = 1) -> Iterator[Raw]:
    """An endless log of observations of *items* items, whose market runs at *speed*."""
    rng = Random(f"bench:{seed}")
    products = generate_catalogue(items, seed).products
    market, writer = Market(products, seed), ItemWriter()
    step = max(1, INTERVAL // items)
    partition = cache(lambda key: partition_of(key, PARTITIONS))
    number = 0
    while True:
        product = rng.choice(products)
        at = number * step
        served = writer.write(product, market.listing(product.item_id, at / 1000 * speed))
        item_id = str(product.item_id)
        key = item_id.encode()
        yield Raw(
            partition(key),
            key,
            observation.encode(
                source=observation.AFFILIATE,
                item_id=item_id,
                observed_at=BEGIN + at,
                request_id=f"{number // 20:032x}",
                payload=b"".join(served.payload),
            ),
        )
        number += 1
