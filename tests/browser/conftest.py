"""A browser, and a shop that it looks at; both are started once."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.browser.chromium import MISSING, find_chromium, launched
from tests.browser.shop import ShopLive, open_shop
from tests.hang import DEADLINE
from tests.web.served import Served
from walmart_stream.domain.time import to_ms
from walmart_stream.storage import mongo
from walmart_stream.web.limits import LIMITS

HERE = Path(__file__).parent
TOKEN = "the-token-of-the-browser-tests"
DESKTOP = {"width": 1440, "height": 900}
PHONE = {"width": 390, "height": 844}
NARROW = {"width": 320, "height": 640}

OpenPage = Callable[..., Any]


@pytest.hookimpl(trylast=True)
def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--screenshots",
        action="store_true",
        help="have tests/browser renew the pictures in docs/",
    )


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """The browser. Playwright's event loop runs as long as it does, so no other test may then."""
    path = find_chromium()
    if path is None:
        pytest.skip(MISSING)
    with launched(path) as browser:
        yield browser


@pytest.fixture(scope="session")
def shop(mongod: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The shop's pages, without a token. Its clock stands still, and so does what they show."""
    now = datetime.now(UTC)
    served = Served(
        tmp_path_factory.mktemp("shop"),
        LIMITS,
        live=ShopLive(),
        clock=lambda: now,
        mongodb_uri=mongod.uri,
        mongodb_database="browser",
        poll_interval_max=1_800,
        price_known_for=5_400,
    )
    asyncio.run(_fill(served, now))
    with served:
        yield served


async def _fill(served: Served, now: datetime) -> None:
    client = mongo.connect(served.settings)
    database = mongo.database(client, served.settings)
    await mongo.create_indexes(database)
    await open_shop(database, served.live, to_ms(now))
    client.close()


@pytest.fixture
def open_page(chromium: Any) -> Iterator[OpenPage]:
    """Opens pages, each in a context of its own; none may complain or ask another host."""
    contexts = []
    faults: list[str] = []

    def start(url: str, path: str, *, viewport: Any = DESKTOP, **options: Any) -> Any:
        context = chromium.new_context(
            viewport=viewport, locale="en-US", timezone_id="America/Chicago", **options
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(DEADLINE * 1000)
        page.on("pageerror", lambda error: faults.append(f"{path}: {error}"))
        page.on("console", lambda said: said.type == "error" and faults.append(said.text))
        page.on(
            "request",
            lambda request: (
                None if request.url.startswith((url, "data:")) else faults.append(request.url)
            ),
        )
        page.goto(f"{url}{path}")
        return page

    yield start
    for context in contexts:
        context.close()
    # A refused form is what some tests are about, and Chromium says so on its console.
    assert [one for one in faults if "Failed to load resource" not in one] == []


@pytest.fixture(scope="session")
def axe(pytestconfig: pytest.Config) -> str:
    """The source of axe-core, pinned by package-lock.json."""
    if shutil.which("npm") is None:
        pytest.skip("axe-core needs Node and npm, which are not here")
    folder = pytestconfig.cache.mkdir("axe")
    for name in ("package.json", "package-lock.json"):
        shutil.copy(HERE / name, folder)
    version = json.loads((HERE / "package.json").read_text())["dependencies"]["axe-core"]
    source = folder / "node_modules" / "axe-core" / "axe.min.js"
    if not source.is_file() or f"axe v{version}" not in source.read_text()[:200]:
        done = subprocess.run(
            ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=DEADLINE,
        )
        if done.returncode:
            pytest.skip(f"axe-core cannot be fetched from npm: {done.stderr[-300:]}")
    return source.read_text()
