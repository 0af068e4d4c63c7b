"""Alerts from observations to a receiver, through kills of workers and a receiver that fails."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence

import pytest

from tests.domain.alerts.plain_alerts import MINUTE, PlainRule, Said, episodes
from tests.domain.alerts.worked import rule_of
from tests.pipeline.conftest import MakePipeline
from tests.pipeline.observations import START, record
from tests.pipeline.pipeline import RAW, Pipeline, Record
from tests.pipeline.receiver import Receiver
from tests.pipeline.worker import until
from walmart_stream import topics
from walmart_stream.domain.alerts.rule_fields import read_rule
from walmart_stream.domain.watch import WatchEntry
from walmart_stream.kafka import watchlist
from walmart_stream.kafka.alert_rules import mute, put_rules
from walmart_stream.kafka.placement import partition_of

pytestmark = pytest.mark.integration

BEGIN = int(START.timestamp() * 1000)
RULES = (
    PlainRule("below", "landed_below", 2000),
    PlainRule("held", "landed_below", 2000, hold=5 * MINUTE, hysteresis=150),
    PlainRule("gone", "out_of_stock", cooldown=20 * MINUTE),
    PlainRule("moved", "moved", 200, hold=2 * MINUTE),
)
ITEMS = [str(100 + number) for number in range(12)]
PARTITIONS = 4


def made(rng: random.Random, count: int) -> list[Said]:
    """Observations in the order of the log, some of them late, with prices around the rules."""
    log = [
        Said(
            rng.choice(ITEMS),
            BEGIN + rng.randrange(240) * MINUTE // 2,
            rng.choice([1990, 1999, 2000, 2100, 2200, 100, None]),
            rng.choice([0, 0, 160]),
        )
        for _ in range(count)
    ]
    return sorted(log, key=lambda said: said.at + rng.randrange(MINUTE))


def as_record(said: Said) -> Record:
    payload = {"itemId": int(said.item), "standardShipRate": (said.shipping or 0) / 100}
    if said.price is not None:
        payload["salePrice"] = said.price / 100
    return record(said.item, said.at - BEGIN, payload)._replace(timestamp=said.at)


def implied(log: Sequence[Said]) -> set[str]:
    """The ids of the alerts that the log comes to, partition by partition."""
    found = set()
    # Episodes at the end of the log are confirmed by the clock, which has long passed them.
    end = Said("none", BEGIN + 10**9, 1)
    for item in ITEMS:
        partition = partition_of(item.encode(), PARTITIONS)
        near = [one for one in ITEMS if partition_of(one.encode(), PARTITIONS) == partition]
        part = [*(said for said in log if said.item in near), end]
        for rule in RULES:
            for name, _, start, *_ in episodes(rule, part, item):
                found.add(f"{name}:{item}:featured:{start}")
    return found


def rules_with_channel() -> list[object]:
    return [read_rule({**rule_of(rule).given, "channels": ["ops"]}) for rule in RULES]


async def until_delivered(pipeline: Pipeline, receiver: Receiver, want: set[str]) -> None:
    async def look() -> bool:
        return set(receiver.taken) >= want

    try:
        await until("every alert is delivered", look)
    except AssertionError:
        lost = sorted(want - set(receiver.taken))
        raise AssertionError(f"{len(lost)} of {len(want)} are lost: {lost[:5]}") from None


async def test_each_episode_is_delivered_once_through_kills_and_a_receiver_that_fails(
    make_pipeline: MakePipeline,
) -> None:
    """Every episode that the log implies reaches a receiver that drops known ids exactly once,
    and none that it does not imply, though workers are killed and the receiver answers 500."""
    rng = random.Random(20261129)
    log = made(rng, 1200)
    want = implied(log)
    async with Receiver() as receiver:
        pipeline = make_pipeline(
            ALERT_CHANNELS=f"ops={receiver.url}",
            ALERT_PRIVATE_ADDRESSES="true",
            ALERT_MESSAGES_PER_HOUR="10000",
        )
        await pipeline.create_topics()
        await put_rules(pipeline.settings, rules_with_channel())  # type: ignore[arg-type]
        worker = pipeline.start()
        await worker.until_ready()
        for number in range(4):
            is_last = number == 3
            receiver.status = 500 if is_last else 200
            await pipeline.produce(RAW, [as_record(one) for one in log[number * 300 :][:300]])
            if is_last:
                # Not before: a worker that waits at the end of a part has the clock confirm what
                # the next part denies.

                async def refused() -> bool:
                    return receiver.refused > 0

                await until("the receiver has refused", refused)
            await worker.kill()
            worker = pipeline.start()
        receiver.status = 200
        await until_delivered(pipeline, receiver, want)
        await pipeline.until_settled()

        assert set(receiver.taken) == want
        stored = await pipeline.documents("alerts")
        assert set(stored) == want
        assert all(one["source"]["topic"] == RAW for one in stored.values())
        ended = [one for one in stored.values() if one["state"] == "closed"]
        assert ended
        assert all(one["ended_by"]["topic"] == RAW for one in ended)


async def test_a_muted_rule_is_stored_and_a_changed_one_ends_its_alerts(
    make_pipeline: MakePipeline,
) -> None:
    """Nobody is told of a muted rule's alerts, and a changed rule's open alerts are closed."""
    async with Receiver() as receiver:
        pipeline = make_pipeline(
            ALERT_CHANNELS=f"ops={receiver.url}", ALERT_PRIVATE_ADDRESSES="true"
        )
        await pipeline.create_topics()
        fields = {"all": True, "when": "landed_below", "value": 20, "channels": ["ops"]}
        rules = [read_rule({"name": name, **fields}) for name in ("loud", "muted")]
        await put_rules(pipeline.settings, rules)
        await mute(pipeline.settings, "rule", "muted", int(time.time() * 1000) + 10**8)
        await pipeline.produce(RAW, [as_record(Said(item, BEGIN, 1000)) for item in ITEMS])
        worker = pipeline.start()
        await worker.until_ready()
        want = {f"loud:{item}:featured:{BEGIN}" for item in ITEMS}
        await until_delivered(pipeline, receiver, want)

        assert set(receiver.taken) == want
        assert len(await pipeline.documents("alerts")) == 2 * len(ITEMS)

        await put_rules(pipeline.settings, [read_rule({"name": "loud", **fields, "value": 5})])

        async def closed() -> bool:
            found = await pipeline.documents("alerts", rule="loud", state="closed")
            return len(found) == len(ITEMS)

        await until("the changed rule's alerts are closed", closed)
        stored = (await pipeline.documents("alerts", rule="loud")).values()
        assert {one["why"] for one in stored} == {"rule changed"}


async def test_a_rule_of_a_tag_follows_the_watchlist(make_pipeline: MakePipeline) -> None:
    """It covers the items that have the tag, and an alert ends when its item loses it."""
    tagged, other = ITEMS[:2]
    async with Receiver() as receiver:
        pipeline = make_pipeline(
            ALERT_CHANNELS=f"ops={receiver.url}", ALERT_PRIVATE_ADDRESSES="true"
        )
        await pipeline.create_topics()
        fields = {"when": "landed_below", "value": 20, "channels": ["ops"]}
        await put_rules(
            pipeline.settings, [read_rule({"name": "toys", "tags": ["toys"], **fields})]
        )
        entries = [WatchEntry(item_id=tagged, tags=("toys",)), WatchEntry(item_id=other)]
        await watchlist.add(pipeline.settings, entries)
        worker = pipeline.start()
        await worker.until_ready()
        await pipeline.until_processed(topics.WATCHLIST.name)
        await pipeline.produce(RAW, [as_record(Said(one, BEGIN, 1000)) for one in (other, tagged)])
        want = {f"toys:{tagged}:featured:{BEGIN}"}
        await until_delivered(pipeline, receiver, want)

        await watchlist.add(pipeline.settings, [WatchEntry(item_id=tagged)])
        await pipeline.until_processed(topics.WATCHLIST.name)
        await pipeline.produce(RAW, [as_record(Said(tagged, BEGIN + MINUTE, 900))])

        async def closed() -> bool:
            return bool(await pipeline.documents("alerts", state="closed"))

        await until("the alert of the item that lost the tag is closed", closed)
        assert set(await pipeline.documents("alerts")) == set(receiver.taken) == want
