"""Alerts under attack: what the raw topic implies, and what a receiver came to know.

The receiver drops ids that it knows, and refuses everything for a while. What is implied is told by
an oracle that shares no code with the engine; only the reading of observations is the domain's.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

from aiokafka import AIOKafkaProducer

from tests.domain.alerts.plain_alerts import MINUTE, PlainRule, Said, counted, implied, newest_by
from tests.domain.alerts.worked import rule_of
from tests.pipeline.receiver import Receiver
from tests.pipeline.worker import until
from walmart_stream import topics
from walmart_stream.domain.alerts.rule_fields import read_rule
from walmart_stream.domain.errors import BadInput
from walmart_stream.domain.offers import FEATURED
from walmart_stream.domain.reading import decode, encode
from walmart_stream.domain.reading.observation import AFFILIATE
from walmart_stream.domain.time import check_not_ahead
from walmart_stream.kafka.alert_rules import put_rules
from walmart_stream.kafka.clients import client_options
from walmart_stream.kafka.placement import partition_of
from walmart_stream.kafka.reading import read_topic
from walmart_stream.settings import Settings

# Prices of the traffic are from $5 to $100.
RULES = (
    PlainRule("below", "landed_below", 4000, hysteresis=500),
    PlainRule("held", "landed_below", 4000, hold=10_000),
    PlainRule("gone", "out_of_stock", cooldown=20_000),
    PlainRule("moved", "moved", 4000, hold=5_000),
)

# From the end of everything: the longest hold, and what an episode is confirmed later.
SETTLE = 60.0 + MINUTE / 1000 + 120.0


@dataclass
class AlertJudgement:
    """How many alerts there had to be; examples of those that were lost or made up."""

    implied: int = 0
    messages: int = 0
    refused: int = 0
    lost: list[str] = field(default_factory=list)
    made_up: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        return not (self.lost or self.made_up)


async def add_rules(settings: Settings) -> None:
    """Have every item watched by :data:`RULES`."""
    fields = [{**rule_of(rule).given, "channels": ["ops"]} for rule in RULES]
    await put_rules(settings, [read_rule(one) for one in fields])


async def refuse(receiver: Receiver, stop: asyncio.Event, after: float, seconds: float) -> None:
    """Have *receiver* answer 500 for *seconds*, *after* seconds from now or until *stop*."""
    for status, length in ((200, after), (500, seconds)):
        receiver.status = status
        try:
            async with asyncio.timeout(length):
                await stop.wait()
        except TimeoutError:
            continue
        break
    receiver.status = 200


async def judge_alerts(
    settings: Settings, receiver: Receiver, tell: Callable[[str], None]
) -> AlertJudgement:
    """Compare what *receiver* knows with what the raw topic implies, once it has had time."""
    want = await _implied(settings)
    tell(f"{len(want)} alerts are implied")

    async def delivered() -> bool:
        return set(receiver.taken) >= want

    passing = asyncio.create_task(_pass_time(settings))
    try:
        await until("every alert is delivered", delivered, SETTLE)
    except AssertionError:
        tell("some alerts are lost")
    finally:
        passing.cancel()
        await asyncio.gather(passing, return_exceptions=True)
    known = set(receiver.taken)
    return AlertJudgement(
        len(want),
        len(receiver.messages),
        receiver.refused,
        sorted(want - known)[:20],
        sorted(known - want)[:20],
    )


async def _pass_time(settings: Settings) -> None:
    """Go on observing one more item in each partition, which no rule has a reason to tell of.

    Nothing is watched any more, so a worker that has just started gets no answer from Walmart: for
    all it knows its clock is ten minutes ahead, and only the log confirms alerts in time.
    """
    items: dict[int, str] = {}
    for number in range(10_000):
        item_id = str(7_000_000_000 + number)
        items.setdefault(partition_of(item_id.encode(), settings.kafka_partitions), item_id)
    producer = AIOKafkaProducer(**client_options(settings), acks="all")
    await producer.start()
    try:
        while True:
            for partition, item_id in items.items():
                value = encode(
                    source=AFFILIATE,
                    item_id=item_id,
                    observed_at=time.time_ns() // 1_000_000,
                    request_id="time",
                    payload=b'{"itemId":%s,"salePrice":50}' % item_id.encode(),
                )
                await producer.send_and_wait(
                    topics.RAW.name, value, item_id.encode(), partition=partition
                )
            await asyncio.sleep(5)
    finally:
        await producer.stop()


async def _implied(settings: Settings) -> set[str]:
    logs: defaultdict[int, list[Said]] = defaultdict(list)
    async for record in read_topic(settings, topics.RAW.name):
        try:
            seen = decode(record.key, record.value)
            check_not_ahead(seen.observed_at, record.timestamp, settings.most_ahead_ms)
        except BadInput:
            continue
        if partition_of(record.key, settings.kafka_partitions) != record.partition:
            continue  # it was forwarded
        offer = seen.offers.get(FEATURED)
        item = seen.item_id if FEATURED in seen.offers else ""
        price, shipping = (None, None) if offer is None else offer[:2]
        logs[record.partition].append(Said(item, seen.observed_at, price, shipping))
    found = set()
    for log in logs.values():
        # The clock has passed the end of the log by now, or will have.
        log.append(Said("", max(said.at for said in log) + 10**9, None))
        newest = newest_by(log)
        positions: defaultdict[str, list[tuple[int, Said]]] = defaultdict(list)
        for position, said in enumerate(log):
            positions[said.item].append((position, said))
        for item, own in positions.items():
            if not item:
                continue
            looks = [
                (own[index][0], *rest) for index, *rest in counted([said for _, said in own], item)
            ]
            for rule in RULES:
                for name, _, start, *_ in implied(rule, looks, item, newest):  # type: ignore[arg-type]
                    found.add(f"{name}:{item}:featured:{start}")
    return found
