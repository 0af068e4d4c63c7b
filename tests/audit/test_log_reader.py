"""The reading of a partition's log by the audit."""

from __future__ import annotations

import tracemalloc

from tests.chaos.prefilled import observe
from walmart_stream.audit.log_reader import MOST_REMEMBERED
from walmart_stream.domain.reading import decode, decoder

ITEMS = 20_000


def _kept(decode_one) -> int:
    """Bytes that are left when the answers about many items were read."""
    records = [observe(number, 1_795_370_400_000) for number in range(ITEMS)]
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for record in records:
            decode_one(*record)
        return tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()


def test_memory_does_not_grow_with_the_number_of_items() -> None:
    """A worker remembers 15 MB of 20,000 items; an audit goes on to other items anyway."""
    assert _kept(decoder(MOST_REMEMBERED)) < 1.2 * MOST_REMEMBERED


def test_what_is_remembered_changes_no_result() -> None:
    """With any memory, and with none."""
    least = decoder(0)
    for number in range(100):
        record = observe(number % 10, 1_795_370_400_000 + number)

        assert least(*record) == decode(*record)
