"""Input that cannot be processed stops its own partition, and nothing else, until a person acts."""

from __future__ import annotations

from collections import Counter
from typing import Any

from aiokafka import AIOKafkaProducer

from tests.pipeline.conftest import PARTITIONS, MakePipeline
from tests.pipeline.observations import priced
from tests.pipeline.pipeline import DEAD_LETTERS, RAW, RESULTS, WATCHLIST, Pipeline, Record
from tests.pipeline.worker import Worker, until
from walmart_stream.audit import partition_of
from walmart_stream.audit.report import Verdict
from walmart_stream.audit.verify import verify
from walmart_stream.domain.watch import WatchEntry, encode_entry
from walmart_stream.kafka.clients import client_options
from walmart_stream.kafka.partition_states import PartitionState, write_state
from walmart_stream.storage import mongo
from walmart_stream.storage.documents import ITEMS, PRICE_CHANGES

# A batch has up to 2000 records, so that the limit is exceeded with the first one, and the flood is
# longer than two.
LIMIT = 100
FLOOD = 5000
FLOODED = 1


def items(count: int) -> dict[int, list[str]]:
    """Item ids by the partition that they belong to, *count* of each."""
    found: dict[int, list[str]] = {partition: [] for partition in range(int(PARTITIONS))}
    number = 10_000
    while any(len(ids) < count for ids in found.values()):
        item_id = str(number)
        number += 1
        ids = found[partition_of(item_id.encode(), int(PARTITIONS))]
        if len(ids) < count:
            ids.append(item_id)
    return found


async def shown(*workers: Worker) -> list[dict[str, Any]]:
    """The parked partitions by the readiness of *workers*."""
    found: list[dict[str, Any]] = []
    for worker in workers:
        status, body = await worker.get("/readyz")
        if status == 200:
            found += body.get("parked", [])
    return found


async def until_shown(*workers: Worker) -> dict[str, Any]:
    """Wait until one of *workers*, all ready, shows a parked partition."""

    async def look() -> list[dict[str, Any]]:
        ended = [worker for worker in workers if not worker.is_alive]
        assert not ended, ended[0].log[-3000:]
        return await shown(*workers)

    [parked] = await until("a partition is shown as parked", look)
    return parked


async def letters(pipeline: Pipeline) -> Counter[int]:
    """Offsets of the flooded partition that are dead letters, with how often each is."""
    found = await pipeline.dead_letters("process")
    return Counter(int(reason["offset"]) for reason, _ in found if reason["partition"] == "1")


async def until_stored(pipeline: Pipeline, item_ids: list[str]) -> None:
    """Wait until each of *item_ids* has an offer in the database."""

    async def look() -> bool:
        offers = await pipeline.documents("offers", item_id={"$in": item_ids})
        return len(offers) == len(item_ids)

    await until(f"{len(item_ids)} items are stored", look)


async def test_a_flood_of_bad_input_parks_its_partition_until_a_person_says_how_to_go_on(
    make_pipeline: MakePipeline,
) -> None:
    """The others go on. Through kills, restarts and takeovers it stays where it is.

    And no record becomes a dead letter twice, though the workers are killed.
    """
    pipeline = make_pipeline(BAD_INPUT_LIMIT=str(LIMIT))
    await pipeline.create_topics()
    ours = items(5)
    good = [priced(item_id, 1, 20) for ids in ours.values() for item_id in ids]
    flood = [Record(b"%d" % number, b"rubbish", FLOODED) for number in range(FLOOD)]
    await pipeline.produce(RAW, [*flood, *good])
    first, second = pipeline.start("first"), pipeline.start("second")
    others = [item_id for partition, ids in ours.items() if partition != FLOODED for item_id in ids]

    # It parks, and the others go on.
    parked = await until_shown(first, second)
    await until_stored(pipeline, others)
    at = parked["offset"]
    assert (parked["topic"], parked["partition"]) == (RAW, FLOODED)
    assert LIMIT <= at < FLOOD
    assert await letters(pipeline) == Counter(range(at))
    [listed] = pipeline.command("partitions", "list")["parked"]
    assert (listed["offset"], listed["waiting"]) == (at, FLOOD + 5 - at)

    async def committed() -> bool:
        return (await pipeline.committed(RAW))[FLOODED] == at

    await until("what became dead letters is committed", committed)

    # Its owner dies, and both: it stays parked, and nothing is repeated.
    owner, other = (first, second) if await shown(first) else (second, first)
    await owner.kill()
    assert (await until_shown(other))["offset"] == at
    await other.kill()
    last = pipeline.start("first")
    assert (await until_shown(last))["offset"] == at
    more = {item_id: priced(item_id, 2, 25) for item_id in others}
    await pipeline.produce(RAW, list(more.values()))
    await pipeline.until_processed(RESULTS)
    assert await letters(pipeline) == Counter(range(at))

    # A person goes on without skipping: the rest is as bad, and it parks once more.
    pipeline.command("partitions", "resume", f"{RAW}:{FLOODED}")

    async def parked_again() -> int:
        found = await shown(last)
        return found[0]["offset"] if found and found[0]["offset"] != at else 0

    again = await until("it is parked once more", parked_again)
    assert again < FLOOD
    assert await letters(pipeline) == Counter(range(again))

    # Past the flood; what is good behind it is stored.
    pipeline.command("partitions", "resume", "--skip-bad-until", str(FLOOD))
    await until_stored(pipeline, ours[FLOODED])
    assert await letters(pipeline) == Counter(range(again))
    assert (await last.counted("walmart_passed_over_total"))["process"] == FLOOD - again
    await pipeline.until_settled()
    assert pipeline.command("partitions", "list") == {"parked": []}
    assert (await pipeline.verified()).is_clean


async def test_a_batch_that_cannot_be_unpacked_parks_its_partition(
    make_pipeline: MakePipeline,
) -> None:
    """It unpacks to more than a worker would survive; what is before and behind it is stored.

    The worker was killed by the system, or ended with 70, at every start.
    """
    pipeline = make_pipeline()
    await pipeline.create_topics()
    ours = items(2)
    await pipeline.produce(RAW, [priced(item_id, 1, 20) for item_id in ours[FLOODED][:1]])
    producer = AIOKafkaProducer(
        **client_options(pipeline.settings), compression_type="gzip", max_request_size=10**9
    )
    await producer.start()
    try:
        bomb = await producer.send_and_wait(RAW, b"x" * 70_000_000, b"1", partition=FLOODED)
    finally:
        await producer.stop()
    await pipeline.produce(
        RAW, [priced(item_id, 2, 20) for ids in ours.values() for item_id in ids]
    )
    worker = pipeline.start("first")

    parked = await until_shown(worker)
    assert (parked["topic"], parked["partition"], parked["offset"]) == (RAW, FLOODED, bomb.offset)
    assert f"--skip-bad-until {bomb.offset + 1}" in parked["reason"]
    others = [one for partition, ids in ours.items() if partition != FLOODED for one in ids]
    await until_stored(pipeline, [*others, ours[FLOODED][0]])
    await worker.kill()
    successor = pipeline.start("first")
    assert (await until_shown(successor))["offset"] == bomb.offset

    pipeline.command("partitions", "resume", "--skip-bad-until", str(bomb.offset + 1))

    await until_stored(pipeline, [one for ids in ours.values() for one in ids])
    await pipeline.until_settled()
    assert (await successor.counted("walmart_passed_over_total"))["unreadable"] == 1

    async def judge() -> bool:
        report = await verify(pipeline.settings)
        assert [*report.unreadable] == [f"{RAW}:{FLOODED}:{bomb.offset}"]
        # All else is right; what the batch held nobody knows.
        return (report.verdict, report.untold) == (Verdict.CANNOT_BE_TOLD, 1)

    # Windows that only the clock closes come up to a tick later than everything else.
    await until("all but the batch is told", judge)


async def test_an_audit_says_what_waits_in_a_parked_partition_of_results(
    make_pipeline: MakePipeline,
) -> None:
    """It cannot be told, and is no loss: it is stored as soon as the partition goes on."""
    pipeline = make_pipeline()
    await pipeline.create_topics()
    ours = items(2)
    every = [item_id for ids in ours.values() for item_id in ids]
    await pipeline.produce(RAW, [priced(item_id, 1, 20) for item_id in every])
    first = pipeline.start("first")
    await pipeline.until_settled()
    assert (await pipeline.verified()).is_clean
    await first.kill()
    at = (await pipeline.ends(RESULTS))[FLOODED]
    state = PartitionState(RESULTS, FLOODED, True, at, "as told", "2026-01-01T00:00:00.000Z")
    await write_state(pipeline.settings, state)
    await pipeline.produce(RAW, [priced(item_id, 2, 25) for item_id in every])
    worker = pipeline.start("first")
    await until_shown(worker)
    await pipeline.until_processed(RAW)

    async def others_are_stored() -> bool:
        report = await verify(pipeline.settings, patience=0)
        return report.lost + report.wrong == 0

    await until("the others are stored", others_are_stored)
    report = await verify(pipeline.settings)

    assert report.verdict is Verdict.CANNOT_BE_TOLD
    told = report.collections[PRICE_CHANGES]
    assert (told.lost, told.untold) == (0, {"their results wait in a parked partition": 2})
    pipeline.command("partitions", "resume")
    assert (await pipeline.verified()).is_clean


async def test_what_the_database_refuses_is_a_dead_letter(make_pipeline: MakePipeline) -> None:
    """A validator of somebody's: the document is set apart, all others are stored."""
    pipeline = make_pipeline()
    await pipeline.create_topics()
    client = mongo.connect(pipeline.settings)
    try:
        rule = {"price_cents": {"$ne": 1313}}
        await mongo.database(client, pipeline.settings).create_collection(
            PRICE_CHANGES, validator=rule
        )
    finally:
        client.close()
    refused = [priced(str(number), 1, 13.13) for number in range(100, 103)]
    await pipeline.produce(RAW, [*refused, *(priced(str(n), 1, 20) for n in range(200, 300))])

    worker = pipeline.start()
    await pipeline.until_settled()

    stored = await pipeline.documents("price_changes", offer="featured")
    found = await pipeline.dead_letters("sink")
    assert {document["item_id"] for document in stored.values()} == set(map(str, range(200, 300)))
    assert {record.key for _, record in found} == {b"100", b"101", b"102"}
    assert {reason["class"] for reason, _ in found} == {"Refused"}
    assert all("code 121" in reason["message"] for reason, _ in found)
    assert worker.is_alive
    assert len(await pipeline.read(DEAD_LETTERS)) == 3


async def test_what_the_database_refuses_of_the_watchlist_is_a_dead_letter(
    make_pipeline: MakePipeline,
) -> None:
    """A validator of somebody's: the item is polled, and the worker lives and notes all others."""
    pipeline = make_pipeline()
    await pipeline.create_topics()
    client = mongo.connect(pipeline.settings)
    try:
        await mongo.database(client, pipeline.settings).create_collection(
            ITEMS, validator={"item_id": {"$ne": "101"}}
        )
    finally:
        client.close()
    ids = [str(number) for number in range(100, 120)]
    entries = [Record(one.encode(), encode_entry(WatchEntry(item_id=one))) for one in ids]
    await pipeline.produce(WATCHLIST, entries)

    worker = pipeline.start()
    await pipeline.until_settled()

    assert (await pipeline.documents(ITEMS)).keys() == set(ids) - {"101"}
    [(reason, letter)] = await pipeline.dead_letters("watchlist")
    assert (letter.key, reason["class"]) == (b"101", "Refused")
    assert "code 121" in reason["message"]
    assert worker.is_alive
