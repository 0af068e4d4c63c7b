"""Cases that schemathesis makes of the description, against a real site with a real mongod."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import re
import sys
from pathlib import Path

import pytest

from tests.web.conftest import START, fill
from walmart_stream.domain.time import to_datetime
from walmart_stream.storage import mongo
from walmart_stream.storage.queries import Position
from walmart_stream.web import cursor
from walmart_stream.web.openapi import describe
from walmart_stream.web.views import all_routes

# `make fuzz` has all phases, many more cases for each operation, and another seed each time.
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "15"))
PHASES = os.environ.get("FUZZ_PHASES", "coverage,fuzzing")
LEAST = int(os.environ.get("FUZZ_LEAST", "500"))
SEED = int(os.environ.get("FUZZ_SEED", "1"))
ROOT = Path(__file__).parents[2]

TOKEN = "token-of-the-web-views"
SECRET = "secret-of-webhooks"

# Forms that are accepted for one token, or for ids in whatever form people paste them:
# test_login.py, test_alerts_page.py and test_watchlist_page.py fill them in.
# test_alerts.py and test_rules_page.py add rules, whose fields depend on each other.
BY_HAND = {"POST /login", "POST /watchlist", "POST /alerts", "POST /api/alert-rules"}
BY_HAND |= {"POST /alerts/rules", "POST /alerts/mutes", "POST /alerts/channels"}

CONFIG = f"""
hooks = "tests.web.fuzz_checks"
continue-on-failure = true

[generation]
deterministic = {str(EXAMPLES < 100).lower()}
database = "none"

[dictionaries]
items = {{ values = ["42"] }}
alerts = {{ values = ["cheap:42:own:5"] }}
channels = {{ values = ["ops"] }}
offers = {{ values = ["featured", "b"] }}
cursors = {{ values = {
    [
        cursor.of_item("41"),
        cursor.of_item("42"),
        cursor.of_position(Position(to_datetime(START - 1), "z")),
        cursor.of_position(Position(to_datetime(START), "b")),
    ]
} }}

[parameters]
"path.item_id" = {{ dictionary = "items", probability = 0.5 }}
"path.alert_id" = {{ dictionary = "alerts", probability = 0.5 }}
"path.channel" = {{ dictionary = "channels", probability = 0.5 }}
"query.offer" = {{ dictionary = "offers", probability = 0.3 }}
"query.cursor" = {{ dictionary = "cursors", probability = 0.5 }}

[auth.openapi.token]
bearer = "{TOKEN}"

[auth.openapi.webhook_basic]
username = "walmart"
password = "{SECRET}"
"""


@pytest.fixture
async def authenticated_site(open_site, mongod, mongodb_database):
    """A site with a token that is filled, and counts failed proofs for hours."""
    site = await open_site(
        mongodb_uri=mongod.uri,
        mongodb_database=mongodb_database,
        web_token=TOKEN,
        walmart_webhook_secret=SECRET,
        # Whom schemathesis tries without credentials must not be told to come later.
        monotonic=itertools.count(0.0, 3600.0).__next__,
    )
    await mongo.create_indexes(site.database)
    await fill(site)
    return site


async def test_no_case_breaks_the_views(authenticated_site, tmp_path) -> None:
    """Every answer is as described, headers included, and none is a failure of ours."""
    config, description = tmp_path / "schemathesis.toml", tmp_path / "openapi.json"
    statuses = tmp_path / "statuses.json"
    config.write_text(CONFIG)
    description.write_text(json.dumps(describe(all_routes())))

    process = await asyncio.create_subprocess_exec(
        *(Path(sys.executable).with_name("schemathesis"), "--config-file", config, "--no-color"),
        *("run", description, "--url", authenticated_site.url, "--phases", PHASES),
        *("--max-examples", str(EXAMPLES), "--seed", str(SEED)),
        # As our own pages; test_login.py has the forms of foreign ones.
        *("--header", f"Origin: {authenticated_site.url}"),
        # The views are not to blame for a busy machine.
        *("--suppress-health-check", "all"),
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "FUZZ_STATUSES": str(statuses)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        said = (await process.communicate())[0].decode()
    finally:
        if process.returncode is None:
            process.kill()

    print(said)
    assert process.returncode == 0
    made = re.search(r"(\d+) generated, (\d+) passed", said)
    assert made is not None
    assert int(made[1]) == int(made[2]) >= LEAST
    # It did get further than to refusals.
    seen = json.loads(statuses.read_text())
    operations = [f"{method} {route.path}" for route in all_routes() for method in route.operations]
    print(*(f"{name}: {seen.get(name)}" for name in operations), sep="\n")
    done = {name for name in operations if {"200", "303"} & set(seen.get(name, {}))}
    assert set(operations) - done - BY_HAND == set()
