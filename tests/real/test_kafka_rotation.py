"""Certificates and passwords change under workers that go on: no restart, nothing lost."""

from __future__ import annotations

import asyncio
import itertools
import re
import secrets
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from aiokafka.errors import KafkaConnectionError

from tests.pipeline.observations import priced
from tests.pipeline.pipeline import RAW, Pipeline
from tests.pipeline.worker import DEADLINE, Worker, until
from tests.real.rotating_kafka import WORKER, RotatingKafka
from walmart_stream.kafka.clients import admin_client, describe_topics
from walmart_stream.local.mongod import EmbeddedMongod
from walmart_stream.settings import Settings

ITEMS = 20
ROUNDS = 5
LOGIN = f"Authenticated as {WORKER} via SCRAM-SHA-512"
# The least number of a worker's connections: to fetch, for its group, to produce.
CONNECTIONS = 3
WRONG = "wr0ng-" + secrets.token_urlsafe(12)

MakeStage = Callable[[Mapping[str, str]], "Stage"]


class Stage:
    """A worker at work on a node whose credentials change.

    *outside*: who produces and looks at what has become of it; *inside*: what workers are told.
    """

    def __init__(self, outside: Pipeline, inside: Pipeline) -> None:
        # One list for both: who waits for results looks at the workers, too.
        inside.workers = outside.workers
        self.pipeline, self._inside = outside, inside
        self.sent = 0
        self._rounds = itertools.count()

    async def begin(self, name: str = "worker", login: Mapping[str, str] | None = None) -> Worker:
        worker = self._inside.start(name, **(login or {}))
        await worker.until_ready()
        await self.flow()
        return worker

    async def flow(self) -> None:
        """Some rounds more, in each of which all prices change."""
        records = [
            priced(str(9000 + item), at=1000 * number, dollars=10 + number % 7)
            for number in itertools.islice(self._rounds, ROUNDS)
            for item in range(ITEMS)
        ]
        self.sent += len(await self.pipeline.produce(RAW, records))

    async def flow_until_connected_anew(self, worker: Worker) -> None:
        """Records flow until as many connections as it has have logged in again, and one more."""
        before = worker.log.count(LOGIN)

        async def look() -> bool:
            assert worker.is_alive, worker.log[-3000:]
            await self.flow()
            return worker.log.count(LOGIN) > before + CONNECTIONS

        await until("connections have been renewed", look, 2 * DEADLINE)

    async def verify(self) -> None:
        """All that was sent has gone its way, once."""
        report = await self.pipeline.verified()
        assert report.is_clean, report
        assert report.applied == self.sent


@pytest.fixture(scope="module")
def kafka(
    kafka_class_path: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RotatingKafka]:
    """The tests of this module go on from where the ones before left its credentials."""
    server = RotatingKafka(tmp_path_factory.mktemp("rotating-kafka"), kafka_class_path)
    asyncio.run(server.node.start())
    yield server
    asyncio.run(server.node.stop())


@pytest.fixture
async def make_stage(
    kafka: RotatingKafka, mongod: EmbeddedMongod, mongodb_database: str, tmp_path: Path
) -> AsyncIterator[MakeStage]:
    """Stages of workers with some login; topics are deleted afterwards."""
    stages = []

    def make(login: Mapping[str, str]) -> Stage:
        servers = {
            "KAFKA_PARTITIONS": "4",
            "MONGODB_URI": mongod.uri,
            "MONGODB_DATABASE": mongodb_database,
            "APP_ID": mongodb_database,
        }
        outside, inside = (
            Pipeline(kafka.by_admin | servers, tmp_path),
            Pipeline(dict(login) | servers, tmp_path),
        )
        stages.append(Stage(outside, inside))
        return stages[-1]

    yield make
    for stage in stages:
        await stage.pipeline.stop()
    async with admin_client(kafka.admin) as admin:
        names = [name for name in await admin.list_topics() if not name.startswith("__")]
        await admin.delete_topics(names)
        async with asyncio.timeout(60):
            while await describe_topics(admin, names):  # noqa: ASYNC110 - nothing sets an Event
                await asyncio.sleep(0.05)


@pytest.mark.slow(100)
@pytest.mark.long
async def test_workers_go_on_whatever_is_exchanged_unless_it_is_wrong(
    kafka: RotatingKafka, make_stage: MakeStage
) -> None:
    """Sessions that end, a new password, a new certificate of the node, then of a new authority,
    then none of the old authority any more, of clients neither, and a restart of the node: the
    same processes, one by password and one by certificate. A wrong password then ends the one that
    has it, with exit code 70 and the reason. Every record has gone its way once."""
    stage = make_stage(kafka.by_password)
    worker = await stage.begin()
    certified = await stage.begin("certified", kafka.by_certificate)

    former = kafka.passwords[WORKER]
    kafka.tell(await kafka.new_password())
    await kafka.certify(kafka.authority)
    await stage.flow_until_connected_anew(worker)

    kafka.trust(kafka.authority, kafka.successor)
    await kafka.certify(kafka.successor)
    await stage.flow_until_connected_anew(worker)

    kafka.trust(kafka.successor)
    kafka.show(kafka.successor.issue(WORKER))
    kafka.node_trusts(kafka.successor)
    await stage.flow()
    await kafka.node.restart()
    await stage.flow_until_connected_anew(worker)

    kafka.tell(WRONG)
    await stage.flow()
    code = await worker.ended()
    await stage.flow()

    await stage.verify()
    assert code == 70
    assert re.search(r"Kafka has refused its login for 6 s: .*invalid credentials", worker.log)
    assert certified.is_alive
    assert "certificate files have changed" in certified.log
    for password in (former, kafka.passwords[WORKER], WRONG):
        assert password not in worker.log
    old_login = kafka.login(WORKER, kafka_password=former, kafka_ca_file=kafka.both)
    assert "invalid credentials" in await refused(old_login)
    old_certificate = kafka.certificate(kafka.authority.issue(WORKER), kafka_ca_file=kafka.both)
    assert "may not accept this client's certificate" in await refused(old_certificate)


async def refused(login: Mapping[str, Any]) -> str:
    """The error of a client that must not get in."""
    with pytest.raises(KafkaConnectionError) as caught:
        async with admin_client(Settings.model_validate(login)) as admin:
            await admin.describe_cluster()
    return str(caught.value)
