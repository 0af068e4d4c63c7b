"""The ACLs of ``walmart-stream acl`` on Apache Kafka: enough for each role, and not more."""

from __future__ import annotations

import asyncio
import itertools
import json
import random
import re
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import NewTopic
from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    TopicAuthorizationFailedError,
)
from aiokafka.protocol.admin import DeleteAclsRequest
from click.testing import CliRunner

from tests.hang import DEADLINE
from tests.pipeline.observations import priced
from tests.pipeline.pipeline import RAW, RESULTS, Pipeline, Record
from tests.pipeline.worker import Worker, until
from tests.real.secure_kafka import ADMIN, SecureKafka, environment
from walmart_stream import topics
from walmart_stream.audit.verify import verify
from walmart_stream.cli import cli
from walmart_stream.commands import acl as command
from walmart_stream.commands.doctor import Verdict, doctor
from walmart_stream.kafka.acls import Acl, Operation, Resource, Role, role_acls
from walmart_stream.kafka.clients import admin_client, client_options, describe_topics
from walmart_stream.kafka.permissions import missing_permissions
from walmart_stream.kafka.topic_admin import create_topics
from walmart_stream.kafka.watchlist import listing
from walmart_stream.local.mongod import EmbeddedMongod
from walmart_stream.settings import Settings, load_settings

ITEMS = 30
ROUNDS = 10
OTHER = "somebody-elses"
ADVICE = "walmart-stream acl --role worker prints or creates the ACLs"

# Each test has users of its own, because ACLs stay.
_numbers = itertools.count(1)


class Stage:
    """Topics, a database and users that have what a test gives them."""

    def __init__(self, kafka: SecureKafka, mongod: EmbeddedMongod, database: str, folder: Path):
        self.kafka = kafka
        self.folder = folder
        self._workers: list[Worker] = []
        self._servers = {
            "KAFKA_PARTITIONS": "4",
            "MONGODB_URI": mongod.uri,
            "MONGODB_DATABASE": database,
            "APP_ID": "prices",
        }
        self.admin = self.pipeline(environment(kafka.login(ADMIN)))

    def pipeline(self, login: dict[str, str], **further: str) -> Pipeline:
        """A pipeline of who has *login*; MongoDB and names are everybody's."""
        made = Pipeline(login | self._servers | further, self.folder)
        # One list for all: who looks at what the workers do is not who they are.
        made.workers = self._workers
        return made

    def stranger(self) -> dict[str, str]:
        """The environment of a user nobody has heard of: of a certificate's own name."""
        files = self.kafka.authority.issue(f"user-{next(_numbers)}")
        return environment(self.kafka.certificate(files))

    async def allow(self, login: dict[str, str], acls: Sequence[Acl]) -> None:
        """Give the user of *login* these ACLs, and wait until the broker knows of them."""
        await command.apply(self.admin.settings, principal(login), acls)
        settings = self.settings(login)

        async def look() -> bool:
            return not await missing_permissions(settings, acls)

        await until("the ACLs are in force", look)

    async def forbid(self, login: dict[str, str], acl: Acl) -> None:
        """Take one ACL away, which is in force before long."""
        async with admin_client(self.admin.settings) as admin:
            await admin._send_request(
                DeleteAclsRequest(
                    acl.resource, acl.name, 3, principal(login), "*", acl.operation, 3
                )
            )
        settings = self.settings(login)

        async def look() -> bool:
            return bool(await missing_permissions(settings, [acl]))

        await until("the ACL is gone", look)

    def settings(self, login: dict[str, str], **further: str) -> Settings:
        return load_settings(login | self._servers | further, env_file=self.folder / "no.env")


def principal(login: dict[str, str]) -> str:
    """The principal that a broker sees in the user of *login*."""
    if "KAFKA_USERNAME" in login:
        return f"User:{login['KAFKA_USERNAME']}"
    return "User:" + Path(login["KAFKA_CERT_FILE"]).name.rpartition("-")[0]


@pytest.fixture
async def stage(
    secure_kafka: SecureKafka, mongod: EmbeddedMongod, mongodb_database: str, tmp_path: Path
) -> AsyncIterator[Stage]:
    """The node is shared, and topic names are fixed: they are deleted afterwards."""
    stage = Stage(secure_kafka, mongod, mongodb_database, tmp_path)
    yield stage
    await stage.admin.stop()
    async with admin_client(stage.admin.settings) as admin:
        names = [name for name in await admin.list_topics() if not name.startswith("__")]
        await admin.delete_topics(names)
        async with asyncio.timeout(DEADLINE):
            while await describe_topics(admin, names):  # noqa: ASYNC110 - nothing sets an Event
                await asyncio.sleep(0.05)


def observations(first: int = 0) -> list[Record]:
    """Prices that go up and down, from round *first* on."""
    rng = random.Random(first)
    return [
        priced(str(9000 + item), at=1000 * number, dollars=rng.randrange(10, 40))
        for number in range(first, first + ROUNDS)
        for item in range(ITEMS)
    ]


@pytest.mark.slow(80)
@pytest.mark.parametrize("how", ["password", pytest.param("certificate", marks=pytest.mark.long)])
async def test_the_printed_acls_are_enough_for_the_whole_pipeline(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """As printed and made by the command itself; topics are made beforehand by the release role,
    and what the workers stored is looked at by the reader role."""
    logins = {
        role: environment(stage.kafka.login(role)) if how == "password" else stage.stranger()
        for role in (Role.WORKER, Role.RELEASE, Role.READER)
    }
    for name, value in stage.admin.environment.items():
        monkeypatch.setenv(name, value)
    for role, login in logins.items():
        arguments = [
            "acl",
            "--principal",
            principal(login),
            "--role",
            role.value,
            "--format",
            "json",
        ]
        made = await asyncio.to_thread(CliRunner().invoke, cli, [*arguments, "--apply"])
        assert made.exit_code == 0, made.output
        printed = json.loads(made.stdout)
        assert len(printed) == len(role_acls(stage.admin.settings, role))
        assert {one["principal"] for one in printed} == {principal(login)}
        await stage.allow(login, role_acls(stage.admin.settings, role))
    await create_topics(stage.settings(logins[Role.RELEASE]))
    pipeline = stage.pipeline(logins[Role.WORKER], KAFKA_CREATE_TOPICS="false")

    workers = [pipeline.start(name) for name in ("first", "second")]
    for worker in workers:
        await worker.until_ready()
    sent = await pipeline.produce(RAW, observations())

    report = await stage.admin.verified()
    assert report.is_clean, report
    assert report.applied == len(sent)
    seen = await verify(stage.settings(logins[Role.READER]))
    assert seen.is_clean
    assert seen.applied == len(sent)
    assert await listing(stage.settings(logins[Role.READER])) == {}


@pytest.mark.slow
@pytest.mark.long
async def test_the_settings_of_confluent_cloud_are_enough(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PLAIN over TLS with an authority that the system trusts, ACLs, topics made beforehand."""
    monkeypatch.setenv("SSL_CERT_FILE", str(stage.kafka.authority.ca))
    login = environment(
        stage.kafka.login(Role.WORKER, kafka_sasl_mechanism="PLAIN", kafka_ca_file=None)
    )
    assert "KAFKA_CA_FILE" not in login
    await stage.allow(login, role_acls(stage.admin.settings, Role.WORKER))
    await stage.admin.create_topics()

    worker = stage.pipeline(login, KAFKA_CREATE_TOPICS="false").start("plain")
    await worker.until_ready()
    sent = await stage.pipeline(login).produce(RAW, observations())

    report = await stage.admin.verified()
    assert report.is_clean, report
    assert report.applied == len(sent)
    assert "Authenticated as worker via PLAIN" in worker.log


async def test_each_missing_acl_is_named(stage: Stage) -> None:
    """By the check with which a worker begins; of the others nothing is said."""
    await stage.admin.create_topics()
    needed = role_acls(stage.admin.settings, Role.WORKER)
    login = stage.stranger()
    await stage.allow(login, needed)

    for acl in needed:
        await stage.forbid(login, acl)
        missing = await missing_permissions(stage.settings(login), needed)
        await stage.allow(login, [acl])

        # Of what may not even be seen, nothing is told.
        assert acl in missing
        assert {other.name for other in missing} == {acl.name}


async def test_doctor_has_a_line_for_each_missing_permission(stage: Stage) -> None:
    """And says what to do about it; TLS and login are told with the broker."""
    await stage.admin.create_topics()
    needed = role_acls(stage.admin.settings, Role.WORKER)
    login = stage.stranger()
    missing = [
        Acl(Resource.TOPIC, RESULTS, Operation.WRITE),
        Acl(Resource.GROUP, "prices", Operation.READ),
    ]

    await stage.allow(login, [acl for acl in needed if acl not in missing])
    before = [one async for one in doctor(stage.settings(login))]
    await stage.allow(login, missing)
    after = [one async for one in doctor(stage.settings(login))]

    faults = [one.words for one in before if one.what == "permissions"]
    assert faults == [
        f"{acl}: missing; walmart-stream acl --role worker prints or creates it"
        for acl in needed
        if acl in missing
    ]
    found = {one.what: one for one in after}
    assert found["permissions"].verdict is Verdict.OK
    assert found["reading"].verdict is Verdict.OK
    assert found["broker"].words == "1 broker answers, SSL"


@pytest.mark.slow
async def test_a_worker_without_one_acl_does_not_start_and_names_it(stage: Stage) -> None:
    """For a topic, a changelog and the group; exit code 78, as starting again cannot help."""
    await stage.admin.create_topics()
    needed = role_acls(stage.admin.settings, Role.WORKER)
    for acl in (
        Acl(Resource.TOPIC, RESULTS, Operation.WRITE),
        Acl(Resource.TOPIC, RAW, Operation.READ),
        Acl(Resource.TOPIC, "prices-offers-changelog", Operation.READ),
        Acl(Resource.GROUP, "prices", Operation.READ),
    ):
        login = stage.stranger()
        await stage.allow(login, [other for other in needed if other != acl])

        worker = stage.pipeline(login).start(login["KAFKA_CERT_FILE"].rpartition("/")[2])

        assert await worker.ended() == 78, worker.log[-3000:]
        assert (
            f"this worker does not start: its Kafka user lacks permissions; {ADVICE}: {acl}"
            in " ".join(worker.log.split())
        )
        assert "Traceback" not in worker.log


TAKEN = [
    Acl(Resource.TOPIC, RESULTS, Operation.WRITE),
    Acl(Resource.TOPIC, "prices-offers-changelog", Operation.WRITE),
    Acl(Resource.TOPIC, RAW, Operation.READ),
    Acl(Resource.GROUP, "prices", Operation.READ),
]


@pytest.mark.slow(150)
@pytest.mark.long
@pytest.mark.xdist_group("taken-acls")
async def test_an_acl_taken_from_a_worker_at_work_loses_nothing(stage: Stage) -> None:
    """It ends and names what it may not use; with the ACL back, another one goes on. Without it
    none would start, which is the test before.

    One after the other, each taken from the worker that the one before has made room for.
    """
    await stage.admin.create_topics()
    login = stage.stranger()
    await stage.allow(login, role_acls(stage.admin.settings, Role.WORKER))
    pipeline = stage.pipeline(login)
    worker = pipeline.start("at-work-0")
    await worker.until_ready()

    for number, acl in enumerate(TAKEN):
        await stage.admin.produce(RAW, observations(2 * number * ROUNDS))
        await stage.forbid(login, acl)
        await stage.admin.produce(RAW, observations((2 * number + 1) * ROUNDS))
        code = await worker.ended()

        assert code == 70, acl
        assert re.search(rf"AuthorizationFailedError: {acl.name}\b", worker.log), worker.log[-3000:]

        await stage.allow(login, [acl])
        worker = pipeline.start(f"at-work-{number + 1}")
        await worker.until_ready()

    report = await stage.admin.verified()
    assert report.is_clean, report
    assert report.applied == len(TAKEN) * 2 * ROUNDS * ITEMS


async def test_everything_else_is_denied_to_a_worker(stage: Stage) -> None:
    """Another topic is neither read, written, seen nor made; another group is not joined, and
    nothing is deleted or given away."""
    await stage.admin.create_topics()
    async with admin_client(stage.admin.settings) as admin:
        await admin.create_topics([NewTopic(OTHER, 1, 1)])
    login = stage.stranger()
    await stage.allow(login, role_acls(stage.admin.settings, Role.WORKER))
    settings = stage.settings(login)

    with pytest.raises(TopicAuthorizationFailedError, match=OTHER):
        await read_one(settings, OTHER)
    with pytest.raises(TopicAuthorizationFailedError, match=OTHER):
        async with AIOKafkaProducer(**client_options(settings)) as producer:
            await producer.send_and_wait(OTHER, b"x", partition=0)
    with pytest.raises(GroupAuthorizationFailedError):
        await committed(settings, "another-group")
    with pytest.raises(ClusterAuthorizationFailedError):
        await command.apply(
            settings, principal(login), [Acl(Resource.TOPIC, OTHER, Operation.READ)]
        )
    async with admin_client(settings) as admin:
        seen = await describe_topics(admin, [OTHER, RAW])
        made = await admin.create_topics([NewTopic("own", 1, 1)])
        deleted = await admin.delete_topics([RAW])

    assert seen.keys() == {RAW}
    assert [code for _, code, _ in made.topic_errors] == [TopicAuthorizationFailedError.errno]
    assert [code for _, code in deleted.topic_error_codes] == [TopicAuthorizationFailedError.errno]


async def test_who_has_no_acl_sees_nothing(stage: Stage) -> None:
    """A right password alone opens nothing."""
    await stage.admin.create_topics()
    login = stage.kafka.login("nobody")
    settings = Settings.model_validate(login)

    async with admin_client(settings) as admin:
        assert await admin.list_topics() == []
    needed = role_acls(stage.admin.settings, Role.WORKER)
    assert await missing_permissions(settings, needed) == needed


@pytest.mark.parametrize(
    ("role", "acl"),
    [
        (Role.READER, Acl(Resource.TOPIC, RAW, Operation.WRITE)),
        (Role.READER, Acl(Resource.TOPIC, topics.WATCHLIST.name, Operation.WRITE)),
        (Role.POLLER, Acl(Resource.TOPIC, RAW, Operation.READ)),
        (Role.POLLER, Acl(Resource.TOPIC, RESULTS, Operation.WRITE)),
        (Role.RELEASE, Acl(Resource.TOPIC, RAW, Operation.READ)),
        (Role.RELEASE, Acl(Resource.GROUP, "prices", Operation.READ)),
    ],
    ids=str,
)
async def test_roles_do_not_have_each_others_permissions(
    stage: Stage, role: Role, acl: Acl
) -> None:
    """A reader changes nothing, a poller reads no prices, and who makes topics no records."""
    await stage.admin.create_topics()
    login = stage.stranger()

    await stage.allow(login, role_acls(stage.admin.settings, role))

    assert await missing_permissions(stage.settings(login), [acl]) == [acl]


async def read_one(settings: Settings, topic: str) -> None:
    options = client_options(settings)
    consumer: AIOKafkaConsumer[bytes, bytes] = AIOKafkaConsumer(topic, **options)
    async with asyncio.timeout(DEADLINE), consumer:
        await consumer.getone()


async def committed(settings: Settings, group: str) -> None:
    options = client_options(settings)
    consumer: AIOKafkaConsumer[bytes, bytes] = AIOKafkaConsumer(**options, group_id=group)
    async with consumer, asyncio.timeout(DEADLINE):
        tp = TopicPartition(RAW, 0)
        consumer.assign([tp])
        await consumer.committed(tp)
