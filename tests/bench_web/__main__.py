"""``make bench-web``: how long lists and pages take, however many items there are.

A real MongoDB is filled, and the web views are served as a worker serves them; the times are those
of whole answers by HTTP on loopback. Exit code 1 if a query of a list is not an index scan.
"""

from __future__ import annotations

import asyncio
import json
import random
import tempfile
import time
from http.client import HTTPConnection
from itertools import product
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import click
from motor.motor_asyncio import AsyncIOMotorClient
from pymongo import ASCENDING

from tests.bench_web.shop import NOW, TAGS, fill, item_id
from tests.web.served import Served
from walmart_stream.local.mongod import EmbeddedMongod
from walmart_stream.runtime.memory import look_for_garbage_seldom
from walmart_stream.storage.documents import ITEMS
from walmart_stream.storage.item_queries import Choice, Place, order_of, ranges, words_like
from walmart_stream.storage.mongo import ITEM_SORTS
from walmart_stream.web import cursor
from walmart_stream.web.limits import Limits

LIMIT = 50
# Of an answer, milliseconds: more of them than 1 in 100 may not take longer.
DUE_MS = 200.0
WARM_UP = 3


class Wrong(Exception):
    """An answer is not what it must be to count."""


@click.command()
@click.option("--sizes", default="1000,100000", show_default=True, help="Items; with commas.")
@click.option("--rounds", default=100, show_default=True, help="Answers of each kind.")
@click.option("--json", "json_file", type=click.Path(dir_okay=False, path_type=Path))
def main(sizes: str, rounds: int, json_file: Path | None) -> None:
    """Measure lists and pages on databases of several sizes."""
    found = asyncio.run(_measure([int(size) for size in sizes.split(",")], rounds))
    _show(found)
    if json_file is not None:
        json_file.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    if any(one["not_index_scans"] for one in found["sizes"].values()):
        raise SystemExit(1)


async def _measure(sizes: list[int], rounds: int) -> dict[str, Any]:
    found: dict[str, Any] = {"rounds": rounds, "limit": LIMIT, "due_p99_ms": DUE_MS, "sizes": {}}
    for size in sizes:
        with tempfile.TemporaryDirectory() as folder:
            server = EmbeddedMongod(Path(folder) / "mongod")
            await server.start()
            try:
                found["sizes"][str(size)] = await _of_size(server.uri, Path(folder), size, rounds)
            finally:
                await server.stop()
    return found


async def _of_size(uri: str, folder: Path, size: int, rounds: int) -> dict[str, Any]:
    client: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(uri, tz_aware=True)
    database = client["walmart"]
    began = time.monotonic()
    await fill(database, size)
    filled_s = time.monotonic() - began
    stats = await database.command("collStats", ITEMS)
    places = await _places(database, size)
    searches = await _searches(database, size)
    bad = await _not_index_scans(database, places)
    client.close()
    # As a worker does once it has started.
    look_for_garbage_seldom()
    with Served(folder, Limits(), mongodb_uri=uri, mongodb_database="walmart") as served:
        paths = _paths(places, searches, size)
        kinds = await asyncio.to_thread(_time_all, served.port, paths, rounds)
    return {
        "filled_s": round(filled_s, 1),
        "bytes_per_item": stats["avgObjSize"],
        "index_bytes_per_item": round(stats["totalIndexSize"] / stats["count"]),
        "not_index_scans": bad,
        "kinds": kinds,
    }


async def _places(database: Any, size: int) -> dict[str, Place]:
    """A place in the middle of each order."""
    found = {}
    for sort, field in ITEM_SORTS.items():
        choice = Choice(sort=sort)
        skipped = database[ITEMS].find(ranges(choice, None)[0], {field: 1}, sort=order_of(choice))
        # Without a hint the database tries every other index for minutes: none gets that far soon.
        index = [(name, ASCENDING) for name in ("facets", *(name for name, _ in order_of(choice)))]
        (one,) = await skipped.hint(index).skip(size // 3).limit(1).to_list(1)
        value: Any = one
        for name in field.split("."):
            value = value[name]
        found[sort] = Place(value, one["_id"])
    return found


async def _searches(database: Any, size: int) -> list[str]:
    """Two words of the names of some items: a common one, and the number, which no other has."""
    dice = random.Random(size)
    ids = [item_id(dice.randrange(size)) for _ in range(20)]
    words = [one["words"] async for one in database[ITEMS].find({"_id": {"$in": ids}})]
    return [f"{thing}+{number}" for *_, thing, _, number in (one for one in words if one[3:])]


async def _not_index_scans(database: Any, places: dict[str, Place]) -> list[str]:
    """The queries that read more than their page, scan the collection, or sort."""
    asked: list[tuple[str, Any, Any]] = [("search", words_like("kettle"), None)]
    for sort, place in places.items():
        for tag, state, descending in product((None, "toys"), (None, "lost"), (False, True)):
            choice = Choice(tag=tag, state=state, sort=sort, descending=descending)
            asked += [
                (f"{sort} {query}", query, order_of(choice)) for query in ranges(choice, place)
            ]
    bad = []
    for name, query, order in asked:
        explained = await database[ITEMS].find(query, sort=order).limit(LIMIT).explain()
        plan = str(explained["queryPlanner"]["winningPlan"])
        keys = explained["executionStats"]["totalKeysExamined"]
        if "IXSCAN" not in plan or "COLLSCAN" in plan or "'SORT'" in plan or keys > 3 * LIMIT:
            bad.append(f"{name}: {keys} keys, {plan}")
    return bad


def _paths(places: dict[str, Place], searches: list[str], size: int) -> dict[str, list[str]]:
    """Kind -> the paths that are asked for in turn."""
    dice = random.Random(size)
    base = f"/api/items?limit={LIMIT}"
    found = {"first page, asked of workers": [base]}
    base += "&live=false"
    found["first page"] = [base]
    for sort, place in places.items():
        at = cursor.of_place(sort, place)
        found[f"by {sort}"] = [f"{base}&sort={sort}&order={way}" for way in ("asc", "desc")]
        found[f"deep, by {sort}"] = [
            f"{base}&sort={sort}&order={way}&cursor={at}" for way in ("asc", "desc")
        ]
    numbers = [dice.randrange(size) for _ in range(20)]
    found |= {
        "by tag, then gap": [f"{base}&tag={tag}&sort=gap_cents" for tag, _ in TAGS],
        "by state, then gap": [f"{base}&state=lost&sort=gap_cents&order=desc"],
        "by tag and state": [f"{base}&tag=toys&state=lost&sort=changed_at&order=desc"],
        "search for an id": [f"{base}&q={item_id(number)}" for number in numbers],
        "search for two words": [f"{base}&q={words}&sort=own" for words in searches],
        # The number without its end is the beginning of a hundred others.
        "search for two beginnings": [f"{base}&q={words[:-2]}&sort=own" for words in searches],
        "page of items": [f"/items?limit={LIMIT}"],
        "item page": [f"/items/{item_id(number)}" for number in numbers],
        "item page, 10,000 changes": [f"/items/{item_id(0)}?{_MONTH}"],
        "series, 10,000 changes": [f"/api/items/{item_id(0)}/series?{_MONTH}"],
        "overview": ["/api/overview"],
    }
    return {
        kind: [
            path if "live" in path else path.replace(base, f"{base}&live=false") for path in paths
        ]
        for kind, paths in found.items()
    }


_MONTH = f"from={(NOW.replace(month=10)):%Y-%m-%dT%H:%M:%SZ}&to={NOW:%Y-%m-%dT%H:%M:%SZ}"


def _time_all(port: int, asked: dict[str, list[str]], rounds: int) -> dict[str, dict[str, float]]:
    wire = HTTPConnection("127.0.0.1", port, timeout=60)
    found = {}
    for kind, paths in asked.items():
        for path in paths[:WARM_UP]:
            status = _ask(wire, path)
        if status == 404 and "items" not in path.partition("?")[0].removeprefix("/items"):
            continue  # this release has no such page
        if status != 200:
            raise Wrong(f"{kind}: status {status} at {path}")
        times = []
        for number in range(rounds):
            began = time.perf_counter()
            _ask(wire, paths[number % len(paths)])
            times.append(1000 * (time.perf_counter() - began))
        p99 = quantiles(times, n=100, method="inclusive")[98]
        found[kind] = {"p50_ms": round(median(times), 2), "p99_ms": round(p99, 2)}
    return found


def _ask(wire: HTTPConnection, path: str) -> int:
    wire.request("GET", path)
    response = wire.getresponse()
    response.read()
    return response.status


def _show(found: dict[str, Any]) -> None:
    sizes = found["sizes"]
    click.echo(f"p50 / p99 in ms of {found['rounds']} answers, {LIMIT} items a page")
    click.echo(f"{'':32}" + "".join(f"{int(size):>20,}" for size in sizes))
    for kind in next(iter(sizes.values()))["kinds"]:
        cells = [one["kinds"][kind] for one in sizes.values()]
        row = "".join(f"{one['p50_ms']:>11.1f} /{one['p99_ms']:>7.1f}" for one in cells)
        click.echo(f"{kind:32}{row}")
    for size, one in sizes.items():
        click.echo(
            f"{int(size):,} items: {one['bytes_per_item']} bytes and {one['index_bytes_per_item']} "
            f"of indexes each; filled in {one['filled_s']} s"
        )
        late = [kind for kind, times in one["kinds"].items() if times["p99_ms"] > DUE_MS]
        if late:
            click.echo(f"  slower than {DUE_MS:g} ms: {', '.join(late)}")
        for bad in one["not_index_scans"]:
            click.echo(f"  no index scan: {bad}")


if __name__ == "__main__":
    main()
