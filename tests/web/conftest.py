"""Real web servers of real Faust apps on loopback, with a worker that lives in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import faust
import pytest
from aiohttp.test_utils import TestClient, TestServer
from aiokafka.errors import KafkaError
from faust.app.router import Router
from yarl import URL

from tests.hang import DEADLINE
from walmart_stream.domain.alerts.book import RuleBook, mute_key, mute_value
from walmart_stream.domain.alerts.rule_file import encode_rule, read_json
from walmart_stream.domain.alerts.steps import RAISED, Step
from walmart_stream.domain.apply import Entry, apply
from walmart_stream.domain.events import PriceChange, Source, WindowClosed, summarise
from walmart_stream.domain.known_then import ItemLog, known_then
from walmart_stream.domain.offers import Offer
from walmart_stream.domain.reading.observation import Observation
from walmart_stream.domain.standing import Standing, item_standing
from walmart_stream.domain.state import ItemState
from walmart_stream.domain.watch import WatchEntry
from walmart_stream.domain.windows import Rules
from walmart_stream.local.ports import free_port
from walmart_stream.metrics import Metrics
from walmart_stream.settings import Settings
from walmart_stream.storage import mongo
from walmart_stream.storage.alerts import store_steps
from walmart_stream.storage.dead_letters import letter_document, store_letters
from walmart_stream.storage.sealed import FieldSeal
from walmart_stream.storage.writes import Results, store
from walmart_stream.web import views
from walmart_stream.web.server import Web

NOW = datetime(2026, 11, 22, 18, 0, 0, 500000, tzinfo=UTC)
START = 1_800_000_000_000
KNOWN_MS = 10_800_000
RULES = Rules(3_600_000, KNOWN_MS)


@dataclass
class MemoryLive:
    """A :class:`walmart_stream.web.live.Live` without Kafka; ``watchlist`` may be shared."""

    states: dict[str, ItemState] = field(default_factory=dict)
    windows_of: dict[str, dict[int, dict[str, dict[str, Any]]]] = field(default_factory=dict)
    checks: dict[str, str] = field(default_factory=dict)
    logs: dict[str, ItemLog] = field(default_factory=dict)
    watchlist: dict[str, WatchEntry] = field(default_factory=dict)
    events: list[bytes] = field(default_factory=list)
    broken: Exception | None = None
    # Listings wait for it, if there is one; how many were asked for, and how many wait.
    pause: asyncio.Event | None = None
    asked: int = 0
    waiting: int = 0
    parked_partitions: list[dict[str, Any]] = field(default_factory=list)
    book: RuleBook = field(default_factory=RuleBook)
    steps: list[Step] = field(default_factory=list)
    tried: list[str] = field(default_factory=list)
    # Name -> class of what can be put back.
    letters: dict[str, str] = field(default_factory=dict)
    figures: dict[str, Any] = field(default_factory=dict)

    def item(self, item_id: str) -> ItemState | None:
        return self.states.get(item_id)

    def standing(self, item: ItemState) -> Standing | None:
        return item_standing(item, KNOWN_MS)

    def parked(self) -> list[dict[str, Any]]:
        return self.parked_partitions

    def windows(
        self, item_id: str, item: ItemState
    ) -> Mapping[int, Mapping[str, Mapping[str, Any]]]:
        return self.windows_of.get(item_id, {})

    async def known_then(self, item_id: str, at: int) -> Mapping[str, Any]:
        if self.broken is not None:
            raise self.broken
        log = self.logs.get(item_id, ItemLog(item_id, 0, (), None))
        return known_then(log, at, RULES).document(at, RULES)

    def stats(self) -> dict[str, Any]:
        # What a worker says of itself it knows without the brokers.
        if self.broken is not None and not isinstance(self.broken, KafkaError):
            raise self.broken
        return {"counters": {}, "partitions": [0], **self.figures}

    def health(self) -> Mapping[str, Any]:
        return {
            "newest_observation_age_seconds": 1.5,
            "oldest_due_poll_seconds": 0.0,
            "clock_offset_seconds": 0.0,
            "warnings": ["clock: this machine is 300 s ahead of Walmart"],
        }

    def failing(self) -> Mapping[str, str]:
        return self.checks

    async def watched(
        self, after: str, limit: int, tag: str | None = None
    ) -> tuple[list[WatchEntry], int]:
        if self.broken is not None:
            raise self.broken
        self.asked += 1
        if self.pause is not None:
            self.waiting += 1
            try:
                await self.pause.wait()
            finally:
                self.waiting -= 1
        found = [
            self.watchlist[item_id]
            for item_id in sorted(self.watchlist)
            if tag is None or tag in self.watchlist[item_id].tags
        ]
        return [entry for entry in found if entry.item_id > after][:limit], len(found)

    async def watch(self, entries: Sequence[WatchEntry]) -> None:
        if self.broken is not None:
            raise self.broken
        self.watchlist.update((entry.item_id, entry) for entry in entries)

    async def take_event(self, body: bytes) -> str:
        if self.broken is not None:
            raise self.broken
        self.events.append(body)
        return "observation"

    async def alert_book(self) -> RuleBook:
        if self.broken is not None:
            raise self.broken
        return self.book

    async def write_rules(self, records: Sequence[tuple[bytes, bytes | None]]) -> None:
        if self.broken is not None:
            raise self.broken
        for key, value in records:
            self.book.take(key, value)

    async def add_step(self, step: Step) -> None:
        if self.broken is not None:
            raise self.broken
        self.steps.append(step)

    def alert_channels(self) -> Sequence[str]:
        return ["ops"]

    async def try_channel(self, name: str) -> str | None:
        self.tried.append(name)
        return None

    async def unwatch(self, item_ids: Sequence[str]) -> None:
        if self.broken is not None:
            raise self.broken
        for item_id in item_ids:
            self.watchlist.pop(item_id, None)

    async def put_back(self, name: str | None, fault: str | None) -> int:
        if self.broken is not None:
            raise self.broken
        found = [one for one in self.letters if name == one or fault == self.letters[one]]
        self.letters = {one: self.letters[one] for one in self.letters if one not in found}
        return len(found)


class FaustServer(TestServer):
    """Serves as a worker does: by Faust's web server, which is :mod:`walmart_stream.web.server`."""

    def __init__(self, app: Any, port: int) -> None:
        super().__init__(app.web.web_app, host="127.0.0.1", port=port)
        self._faust_web = app.web

    async def _make_runner(self, **_: Any) -> Any:
        return self._faust_web._runner


class Owners(Router):
    """The group as one worker sees it: item id -> URL of its owner; others are its own."""

    urls: Mapping[str, str] = {}
    # The addresses of members that have partitions.
    members: Sequence[str] = ()

    def tables_metadata(self) -> dict[str, Any]:
        return {url: {} for url in self.members}

    def key_store(self, table_name: str, key: Any) -> URL:
        if self.urls.get(key) == "nobody":
            raise KeyError(key)
        return URL(self.urls.get(key, str(self.app.conf.canonical_url)))


@dataclass
class Site:
    """A worker's web views, and a client of them."""

    client: TestClient[Any, Any]
    live: MemoryLive
    app: Any
    metrics: Metrics
    database: Any

    @property
    def url(self) -> str:
        return str(self.client.make_url("/")).rstrip("/")

    async def json(self, path: str, status: int = 200, method: str = "GET", **options: Any) -> Any:
        """The JSON of an answer that must have *status*."""
        async with self.client.request(method, path, **options) as response:
            assert response.status == status, await response.text()
            assert response.content_type == "application/json"
            return await response.json()

    async def error(self, path: str, status: int, method: str = "GET", **options: Any) -> str:
        """``code: message`` of a refusal that must have *status*."""
        error = (await self.json(path, status, method, **options))["error"]
        return f"{error['code']}: {error['message']}"


OpenSite = Callable[..., Awaitable[Site]]


@pytest.fixture
async def open_site(make_unreachable_settings: Callable[..., Settings]) -> AsyncIterator[OpenSite]:
    """Starts sites; keyword arguments are settings. No server is there but the site itself."""
    async with AsyncExitStack() as stack:

        async def start(
            live: MemoryLive | None = None,
            settings: Settings | None = None,
            monotonic: Callable[[], float] = lambda: 0.0,
            forward_timeout: float = DEADLINE,
            worker_patience: float = DEADLINE,
            **overrides: Any,
        ) -> Site:
            settings = settings or make_unreachable_settings(**overrides)
            port = free_port()
            app = faust.App(
                settings.app_id,
                broker="kafka://127.0.0.1:1",
                datadir=str(settings.data_dir),
                canonical_url=f"http://127.0.0.1:{port}",
                Router=Owners,
                web_application_options=views.application_options(settings),
                web_tables_enabled=False,
                web_router_enabled=False,
            )
            app.web = Web(app)
            offers = app.Table("offers", key_type=bytes, value_type=bytes, partitions=4)
            client = mongo.connect(settings)
            stack.callback(client.close)
            site_metrics = Metrics()
            live = live or MemoryLive()
            views.attach(
                app,
                settings=settings,
                live=live,
                database=mongo.database(client, settings),
                metrics=site_metrics,
                offers_table=offers,
                clock=lambda: NOW,
                monotonic=monotonic,
                forward_timeout=forward_timeout,
                worker_patience=worker_patience,
            )
            app.web.init_server()
            test_client = await stack.enter_async_context(TestClient(FaustServer(app, port)))
            stack.push_async_callback(_close_client_of, app)
            database = mongo.database(client, settings)
            return Site(test_client, live, app, site_metrics, database)

        yield start


async def _close_client_of(app: Any) -> None:
    await app.http_client.close()


@pytest.fixture
async def site(open_site: OpenSite) -> Site:
    """A site without a token whose database is away."""
    return await open_site()


@pytest.fixture
async def stored_site(open_site: OpenSite, mongod: Any, mongodb_database: str) -> Site:
    """A site with a real database of its own, with the indexes."""
    opened = await open_site(mongodb_uri=mongod.uri, mongodb_database=mongodb_database)
    await mongo.create_indexes(opened.database)
    return opened


async def fill(site: Site) -> None:
    """Give *site* something to show at every path: item 42."""
    now, before = Offer(1, None, 2, True, "s"), Offer(1, 0, None, False, None)
    change = PriceChange("42", "featured", "n", ("seller",), now, before, START, Source("t", 0, 0))
    first = PriceChange("42", "b", None, ("first_seen",), before, None, START, Source("t", 0, 1))
    results = Results()
    for event in (change, first):
        results.add_change(event.document())
    results.add_window(
        WindowClosed(
            *("42", "b", START, START + 1000, 1, 0, None, None, None, None, None, 0.0),
            known_ms=10_800_000,
            carried=False,
            seen_at=START,
        ).document()
    )
    await store(site.database, results)
    letter = {"topic": "t", "partition": 0, "offset": 7, "stage": "read", "fault": "MalformedJson"}
    letter |= {"message": "not JSON", "key": b"42", "value": b"{"}
    await store_letters(
        site.database, [letter_document("t:0:7", letter, NOW, timedelta(days=1))], FieldSeal()
    )
    [rule], _ = read_json({"rule": [{"name": "cheap", "all": True, "when": "unpublished"}]})
    site.live.book.take(b"cheap", encode_rule(rule))
    site.live.book.take(mute_key("item", "42"), mute_value(2 * START))
    at, source = "2026-11-22T18:00:00.000Z", Source("t", 0, 5)
    raised = Step(
        1, RAISED, "cheap:42:own:5", "cheap", "42", "own", at, at, source, "info", "so", "n"
    )
    await store_steps(site.database, [raised])
    site.live.letters["t:0:7"] = "MalformedJson"
    rules = Rules(60_000, 60_000)
    observation = Observation("42", START, "affiliate", "n", {"featured": now})
    state = apply({}, [Entry(observation, Source("t", 0, 0))], rules).states["42"]
    featured = state.offers["featured"]
    closed = summarise("42", "featured", featured.window, featured.offer, START)
    site.live.states["42"] = state
    site.live.windows_of["42"] = {closed.start: {"featured": closed.document()}}
    site.live.watchlist["42"] = WatchEntry(item_id="42")


@pytest.fixture
async def full_site(stored_site: Site) -> Site:
    """A site with something to show at every path."""
    await fill(stored_site)
    return stored_site
