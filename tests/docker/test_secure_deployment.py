"""The secure deployment at work: three nodes, MongoDB, jobs and workers, as compose runs them."""

from __future__ import annotations

import asyncio
import socket
import ssl
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import NewTopic
from aiokafka.errors import KafkaConnectionError, TopicAuthorizationFailedError
from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

from tests.docker.deployment import NODES, WORKERS, Deployment
from tests.hang import DEADLINE
from tests.pipeline.observations import priced
from tests.pipeline.pipeline import RAW
from tests.pipeline.worker import until
from walmart_stream.kafka.acls import Role, role_acls
from walmart_stream.kafka.clients import admin_client, client_options, describe_topics
from walmart_stream.kafka.permissions import missing_permissions
from walmart_stream.kafka.topic_configs import required_topics
from walmart_stream.settings import Settings

pytestmark = [pytest.mark.slow, pytest.mark.long, pytest.mark.real_kafka]

ITEMS = 40
STOP_GRACE = 60.0
SECRET = "s3cr3t-of-somebody"
Server = MongoClient[dict[str, Any]]


@pytest.fixture(scope="module")
def deployment(
    kafka_class_path: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Deployment]:
    """The deployment without its workers; ``said`` is what its jobs printed."""
    deployment = Deployment(tmp_path_factory.mktemp("secure"), kafka_class_path)
    try:
        asyncio.run(deployment.up())
        yield deployment
    finally:
        asyncio.run(deployment.down())


def database(deployment: Deployment, name: str, **changes: str) -> Server:
    """A client of the database with the connection string of a service, or a changed one."""
    uri = deployment.settings(name).mongodb_uri.get_secret_value()
    for old, new in changes.items():
        uri = uri.replace(old, new)
    return MongoClient(uri, serverSelectionTimeoutMS=1_000)


async def status(deployment: Deployment, name: str, path: str, token: str = "") -> int:
    """The status of a worker's web view; 0 where nobody answers."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    address = deployment.address(name, {"worker-1": 6066, "worker-2": 6067}[name])
    async with aiohttp.ClientSession() as session:
        try:
            async with session.get(f"http://{address}{path}", headers=headers) as response:
                return response.status
        except aiohttp.ClientError:
            return 0


async def produce(settings: Settings, rounds: range) -> None:
    """One observation of each item a round."""
    async with AIOKafkaProducer(**client_options(settings), acks="all") as producer:
        for at in rounds:
            for item in range(ITEMS):
                record = priced(str(9000 + item), at=1000 * at, dollars=10 + at)
                await producer.send_and_wait(RAW, record.value, key=record.key)


def password_of(settings: Settings) -> str:
    """Itself: a client that is given the setting reads the file again."""
    assert settings.kafka_password is not None
    return settings.kafka_password.get_secret_value()


async def refused(settings: Settings, **changes: Any) -> str:
    """The error of a client that must not get in."""
    login = Settings.model_validate(settings.model_dump() | changes)
    with pytest.raises(KafkaConnectionError) as caught:
        async with admin_client(login) as admin:
            await admin.describe_cluster()
    return str(caught.value)


async def test_two_workers_work_and_a_lost_node_is_no_outage(deployment: Deployment) -> None:
    """With the environment of the compose file; the reader finds every result right."""
    workers = [await deployment.launch(name) for name in WORKERS]
    token = (deployment.deploy / "secrets" / "web-token").read_text(encoding="ascii")
    settings = deployment.settings("worker-1")

    async def ready() -> bool:
        ended = [worker for worker in workers if worker.returncode is not None]
        assert not ended, ended[0].last_words(30)
        return [await status(deployment, name, "/readyz") for name in WORKERS] == [200, 200]

    async def verified() -> bool:
        code, said = await deployment.run("reader")
        return code == 0 and f" {3 * ITEMS} applied," in said

    await until("both workers are ready", ready)
    code, said = await deployment.doctor("worker-2")
    assert code == 0, said
    await produce(settings, range(2))
    await deployment.processes[NODES[2]].stop(STOP_GRACE)
    await produce(settings, range(2, 3))
    await until("the reader finds everything right", verified)
    views = {
        given: [await status(deployment, name, "/api/stats", given) for name in WORKERS]
        for given in ("", SECRET, token)
    }
    await deployment.launch(NODES[2])
    *codes, _ = await asyncio.gather(
        *[worker.stop(STOP_GRACE) for worker in workers], deployment.until_healthy(NODES[2])
    )

    assert codes == [0, 0]
    assert views == {"": [401, 401], SECRET: [401, 401], token: [200, 200]}


async def test_topics_have_three_copies_and_need_two(deployment: Deployment) -> None:
    """As the release job made them; Kafka's own topics, too."""
    settings = deployment.settings("release")
    required = required_topics(settings)

    async with admin_client(settings) as admin:
        described = await describe_topics(admin, [topic.name for topic in required])

    assert described.keys() == {topic.name for topic in required}
    for topic in required:
        assert topic.configs["min.insync.replicas"] == "2"
        for partition in described[topic.name]["partitions"]:
            assert len(partition["replicas"]) == 3


async def test_nobody_gets_into_kafka_without_the_right_password_over_tls(
    deployment: Deployment,
) -> None:
    """At every node: no wrong password, no other authority, no plaintext, no mutual TLS without a
    certificate of a node."""
    worker = deployment.settings("worker-1")
    foreign = deployment.deploy / "secrets" / "mongo-ca.pem"

    for node in NODES:
        own = {"kafka_brokers": (deployment.address(node, 9092),)}
        assert "invalid credentials" in await refused(worker, **own, kafka_password=SECRET)
        assert "invalid credentials" in await refused(worker, **own, kafka_username="nobody")
        assert "verify failed" in await refused(worker, **own, kafka_ca_file=foreign)
        await refused(worker, **own, kafka_security_protocol="PLAINTEXT")
        await refused(worker, **own, kafka_security_protocol="SASL_PLAINTEXT")
        await refused(
            worker,
            kafka_brokers=(deployment.address(node, 9094),),
            kafka_security_protocol="SSL",
        )


async def test_each_user_of_kafka_has_its_role_and_no_more(deployment: Deployment) -> None:
    """The worker lacks nothing of its own, makes no topic, and sees none of somebody else's."""
    roles = {"worker-1": Role.WORKER, "release": Role.RELEASE, "reader": Role.READER}
    for name, role in roles.items():
        settings = deployment.settings(name)
        for other in Role:
            missing = await missing_permissions(settings, role_acls(settings, other))
            assert (missing == []) is (other is role or (other, role) in ENOUGH)
    worker = deployment.settings("worker-1")

    async with admin_client(worker) as admin:
        made = await admin.create_topics([NewTopic("own", 1, 3)])

    assert [code for _, code, _ in made.topic_errors] == [TopicAuthorizationFailedError.errno]


# Who may do what another role needs, besides its own.
ENOUGH = {(Role.POLLER, Role.WORKER), (Role.READER, Role.WORKER)}


async def test_nobody_gets_into_the_database_without_the_right_password_over_tls(
    deployment: Deployment,
) -> None:
    """Neither does anybody make a user on its loopback, now that there is one."""
    password = (deployment.deploy / "secrets" / "mongo-worker-uri").read_text().split(":")[2]
    password = password.partition("@")[0]
    no_login = {f"worker:{password}@": "", "authMechanism=SCRAM-SHA-256&": ""}
    wrong = [
        {password: SECRET},
        no_login,
        {"tls=true&": "", "tlsCAFile=": "appName="},
        {"mongo-ca.pem": "kafka-ca.pem"},
    ]

    for changes in wrong:
        with database(deployment, "worker-1", **changes) as client, pytest.raises(PyMongoError):
            client["walmart"]["offers"].find_one()
    with database(deployment, "worker-1", **no_login) as client, pytest.raises(PyMongoError):
        client.admin.command("createUser", "thief", pwd=SECRET, roles=["root"])


def test_the_database_speaks_nothing_older_than_tls_1_2(deployment: Deployment) -> None:
    """It is the server that refuses, as its log says."""
    host, _, port = deployment.address("mongo", 27017).rpartition(":")

    spoken = {}
    for version in (ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1_2):
        spoken[version] = speaks(host, int(port), version, deployment.deploy / "secrets")

    assert spoken == {ssl.TLSVersion.TLSv1_1: False, ssl.TLSVersion.TLSv1_2: True}
    assert "disabled protocol" in (deployment.folder / "mongo.log").read_text(encoding="utf-8")


def speaks(host: str, port: int, version: ssl.TLSVersion, secrets: Path) -> bool:
    context = ssl.create_default_context(cafile=secrets / "mongo-ca.pem")
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = version
    with socket.create_connection((host, port), timeout=DEADLINE) as plain:
        try:
            with context.wrap_socket(plain, server_hostname=host):
                return True
        except (ssl.SSLError, ConnectionError):
            return False


def test_no_user_of_the_database_can_destroy_what_is_stored(deployment: Deployment) -> None:
    """A worker writes and cannot delete, the reader cannot write, neither sees other databases."""
    with database(deployment, "worker-1") as worker, database(deployment, "reader") as reader:
        attempts: list[Callable[[], object]] = [
            lambda: worker["walmart"]["offers"].delete_many({}),
            lambda: worker["walmart"]["offers"].drop(),
            lambda: worker.drop_database("walmart"),
            lambda: worker["walmart"].command("createUser", "x", pwd="x", roles=[]),
            lambda: worker["other"]["offers"].insert_one({}),
            lambda: worker["other"]["offers"].find_one(),
            lambda: reader["walmart"]["offers"].insert_one({}),
            lambda: reader["walmart"]["offers"].delete_many({}),
            lambda: reader["admin"]["system.users"].find_one(),
        ]
        for attempt in attempts:
            with pytest.raises(OperationFailure, match=r"not authorized|requires authentication"):
                attempt()


async def test_new_passwords_shut_the_old_ones_out(deployment: Deployment) -> None:
    """After two rotations before the servers hear of it, too; the deployment goes on working."""
    before, admin = deployment.settings("worker-1"), deployment.settings("kafka-access")
    former = [password_of(before), password_of(admin)]
    stolen = database(deployment, "worker-1")

    await deployment.job("prepare", "--also-for", "127.0.0.1", "--rotate")
    await deployment.job("prepare", "--also-for", "127.0.0.1", "--rotate")
    for name in ("mongo-access", "kafka-access"):
        await deployment.job(name)

    after = deployment.settings("worker-1")
    for settings, password in zip((before, admin), former, strict=True):
        assert "invalid credentials" in await refused(settings, kafka_password=password)
    with stolen, pytest.raises(OperationFailure, match="Authentication failed"):
        stolen["walmart"]["offers"].find_one()
    async with admin_client(after) as client:
        assert len((await client.describe_cluster())["brokers"]) == len(NODES)
    with database(deployment, "worker-1") as renewed:
        renewed["walmart"]["offers"].find_one()
    assert before.web_token != after.web_token


def test_no_secret_is_seen_from_outside(deployment: Deployment) -> None:
    """Not in the arguments or the environment of any process, nor in any log; former ones, too."""
    running = [process for process in deployment.processes.values() if process.returncode is None]
    logs = list(deployment.folder.glob("*.log"))
    seen = {
        "arguments of Kafka's programs": deployment.arguments.read_bytes(),
        **{name: text.encode() for name, text in deployment.given.items()},
        **{
            f"{kind} of {process.pid}": Path(f"/proc/{process.pid}/{kind}").read_bytes()
            for process in running
            for kind in ("cmdline", "environ")
            if Path("/proc").is_dir()
        },
        **{log.name: log.read_bytes() for log in logs},
    }

    found = [
        (place, secret[:4])
        for place, text in seen.items()
        for secret in deployment.secrets
        if secret.encode() in text
    ]

    # 8 passwords, the token, 6 keys.
    assert len(deployment.secrets) >= 15
    assert len(running) == len(NODES) + 1
    assert found == []
