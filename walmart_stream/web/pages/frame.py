"""The frame of every page: templates, what all of them know, and conditional answers."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple

import jinja2
from aiohttp import web

from walmart_stream import __version__
from walmart_stream.storage.rows import cells_of, csv_line, to_json
from walmart_stream.web.context import Context
from walmart_stream.web.pages.static import address
from walmart_stream.web.pages.words import FILTERS
from walmart_stream.web.templating import templates

THEMES = frozenset({"light", "dark"})

# Bytes from which an answer is compressed, where the caller takes that: less is one packet anyway.
WORTH_PACKING = 1_000


class Link(NamedTuple):
    """A page in the navigation."""

    path: str
    label: str


LINKS = (
    Link("/", "Overview"),
    Link("/items", "Items"),
    Link("/alerts", "Alerts"),
    Link("/watchlist", "Watchlist"),
    Link("/system", "System"),
)


@cache
def environment() -> jinja2.Environment:
    """The templates of pages."""
    made = templates("templates")
    made.filters.update(FILTERS)
    made.globals.update(static=address, version=__version__, links=LINKS)
    return made


def render(
    request: web.Request, template: str, *, status: int = 200, **values: Any
) -> web.Response:
    """The page that *template* makes of *values*."""
    chosen = request.cookies.get("theme", "")
    html = (
        environment()
        .get_template(template)
        .render(
            theme=chosen if chosen in THEMES else None,
            path=request.rel_url.path,
            **values,
        )
    )
    response = web.Response(text=html, status=status, content_type="text/html")
    pack(response)
    return response


def page(
    context: Context, request: web.Request, template: str, *, status: int = 200, **values: Any
) -> web.Response:
    """The page that *template* makes of *values*, for somebody who was let in."""
    return render(
        request,
        template,
        status=status,
        now=context.clock(),
        can_sign_out=context.sessions is not None and context.sessions.is_signed_in(request),
        **values,
    )


def data(request: web.Request, payload: Mapping[str, Any], *, same: Any = None) -> web.Response:
    """A page's data as JSON, with an ETag; 304 to whoever has them already.

    *same* stands for the payload where some of it changes with every moment and says nothing new.
    """
    body = to_json(payload)
    tag = hashlib.sha256(body if same is None else to_json(same)).hexdigest()[:32]
    headers = {"ETag": f'W/"{tag}"'}
    if any(known.value in (tag, "*") for known in request.if_none_match or ()):
        return web.Response(status=304, headers=headers)
    response = web.Response(body=body, headers=headers, content_type="application/json")
    pack(response)
    return response


def csv_file(name: str, rows: Iterable[Iterable[Any]]) -> web.Response:
    """A file to download, of a header and what follows; unknown is an empty cell."""
    lines = "".join(f"{csv_line(cells_of(row))}\r\n" for row in rows)
    return web.Response(
        body=lines.encode(),
        headers={
            "Content-Type": "text/csv; charset=utf-8; header=present",
            "Content-Disposition": f'attachment; filename="{name}.csv"',
        },
    )


def values_file(name: str, payload: Mapping[str, Any]) -> web.Response:
    """A page other than a list, as a file: a line for each value, with the path to it."""
    return csv_file(name, [("name", "value"), *_values(payload)])


def _values(found: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(found, Mapping):
        parts = [(str(key), value) for key, value in found.items()]
    elif isinstance(found, list | tuple):
        parts = [(str(number), value) for number, value in enumerate(found)]
    else:
        yield name, found
        return
    for part, value in parts:
        yield from _values(value, f"{name}.{part}" if name else part)


def see(target: str) -> web.Response:
    """Leads the browser on to *target* after a form, so that a reload does not send it again."""
    return web.Response(status=303, headers={"Location": target})


def pack(response: web.Response) -> None:
    """Compresses the answer if it is worth it and the caller takes it.

    No answer holds a secret beside what a caller chose, so its length gives nothing away.
    """
    if isinstance(response.body, bytes) and len(response.body) >= WORTH_PACKING:
        response.enable_compression()
