"""Exports by the web: the same files as the command makes."""

from __future__ import annotations

import asyncio
import csv
import io
import json

import pytest

from tests.export.documents import documents, many, results
from walmart_stream.storage.writes import store
from walmart_stream.web import exports
from walmart_stream.web.limits import LIMITS


async def body(site, path: str) -> str:
    async with site.client.get(path) as response:
        assert response.status == 200, await response.text()
        return await response.text()


async def test_csv_and_ndjson_have_the_same_documents(stored_site) -> None:
    """A row and a line for each."""
    await store(stored_site.database, results())

    text = await body(stored_site, "/api/export/changes?format=csv")
    lines = (await body(stored_site, "/api/export/changes?format=ndjson")).splitlines()

    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert [row["item_id"] for row in rows] == [json.loads(line)["item_id"] for line in lines]
    assert sorted(json.loads(line)["_id"] for line in lines) == sorted(
        one["_id"] for one in documents("changes")
    )


async def test_a_file_has_a_type_and_a_name(stored_site) -> None:
    """A browser saves it under that name; HEAD tells both without the body."""
    for method in ("GET", "HEAD"):
        async with stored_site.client.request(method, "/api/export/windows?bom=true") as response:
            assert response.content_type == "text/csv"
            disposition = response.headers["Content-Disposition"]
            assert disposition == 'attachment; filename="windows.csv"'
            data = await response.read()
            assert data.startswith(b"\xef\xbb\xbfitem_id,") == (method == "GET")


async def test_items_and_times_can_be_chosen(stored_site) -> None:
    """Ids with commas; from inclusive, to exclusive."""
    await stored_site.database.price_changes.insert_many(
        [dict(one) for one in many(items=4, changes=4)]
    )
    query = "item=3,1&from=2027-01-15T08:00:00.001Z&to=2027-01-15T08:00:00.003Z"

    lines = await body(stored_site, f"/api/export/changes?format=ndjson&{query}")

    found = [json.loads(line) for line in lines.splitlines()]
    assert [(one["item_id"], one["source"]["offset"]) for one in found] == [
        ("1", 1),
        ("1", 2),
        ("3", 1),
        ("3", 2),
    ]


async def test_a_long_export_is_streamed_whole(stored_site, monkeypatch) -> None:
    """However many pages it takes."""
    monkeypatch.setattr(exports, "PAGE", 7)
    stored = [dict(one) for one in many(items=10, changes=10)]
    await stored_site.database.price_changes.insert_many(stored)

    lines = await body(stored_site, "/api/export/changes?format=ndjson")

    found = [json.loads(line)["_id"] for line in lines.splitlines()]
    assert sorted(found) == sorted(one["_id"] for one in stored)


@pytest.mark.parametrize(
    ("path", "status", "says"),
    [
        ("/api/export/secrets", 404, "there are alerts, changes, offers, windows"),
        ("/api/export/changes?format=parquet", 400, "export` makes parquet"),
        ("/api/export/changes?format=xls", 400, "format"),
        ("/api/export/changes?item=1,x", 400, "item"),
        ("/api/export/changes?from=2027-01-01T00:00:00Z&to=2026-01-01T00:00:00Z", 400, "later"),
        ("/api/export/changes", 503, "the database is away"),
    ],
)
async def test_what_cannot_be_exported_is_said(site, path: str, status: int, says: str) -> None:
    """Before anything is sent."""
    assert says in await site.error(path, status)


async def test_exports_leave_places_for_other_views(site, monkeypatch) -> None:
    """One too many is asked to come again; the places are free when the others end."""
    go_on = asyncio.Event()
    begun: asyncio.Queue[None] = asyncio.Queue()

    async def waiting(*_: object):
        begun.put_nowait(None)
        await go_on.wait()
        yield []

    monkeypatch.setattr(exports, "pages", waiting)
    running = []
    for _ in range(LIMITS.exports):
        running.append(asyncio.create_task(body(site, "/api/export/changes")))
        await begun.get()

    assert "asking again later helps" in await site.error("/api/export/changes", 503)

    go_on.set()
    await asyncio.gather(*running)
    await body(site, "/api/export/changes")
