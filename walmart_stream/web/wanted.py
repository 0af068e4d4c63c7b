"""The form of answer that a caller wants, and where a person is sent to sign in."""

from __future__ import annotations

import re
from urllib.parse import quote

from aiohttp import web

# Never answered with a page: programs ask, whatever they say that they accept.
_OF_PROGRAMS = ("/api/", "/webhooks/", "/livez", "/readyz", "/metrics")

# A path on this host. Browsers read // and /\ as the beginning of another host.
_OWN_PATH = re.compile(r"/(?![/\\])[\x21-\x7e]{0,2000}", re.ASCII)


def wants_page(request: web.Request) -> bool:
    """Whether a person looks at the answer: a browser that opens an address asks for HTML."""
    path = request.rel_url.raw_path
    if path.startswith(_OF_PROGRAMS) or path.endswith((".json", ".csv")):
        return False
    return "text/html" in request.headers.get("Accept", "").lower()


def login_for(target: str) -> str:
    """The address of the sign-in page that leads on to *target*, a path with its query."""
    return f"/login?next={quote(target, safe='/')}" if target != "/" else "/login"


def own_path(target: str | None) -> str:
    """*target* if it is a path on this server, else the first page."""
    return target if target and _OWN_PATH.fullmatch(target) else "/"
