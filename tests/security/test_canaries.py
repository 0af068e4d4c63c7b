"""A secret of each kind is planted, everything goes wrong, and none is seen anywhere."""

from __future__ import annotations

import asyncio
import base64
import json
import random
import secrets
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
import pytest

from tests.hang import DEADLINE
from tests.pipeline.observations import bad_records, priced
from tests.pipeline.pipeline import RAW, Pipeline, Record
from tests.pipeline.worker import FAUST, Worker, until
from tests.polling.polling import watch_items
from tests.real.certificates import Authority
from tests.real.secure_kafka import ADMIN, SecureKafka, environment
from tests.security import places
from tests.security.canaries import Canary, sightings
from tests.security.secure_mongod import DATABASE, SecureMongod, encrypt_key
from walmart_stream.local.broker import EmbeddedBroker
from walmart_stream.local.kafka import missing_tools
from walmart_stream.local.ports import LOOPBACK
from walmart_stream.sandbox import SandboxConfig, SellerConfig, generate_keypair, serve
from walmart_stream.settings import SECRETS
from walmart_stream.web.webhook_auth import basic

pytestmark = [pytest.mark.slow(130), pytest.mark.long]

PARTITIONS = 4
LOOK_INTERVAL = 0.3


class EchoingWalmart:
    """Whatever may stand in between (a proxy's page, say): it repeats what it was sent.

    It gives out *access_token* as the seller's. ``signatures``: those that it was sent, with any
    of which anybody could call Walmart for three minutes.
    """

    def __init__(self, access_token: str) -> None:
        self._access_token = access_token
        self.refused = 0
        self.signatures: set[str] = set()

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            head = await reader.readuntil(b"\r\n\r\n")
            if head.startswith(b"POST /v3/token") and self.refused > 3:
                status, body = "200 OK", json.dumps({"access_token": self._access_token})
            else:
                self.refused += 1
                status = ("400 Bad Request", "401 Unauthorized", "503 Busy")[self.refused % 3]
                # Each header comes to be at each place of the answer, also where that is cut.
                lines = head.decode("latin-1").strip().split("\r\n")
                line = lines[self.refused % len(lines)]
                text = "word " * (self.refused * 7 % 45) + line
                body = json.dumps({"errors": [{"code": line.split()[-1], "message": text}]})
                self.signatures |= {
                    line.split()[-1] for line in lines if line.startswith("WM_SEC.AUTH_SIGNATURE")
                }
            writer.write(
                f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nConnection: close\r\n"
                f"Content-Length: {len(body)}\r\n\r\n{body}".encode("latin-1")
            )
            await writer.drain()
        writer.close()


class Aviary:
    """All canaries, the settings that hold them, and where they have been seen."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.secrets = {
            kind: f"canary-{secrets.token_hex(12)}"
            for kind in (
                "WALMART_CLIENT_SECRET",
                "WALMART_WEBHOOK_SECRET",
                "WEB_TOKEN",
                "KAFKA_PASSWORD",
                "KAFKA_KEY_PASSWORD",
                "MongoDB key password",
                "wrong MongoDB password",
                "access token",
                "secret of a channel",
                "password of a channel",
            )
        }
        # A key of the right length, in its alphabet.
        field_key = f"canary-{secrets.token_hex(12)}".ljust(43, "-") + "="
        self.secrets["MONGODB_FIELD_KEYS"] = field_key
        mark = secrets.token_hex(12)
        # With characters that are written differently wherever it goes.
        self.mongodb_password = f'c@n/a:ry+"{mark}%é'
        private_key, self.public_key = generate_keypair()
        self.secrets["WALMART_PRIVATE_KEY"] = private_key
        self.canaries = [Canary.of(kind, text) for kind, text in self.secrets.items()]
        self.canaries.append(Canary.of("MongoDB password", mark))
        self.seen: set[tuple[str, str]] = set()
        self.looked_at = 0
        self._command_lines: set[bytes] = set()

    def add(self, kind: str, secret: str) -> None:
        """Look for *secret*, which somebody else has made, too."""
        self.secrets[kind] = secret
        self.canaries = [canary for canary in self.canaries if canary.kind != kind]
        self.canaries.append(Canary.of(kind, secret))

    def look(self, found: Iterable[tuple[str, bytes]]) -> None:
        """Look for every canary in each of *found*."""
        for place, content in found:
            self.looked_at += 1
            self.seen |= {(kind, place) for kind in sightings(content, self.canaries)}

    async def look_through(self, found: places.Places) -> None:
        async for one in found:
            self.look([one])

    async def watch_command_lines(self) -> None:
        """Look at every process again and again, until cancelled."""
        while True:
            new = [(pid, line) for pid, line in places.command_lines()
                   if line not in self._command_lines]  # fmt: skip
            self._command_lines |= {line for _, line in new}
            self.look(new)
            await asyncio.sleep(LOOK_INTERVAL)


class Scene:
    """A pipeline whose every secret is a canary."""

    def __init__(
        self, aviary: Aviary, pipeline: Pipeline, mongod: SecureMongod, echo: EchoingWalmart
    ) -> None:
        self.aviary = aviary
        self.pipeline = pipeline
        self.mongod = mongod
        self.echo = echo
        self.control_url = ""
        self.items: list[str] = []
        self.misled: dict[str, str] = {}

    async def arm(self, side: str, **fault: Any) -> None:
        """Let the sandbox go wrong."""
        await self.control("POST", f"{side}faults", fault)

    async def control(self, verb: str, path: str, body: Any = None) -> Any:
        url = f"{self.control_url}/{path}"
        async with (
            aiohttp.ClientSession() as session,
            session.request(verb, url, json=body) as response,
        ):
            assert response.ok, await response.text()
            return await response.json()

    async def webhooks(self, worker: Worker) -> list[int]:
        """Send events with good and bad proofs; what each was answered."""
        secret = self.aviary.secrets["WALMART_WEBHOOK_SECRET"]
        event = json.dumps(
            {
                "source": {"eventType": "OFFER_PUBLISHED", "eventId": "e"},
                "payload": {"itemInfo": {"itemId": "4711", "sku": "A"}},
            }
        )
        answered = []
        async with aiohttp.ClientSession() as session:
            for proof in (
                basic("walmart", secret),
                f"Bearer {secret}",
                f"Bearer {secret}x",
                f"Basic {secret}",
                basic(secret, "wrong"),
            ):
                for body in (event, "{", '{"source":{"eventType":"NEW"},"payload":{"sku":"A"}}'):
                    async with session.post(
                        f"{worker.url}/webhooks/walmart",
                        data=body,
                        headers={"Authorization": proof, "Content-Type": "application/json"},
                    ) as response:
                        answer = await response.read()
                        answered.append(response.status)
                        self.aviary.look([("webhook", answer)])
        return answered

    async def look_everywhere(self, workers: list[Worker]) -> None:
        """Views, topics, collections, files and command lines."""
        aviary, pipeline = self.aviary, self.pipeline
        await aviary.look_through(places.responses(workers, aviary.secrets["WEB_TOKEN"]))
        await aviary.look_through(places.records(pipeline.settings))
        await asyncio.to_thread(lambda: aviary.look(places.documents(self.mongod)))
        self.look_at_files()
        aviary.look(places.command_lines())

    def look_at_files(self) -> None:
        self.aviary.look(places.files(self.pipeline.folder))
        self.aviary.look([("log of mongod", self.mongod.log.encode())])


@asynccontextmanager
async def open_scene(folder: Path, kafka: dict[str, str], aviary: Aviary) -> AsyncIterator[Scene]:
    """MongoDB with TLS, client certificates and passwords; a sandbox; settings with canaries."""
    known = aviary.secrets
    consumer_id = str(uuid.uuid4())
    (folder / "mongod").mkdir()
    mongod = SecureMongod(
        folder / "mongod",
        Authority(folder / "mongod-authority", "tests"),
        mutual=True,
        password=aviary.mongodb_password,
        key_password=known["MongoDB key password"],
    )
    await mongod.start()
    seller = SellerConfig.with_every_trap(client_secret=known["WALMART_CLIENT_SECRET"], skus=20)
    sandbox = await serve(
        SandboxConfig(
            consumer_id=consumer_id,
            public_keys={"1": aviary.public_key},
            items=30,
            speed=50,
            seller=seller,
        )
    )
    echo = EchoingWalmart(known["access token"])
    echo_server = await asyncio.start_server(echo.answer, LOOPBACK, 0)
    pipeline = Pipeline(
        kafka
        | {
            "KAFKA_PARTITIONS": str(PARTITIONS),
            "MONGODB_URI": mongod.uri(),
            "MONGODB_DATABASE": DATABASE,
            "MONGODB_FIELD_KEYS": known["MONGODB_FIELD_KEYS"],
            "WALMART_AFFILIATE_URL": sandbox.url,
            "WALMART_CONSUMER_ID": consumer_id,
            "WALMART_PRIVATE_KEY": known["WALMART_PRIVATE_KEY"],
            "WALMART_AFFILIATE_CALLS_PER_SECOND": "50",
            "WALMART_AFFILIATE_DAILY_CALLS": "1000000",
            "WALMART_SELLER_URL": sandbox.seller_url,
            "WALMART_CLIENT_ID": seller.client_id,
            "WALMART_CLIENT_SECRET": known["WALMART_CLIENT_SECRET"],
            "WALMART_WEBHOOK_SECRET": known["WALMART_WEBHOOK_SECRET"],
            "WEB_TOKEN": known["WEB_TOKEN"],
            # One may not be told, nobody listens where the other one leads to.
            "ALERT_CHANNELS": f"ops=https://{LOOPBACK}:9/x?secret={known['secret of a channel']}\n"
            f"people=json://me:{known['password of a channel']}@{LOOPBACK}:9/",
            "POLL_INTERVAL_MIN": "0.5",
            "POLL_INTERVAL_MAX": "1",
            "SELLER_POLL_INTERVAL": "1",
            "SELLER_REPORT_INTERVAL": "2",
            "WINDOW_SIZE": "5",
        },
        folder / "workers",
    )
    scene = Scene(aviary, pipeline, mongod, echo)
    scene.control_url = sandbox.control_url
    scene.items = [item["item_id"] for item in (await scene.control("GET", "items"))["items"]]
    port = echo_server.sockets[0].getsockname()[1]
    scene.misled = {
        "WALMART_AFFILIATE_URL": f"http://{LOOPBACK}:{port}/affiliate",
        "WALMART_SELLER_URL": f"http://{LOOPBACK}:{port}",
    }
    watching = asyncio.create_task(aviary.watch_command_lines())
    try:
        yield scene
    finally:
        watching.cancel()
        await pipeline.stop()
        echo_server.close()
        await sandbox.stop()
        await mongod.stop()


async def until_logged(worker: Worker, words: str) -> None:
    async def look() -> bool:
        return words in worker.log

    await until(f"the log has {words!r}", look)


async def run_with_failures(
    scene: Scene, disturb_broker: Callable[[], Awaitable[None]]
) -> tuple[list[Worker], Worker]:
    """Everything that can go wrong, does; all workers, and the one that is left."""
    aviary, pipeline, known = scene.aviary, scene.pipeline, scene.aviary.secrets
    in_files = {name: value for name, value in pipeline.environment.items() if name in SECRETS}
    named = places.private_files(aviary.folder / "secrets", in_files)
    without = dict.fromkeys(in_files, "")

    # One has its secrets from files, the other from its environment.
    first = pipeline.start("first", LOG_FORMAT="json", **without, **named)
    await ready(first, known["WEB_TOKEN"])
    misled = pipeline.start("misled", command=FAUST, LOG_LEVEL="debug", **scene.misled)
    await watch_items(pipeline, scene.items)
    await ready(misled, known["WEB_TOKEN"])
    await pipeline.produce(RAW, observations(range(10)))
    await pipeline.produce(RAW, [record for _, record in bad_records(random.Random(1))])
    assert set(await scene.webhooks(first)) == {200, 401}
    aviary.add("session", await signed_in(first, known["WEB_TOKEN"]))
    aviary.look([("answers of channels", await tried_channels(first, known["WEB_TOKEN"]))])

    # Walmart: nonsense, refusals, expired tokens, a key that was replaced, an echo.
    for fault in ({"kind": "html"}, {"kind": "truncated"}, {"kind": "5xx"}, {"kind": "429"}):
        await scene.arm("", **fault, remaining=3)
        await scene.arm("seller/", **fault, remaining=3)
    for kind in ("expired_token", "xml", "forbidden"):
        await scene.arm("seller/", kind=kind, remaining=3)
    await scene.control("POST", "seller/expire-tokens")
    _, another = generate_keypair()
    await scene.control("POST", "rotate-key", {"public_key": another, "version": "1"})
    await until_logged(first, "SignatureRejected")

    async def echoed() -> bool:
        return scene.echo.refused > 12 and bool(scene.echo.signatures)

    # Failed calls come at longer and longer intervals.
    await until("the echo was heard", echoed, 2 * DEADLINE)
    await aviary.look_through(places.responses([misled], known["WEB_TOKEN"]))
    await scene.control("POST", "rotate-key", {"public_key": aviary.public_key, "version": "1"})

    # The database is killed, and asked for meanwhile; a worker with a wrong password.
    await scene.mongod.kill()
    await pipeline.produce(RAW, observations(range(10, 15)))
    await until_logged(first, "MongoDB is away")
    await aviary.look_through(places.responses([first], known["WEB_TOKEN"]))
    await scene.mongod.start()
    wrong = scene.mongod.uri(password=known["wrong MongoDB password"])
    outsider = pipeline.start("outsider", MONGODB_URI=wrong)
    assert await outsider.ended() == 78
    await asyncio.gather(
        aviary.look_through(places.outputs(pipeline, places.COMMANDS)),
        aviary.look_through(
            places.outputs(
                pipeline,
                (["doctor"], ["history", "4711"], ["seller", "price", "x", "1"]),
                **scene.misled,
                MONGODB_URI=wrong,
            )
        ),
        disturb_broker(),
    )

    # One worker is stopped; the other one ends by an exception, as its permissions are taken away.
    await misled.terminate()
    with scene.mongod.as_admin() as client:
        client.admin.command("updateUser", "worker", roles=[])
    await pipeline.produce(RAW, observations(range(15, 20)))
    assert await first.ended() == 70, first.log[-3000:]
    assert "Traceback" in first.log
    with scene.mongod.as_admin() as client:
        client.admin.command("updateUser", "worker", roles=[{"role": "readWrite", "db": DATABASE}])
    last = pipeline.start("first", **without, **named)
    await ready(last, known["WEB_TOKEN"])
    return [first, misled, outsider, last], last


async def signed_in(worker: Worker, token: str) -> str:
    """The value of the cookie of a browser that signs in, and opens a page with it."""
    origin = {"Origin": worker.url}
    async with (
        aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as browser,
        browser.post(f"{worker.url}/login", data={"token": token}, headers=origin) as page,
    ):
        assert page.status == 200
        [cookie] = list(browser.cookie_jar)
        return cookie.value


async def tried_channels(worker: Worker, token: str) -> bytes:
    """The answers to a try of each channel: none of them can be told."""
    answers = b""
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as session:
        for name in ("ops", "people"):
            url = f"{worker.url}/api/alert-channels/{name}/test"
            async with session.post(url, json={}) as response:
                answer = await response.json()
                assert answer["delivered"] is False
                answers += await response.read()
    return answers


async def ready(worker: Worker, token: str) -> None:
    """Wait until it has partitions and every check passes."""
    headers = {"Authorization": f"Bearer {token}"}

    async def look() -> bool:
        assert worker.is_alive, f"it ended with {worker.process.returncode}: {worker.log[-3000:]}"
        async with aiohttp.ClientSession(headers=headers) as session:
            with suppress(aiohttp.ClientError):
                async with session.get(f"{worker.url}/api/stats") as stats:
                    if stats.status != 200 or not (await stats.json())["partitions"]:
                        return False
                async with session.get(f"{worker.url}/readyz") as checks:
                    return checks.status == 200
        return False

    await until("the worker is ready", look)


def observations(rounds: Iterable[int]) -> list[Record]:
    return [
        priced(str(74_000 + item), at=1000 * number, dollars=10 + number % 7)
        for number in rounds
        for item in range(20)
    ]


async def check(scene: Scene, disturb_broker: Callable[[], Awaitable[None]]) -> Worker:
    """Run, look everywhere, see nothing; then plant some, and see each of them."""
    aviary = scene.aviary
    workers, last = await run_with_failures(scene, disturb_broker)
    for number, signature in enumerate(scene.echo.signatures):
        aviary.add(f"signature {number}", signature)
    await scene.look_everywhere([last])

    assert aviary.seen == set()
    assert aviary.looked_at > 1000
    assert all(worker.log for worker in workers)

    await plant(scene, last)
    return last


async def plant(scene: Scene, worker: Worker) -> None:
    """Each place with a canary of another kind and encoding: what is looked for can be found."""
    aviary, known = scene.aviary, scene.aviary.secrets
    log = worker.process.log
    with log.open("a", encoding="utf-8") as file:
        file.write(f"https://host/?secret={quote(known['WALMART_CLIENT_SECRET'])}\n")
        file.write(base64.b64encode(f"u:{aviary.mongodb_password}".encode()).decode() + "\n")
        file.write(repr(known["WALMART_PRIVATE_KEY"][400:900]) + "\n")
    token = known["WEB_TOKEN"]
    assert any(kind.startswith("signature") for kind in known)
    header = ("x", base64.b64encode(known["WALMART_WEBHOOK_SECRET"].encode()))
    await scene.pipeline.produce("walmart-dead-letter", [Record(b"k", b"v", headers=(header,))])
    with scene.mongod.as_admin() as client:
        client[DATABASE]["alerts"].insert_one({"a": [{"b": known["KAFKA_PASSWORD"]}]})
        client[DATABASE]["sealed"].insert_one({"a": known["MONGODB_FIELD_KEYS"]})
    async with (
        aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as session,
        session.post(
            f"{worker.url}/api/watchlist",
            json={"item_id": "47110815", "note": known["wrong MongoDB password"]},
        ) as response,
    ):
        assert response.ok, await response.text()
        async with session.get(f"{worker.url}/api/watchlist") as listed:
            aviary.look([("GET /api/watchlist", await listed.read())])
    shown = known["MongoDB key password"].encode().hex()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", "input()", shown, stdin=subprocess.PIPE
    )
    try:
        await scene.look_everywhere([])
    finally:
        process.kill()
        await process.wait()

    places_of = {kind: {place for one, place in aviary.seen if one == kind} for kind in known}
    relative = log.relative_to(scene.pipeline.folder)
    assert f"file {relative}" in places_of["WALMART_CLIENT_SECRET"]
    assert ("MongoDB password", f"file {relative}") in aviary.seen
    assert f"file {relative}" in places_of["WALMART_PRIVATE_KEY"]
    assert "topic walmart-dead-letter" in places_of["WALMART_WEBHOOK_SECRET"]
    assert f"collection {DATABASE}.alerts" in places_of["KAFKA_PASSWORD"]
    assert f"collection {DATABASE}.sealed" in places_of["MONGODB_FIELD_KEYS"]
    assert "GET /api/watchlist" in places_of["wrong MongoDB password"]
    assert f"process {process.pid}" in places_of["MongoDB key password"]
    assert not places_of["WEB_TOKEN"]


@pytest.mark.integration
async def test_no_secret_is_seen_anywhere_whatever_goes_wrong(
    fresh_broker: EmbeddedBroker, tmp_path: Path
) -> None:
    """Logs, views, topics, documents, commands and command lines. The embedded broker has no
    logins; at the end it is gone. For machines without Java: on Kafka the same is seen, and more.
    """
    if missing_tools() is None:
        pytest.skip("the same is looked at on Apache Kafka, which can run here")
    aviary = Aviary(tmp_path)
    certificate, key = Authority(tmp_path / "authority", "tests").issue("client")
    encrypt_key(key, aviary.secrets["KAFKA_KEY_PASSWORD"])
    kafka = {
        "KAFKA_BROKERS": fresh_broker.bootstrap,
        "KAFKA_USERNAME": "somebody",
        "KAFKA_PASSWORD": aviary.secrets["KAFKA_PASSWORD"],
        "KAFKA_CERT_FILE": str(certificate),
        "KAFKA_KEY_FILE": str(key),
        "KAFKA_KEY_PASSWORD": aviary.secrets["KAFKA_KEY_PASSWORD"],
    }

    async def undisturbed() -> None:
        """It keeps nothing over a restart."""

    async with open_scene(tmp_path, kafka, aviary) as scene:
        worker = await check(scene, undisturbed)
        aviary.seen.clear()
        planted = len(worker.log)
        await fresh_broker.stop()
        await until_logged(worker, "onnection")
        aviary.look([("log", worker.log[planted:].encode())])

    assert aviary.seen == set()


async def test_no_secret_is_seen_anywhere_on_a_kafka_with_logins(
    kafka_class_path: str, tmp_path: Path
) -> None:
    """The same with SASL_SSL and SCRAM, a client certificate whose key is encrypted, a node that is
    killed, and workers with a wrong password for Kafka and for the key."""
    aviary = Aviary(tmp_path)
    kafka = SecureKafka(tmp_path / "kafka", kafka_class_path)
    aviary.add("KAFKA_PASSWORD", kafka.passwords[ADMIN])
    certificate, key = kafka.authority.issue("worker")
    encrypt_key(key, aviary.secrets["KAFKA_KEY_PASSWORD"])
    login = kafka.login(
        ADMIN,
        kafka_cert_file=certificate,
        kafka_key_file=key,
        kafka_key_password=aviary.secrets["KAFKA_KEY_PASSWORD"],
    )
    await kafka.node.start()
    outsiders: list[Worker] = []

    try:
        async with open_scene(tmp_path, environment(login), aviary) as scene:

            async def disturb() -> None:
                wrong = aviary.secrets["wrong MongoDB password"]
                for name, code in (("KAFKA_PASSWORD", 70), ("KAFKA_KEY_PASSWORD", 78)):
                    outsider = scene.pipeline.start(f"wrong-{name}", **{name: wrong})
                    assert await outsider.ended() == code
                    outsiders.append(outsider)
                await kafka.node.kill()
                await kafka.node.start()
                # Not for long enough to be taken for dead; whoever was, is started again.
                for worker in scene.pipeline.workers[:2]:
                    assert worker.is_alive, worker.log[-3000:]

            await check(scene, disturb)
            aviary.seen.clear()
            aviary.look([("log of Kafka", kafka.node.log.read_bytes())])
    finally:
        await kafka.node.stop()

    assert aviary.seen == set()
    assert "invalid credentials with SASL mechanism SCRAM-SHA-512" in outsiders[0].log
    assert "KAFKA_KEY_PASSWORD" in outsiders[1].log
