"""Compares MongoDB with what the sandbox really served.

The sandbox keeps its own reading of every answer, made from its model and not from the JSON that
it sent. Joined by request id with the raw topic, which says what was observed when, that gives
the changes that must be stored; nothing of the streaming code takes part.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import orjson

from walmart_stream.domain.time import parse_iso, to_ms
from walmart_stream.storage.documents import PRICE_CHANGES

# Enough to see what kind of fault it is.
MAX_EXAMPLES = 10
TRUTH_PAGE = 10_000

Seen = tuple[int | None, int | None, bool, str | None]


@dataclass(slots=True)
class Verdict:
    """The figures of a run. ``unrecorded`` answers were served but are not in the raw topic."""

    served: int = 0
    unrecorded: int = 0
    observations: int = 0
    changes_served: int = 0
    stored: int = 0
    lost: int = 0
    duplicated: int = 0
    wrong: int = 0
    examples: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        return self.lost == self.duplicated == self.wrong == 0

    def note(self, text: str) -> None:
        if len(self.examples) < MAX_EXAMPLES:
            self.examples.append(text)


async def served_answers(control_url: str) -> AsyncIterator[dict[str, Any]]:
    """The sandbox's ground truth of item lookups, in the order of serving."""
    async with aiohttp.ClientSession() as session:
        after = 0
        while True:
            query = {"after": str(after), "limit": str(TRUTH_PAGE)}
            async with session.get(f"{control_url}/truth", params=query) as response:
                response.raise_for_status()
                lines = (await response.read()).splitlines()
            for line in lines:
                record = orjson.loads(line)
                after = record["seq"]
                if record["endpoint"] == "items":
                    yield record
            if len(lines) < TRUTH_PAGE:
                return


def expected_changes(
    truth: Iterable[Mapping[str, Any]], raw: Iterable[bytes], verdict: Verdict
) -> dict[str, Seen]:
    """``_id`` of price_changes -> (price, shipping, available, seller) that must be stored.

    *raw* are the values of the raw topic, in log order within each item. Observations that the
    sandbox did not serve, or whose payload is not what it served, are noted as wrong.
    """
    served = {(record["correlation_id"], record["item_id"]): record for record in truth}
    verdict.served = len(served)
    observed: set[tuple[str, str]] = set()
    last: dict[tuple[str, str], tuple[int, Seen | None]] = {}
    expected: dict[str, Seen] = {}
    for value in raw:
        verdict.observations += 1
        observation = orjson.loads(value)
        item_id = observation["item_id"]
        answer = (observation["request_id"], item_id)
        record = served.get(answer)
        if record is None or record["payload"] != observation["payload"]:
            verdict.wrong += 1
            verdict.note(f"observation {answer} is not what was served")
            continue
        observed.add(answer)
        at = parse_iso(observation["observed_at"])
        for offer, reading in record["offers"].items():
            known = last.get((item_id, offer))
            if known is not None and at <= known[0]:
                continue
            # An offer that was never named does not exist yet; only the featured one always does.
            exists = offer == "featured" or reading is not None or (known and known[1] is not None)
            seen = _seen(reading) if exists else None
            if seen is not None and (known is None or known[1] != seen):
                expected[f"{item_id}:{offer}:{at}"] = seen
            last[item_id, offer] = at, seen
    verdict.unrecorded = len(served) - len(observed)
    verdict.changes_served = len(expected)
    return expected


async def compare(
    expected: Mapping[str, Seen],
    database: Any,
    verdict: Verdict,
    query: Mapping[str, Any] | None = None,
) -> None:
    """Hold the stored price changes (those that match *query*) against *expected*."""
    missing = set(expected)
    previous: dict[tuple[str, str], Seen] = {}
    order = [("item_id", 1), ("offer", 1), ("observed_at", 1)]
    async for document in database[PRICE_CHANGES].find(query).sort(order).allow_disk_use(True):
        verdict.stored += 1
        seen: Seen = (
            document["price_cents"],
            document["shipping_cents"],
            document["available"],
            document["seller"],
        )
        offer = (document["item_id"], document["offer"])
        identity = f"{offer[0]}:{offer[1]}:{to_ms(document['observed_at'])}"
        if identity != document["_id"]:
            verdict.wrong += 1
            verdict.note(f"{document['_id']} is stored under another id than its content's")
        elif identity not in expected:
            if previous.get(offer) == seen:
                verdict.duplicated += 1
                verdict.note(f"{identity} repeats the state before it")
            else:
                verdict.wrong += 1
                verdict.note(f"{identity} was never served")
        elif expected[identity] != seen:
            verdict.wrong += 1
            verdict.note(f"{identity} is {seen}, served was {expected[identity]}")
        missing.discard(identity)
        previous[offer] = seen
    verdict.lost += len(missing)
    for identity in sorted(missing)[:MAX_EXAMPLES]:
        verdict.note(f"{identity} is not stored")


def _seen(reading: Mapping[str, Any] | None) -> Seen:
    if reading is None:
        return None, None, False, None
    return (
        reading["price_cents"],
        reading["shipping_cents"],
        reading["available"],
        reading["seller"],
    )
