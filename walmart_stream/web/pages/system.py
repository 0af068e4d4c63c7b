"""The system page: all workers, partitions that wait for a person, quota, and dead letters."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from aiohttp import web
from pymongo.errors import PyMongoError

from walmart_stream.domain.time import parse_iso
from walmart_stream.web.context import Context
from walmart_stream.web.dead_letters import letters_data
from walmart_stream.web.errors import BadRequest
from walmart_stream.web.inputs import NoQuery, query
from walmart_stream.web.live import MONGODB
from walmart_stream.web.pages.forms import read_form
from walmart_stream.web.pages.frame import data, page, see, values_file
from walmart_stream.web.pages.inputs import ReplayForm, SystemQuery
from walmart_stream.web.system import system_data

# Dead letters that the page shows one by one.
LETTERS = 20

# Milliseconds between two pages of figures that only grew older.
PACE = 10_000


async def show(context: Context, request: web.Request) -> web.StreamResponse:
    """The page; without the database it shows what the workers know by themselves."""
    asked = query(SystemQuery, request)
    return page(context, request, "system.html", **await _found(context), replayed=asked.replayed)


async def answer(context: Context, request: web.Request) -> web.StreamResponse:
    """The page's data."""
    query(NoQuery, request)
    found = await _found(context)
    return data(request, found, same=news_of(found))


async def answer_csv(context: Context, request: web.Request) -> web.StreamResponse:
    """The page's data, a line for each value."""
    query(NoQuery, request)
    return values_file("system", await _found(context))


async def replay(context: Context, request: web.Request) -> web.StreamResponse:
    """Put dead letters back on the topics that they came from: one, or all of a class."""
    query(NoQuery, request)
    form = await read_form(request, ReplayForm)
    if (form.name is None) == (form.fault is None):
        raise BadRequest("name or fault: one of them must be given")
    count = await context.live.put_back(form.name, form.fault)
    if form.name is not None and not count:
        raise BadRequest(
            f"name {form.name[:60]!r}: there is no such dead letter, or it cannot be put back: "
            "it was cut, came by HTTP, or is not kept any more"
        )
    return see(f"/system?replayed={count}")


async def _found(context: Context) -> Mapping[str, Any]:
    system, failing, letters = await asyncio.gather(
        system_data(context), _failing(context), _letters(context)
    )
    return {"system": system, "failing": failing, "dead_letters": letters}


def news_of(found: Mapping[str, Any]) -> Any:
    """The part of the page's data that somebody would want to know at once."""
    system, letters = found["system"], found["dead_letters"]
    workers = [
        [one[name] for name in ("name", "version", "ready", "partitions", "warnings")]
        for one in system["workers"]
    ]
    return [
        workers,
        *(system[name] for name in ("silent", "parked", "request_errors")),
        found["failing"],
        None if letters is None else [letters["reasons"], letters["letters"][:1]],
        parse_iso(system["at"]) // PACE,
    ]


async def _failing(context: Context) -> dict[str, str]:
    failing = dict(context.live.failing())
    fault = await context.ping.fault()
    if fault is not None:
        failing.setdefault(MONGODB, fault)
    return failing


async def _letters(context: Context) -> dict[str, Any] | None:
    try:
        return await letters_data(context, LETTERS)
    except PyMongoError:
        return None
