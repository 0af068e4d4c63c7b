"""Quix Streams with its own tumbling windows: they stand in for this program's window rows.

As :mod:`tests.bench.subjects.quix_state` otherwise. Quix counts and takes open, high, low and close
of the featured offer; a branch of the dataframe has to read the observation once more for that.
"""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

from quixstreams import State, message_context
from quixstreams.dataframe.windows import Count, First, Last, Max, Min

from tests.bench.given import given
from tests.bench.job import RULES, entry, step, tune_garbage_collection
from tests.bench.subjects.quix_state import STATE, make_application, topics
from walmart_stream.domain.offers import FEATURED
from walmart_stream.domain.reading import decode

WINDOW = timedelta(milliseconds=RULES.window_ms)
PRICE = "landed"


def read(value: bytes, key: bytes, timestamp: int, headers: Any) -> dict[str, int] | None:
    """The input of a window: the time, and the featured offer's landed price."""
    observed = decode(key, value)
    featured = observed.offers[FEATURED]
    landed = None if featured is None else featured.landed_cents
    return None if landed is None else {"at": observed.observed_at, PRICE: landed}


def main() -> None:
    """Run until killed."""
    told = given()
    app = make_application(told)
    source, target = topics(app)
    done = 0

    def process(
        value: bytes, key: bytes, timestamp: int, headers: Any, state: State
    ) -> list[bytes]:
        context = message_context()
        seen = entry(context.partition, context.offset, key, value)
        new, results, _ = step(state.get_bytes(STATE), seen, lambda _: None)
        state.set_bytes(STATE, new)
        return results

    def count(value: bytes) -> None:
        nonlocal done
        done += 1
        if done == told.total:
            # Nobody has to wait for the last checkpoint.
            app.stop()

    observations = app.dataframe(source)
    observations.apply(process, stateful=True, metadata=True, expand=True).to_topic(target)
    (
        observations.apply(read, metadata=True)
        .filter(lambda seen: seen is not None)
        .set_timestamp(lambda seen, key, timestamp, headers: seen["at"])
        .tumbling_window(WINDOW)
        .agg(
            count=Count(),
            open=First(PRICE),
            high=Max(PRICE),
            low=Min(PRICE),
            close=Last(PRICE),
        )
        .final()
    )
    observations.update(count)
    tune_garbage_collection()
    app.run()
    time.sleep(told.session)


if __name__ == "__main__":
    main()
