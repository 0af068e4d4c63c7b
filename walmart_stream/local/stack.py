"""The stack of ``walmart-stream local``: all its parts, started and stopped together.

Everything that runs is real: a broker that speaks Kafka's protocol, a mongod, `faust worker`
processes. Only Walmart is a sandbox.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import orjson
from pymongo.errors import PyMongoError

from walmart_stream import topics
from walmart_stream.audit import Report
from walmart_stream.audit.verify import verify
from walmart_stream.credentials.redaction import protect
from walmart_stream.domain.offers import FEATURED, MARKETPLACE
from walmart_stream.domain.reading.observation import AFFILIATE
from walmart_stream.domain.watch import WatchEntry
from walmart_stream.kafka import watchlist
from walmart_stream.kafka.reading import read_topic
from walmart_stream.kafka.topic_admin import create_topics
from walmart_stream.local.broker import EmbeddedBroker
from walmart_stream.local.environment import given_settings, without_settings
from walmart_stream.local.found import found_by_commands
from walmart_stream.local.notifications import subscribe
from walmart_stream.local.options import CannotStart, Options
from walmart_stream.local.ports import is_free
from walmart_stream.local.surroundings import surroundings
from walmart_stream.local.truth_check import Verdict, compare, expected_changes, served_answers
from walmart_stream.local.workers import DEFAULT_PORT, Worker
from walmart_stream.settings import SETTING_NAMES, Settings, load_settings
from walmart_stream.storage import mongo

# How long a database of one's own may take to answer at the start.
DATABASE_TIMEOUT = 10.0


@dataclass(frozen=True, slots=True)
class Stack:
    """The running parts. ``control_url`` is the sandbox's, ``None`` with real credentials.

    ``watched`` are the items that this run put on the watchlist. ``is_second``: another stack runs
    in the same folder, from which it has taken over ``walmart-stream --local``.
    """

    settings: Settings
    workers: Sequence[Worker]
    control_url: str | None
    broker: EmbeddedBroker | None
    watched: Sequence[str]
    is_second: bool = False

    async def stop_polling(self) -> None:
        """Take what this run added off the watchlist: nothing new comes, the rest is stored."""
        await watchlist.remove(self.settings, self.watched)

    async def judge(self) -> tuple[Verdict, Report]:
        """Compares the stored results with what was served, and with the raw topic.

        Everything must have been stored; see :meth:`Progress.until_settled`.
        """
        assert self.control_url is not None
        verdict = Verdict()
        truth = [record async for record in served_answers(self.control_url)]
        raw = [
            record.value
            async for record in read_topic(self.settings, topics.RAW.name)
            if _source(record.value) == AFFILIATE
        ]
        client = mongo.connect(self.settings)
        try:
            database = mongo.database(client, self.settings)
            # The seller's side has no ground truth of its own here; verify covers it.
            ours = {"offer": {"$in": [FEATURED, MARKETPLACE]}}
            await compare(expected_changes(truth, raw, verdict), database, verdict, ours)
        finally:
            client.close()
        return verdict, await verify(self.settings)


@asynccontextmanager
async def running(
    options: Options, folder: Path, found_in: Path | None = None
) -> AsyncIterator[Stack]:
    """Start everything, with its files in *folder*; stop it in the opposite order.

    *found_in*: the folder in which ``walmart-stream --local`` looks for it.

    Raises:
        CannotStart: as asked it would harm data, or cannot work.
        StartError: one of the programs does not come up.
    """
    given = given_settings()
    _check_mixing(options, given)
    if options.port is not None and not is_free(options.port):
        raise CannotStart(
            f"--port {options.port} is in use; choose another, or leave the option out to "
            "get a free one"
        )
    async with AsyncExitStack() as stack:
        environment, control_url, broker = await surroundings(options, given, folder, stack)
        port = options.port or int(given.get("WEB_PORT") or DEFAULT_PORT)
        workers = [
            Worker(number, {**without_settings(), **environment}, folder, port=port)
            for number in range(options.workers)
        ]
        settings = load_settings(workers[0].environment, env_file=folder / "no.env")
        # From here on no message shows a secret, and no core file holds one.
        protect(settings.secrets())
        await _require_database(settings)
        await create_topics(settings)
        watched: list[str] = []
        if control_url is not None:
            watched = await _watch_everything(settings, control_url, options.items)
        for worker in workers:
            await stack.enter_async_context(worker)
        if control_url is not None and options.is_shown:
            await subscribe(settings, workers[0].url)
        is_second = False
        if found_in is not None:
            ours = {n: value for n, value in workers[0].environment.items() if n in SETTING_NAMES}
            is_second = stack.enter_context(found_by_commands(ours, found_in))
        yield Stack(settings, workers, control_url, broker, watched, is_second)


def _check_mixing(options: Options, given: Mapping[str, str]) -> None:
    foreign = [
        name for name in ("KAFKA_BROKERS", "MONGODB_URI", "MONGODB_URI_FILE") if name in given
    ]
    if options.keep and options.broker == "embedded" and "KAFKA_BROKERS" not in given:
        raise CannotStart(
            "--keep needs --broker kafka: the embedded broker keeps everything in memory"
        )
    if foreign and "WALMART_CONSUMER_ID" not in given and not options.mix_sandbox:
        raise CannotStart(
            f"{foreign[0]} is set, and without WALMART_CONSUMER_ID the sandbox's items would be "
            "written there. Unset it to run on a broker and a database of this run's own; set your "
            "Walmart keys to poll Walmart; or, if nothing of value is there, add --mix-sandbox"
        )


async def _require_database(settings: Settings) -> None:
    client = mongo.connect(settings)
    try:
        async with asyncio.timeout(DATABASE_TIMEOUT):
            await mongo.database(client, settings).command("ping")
    except (PyMongoError, TimeoutError) as exc:
        reason = "no answer" if isinstance(exc, TimeoutError) else type(exc).__name__
        raise CannotStart(
            f"MONGODB_URI cannot be used ({reason}): is the database up, and are address and login "
            "right?"
        ) from None
    finally:
        client.close()


async def _watch_everything(settings: Settings, control_url: str, items: int) -> list[str]:
    """Watch the sandbox's items; those that were not watched before."""
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{control_url}/items", params={"limit": str(items)}) as response,
    ):
        response.raise_for_status()
        listed = [str(item["item_id"]) for item in (await response.json())["items"]]
    before = await watchlist.listing(settings)
    new = [item_id for item_id in listed if item_id not in before]
    await watchlist.add(settings, [WatchEntry(item_id=item_id) for item_id in new])
    return new


def _source(value: bytes | None) -> str | None:
    envelope = orjson.loads(value or b"null")
    return envelope.get("source") if isinstance(envelope, dict) else None
