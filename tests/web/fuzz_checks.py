"""Checks of every answer besides schemathesis's own."""

from __future__ import annotations

import atexit
import json
import os
import re
from collections import Counter, defaultdict
from pathlib import Path

import schemathesis
from schemathesis.core.failures import Failure

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "Server": "walmart-stream",
    "X-Content-Type-Options": "nosniff",
}
PAGE_HEADERS = {
    **HEADERS,
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'",
    "Referrer-Policy": "same-origin",
}

# Operation -> status -> how often it was answered.
SEEN: defaultdict[str, Counter[int]] = defaultdict(Counter)


@atexit.register
def tell() -> None:
    """To the test that started this process."""
    Path(os.environ["FUZZ_STATUSES"]).write_text(json.dumps(SEEN))


@schemathesis.check
def count(ctx, response, case) -> None:
    """Counts the answers by their status."""
    SEEN[f"{case.method} {case.path}"][response.status_code] += 1


@schemathesis.check
def security_headers(ctx, response, case) -> None:
    """None is missing, and none is there that a browser would obey."""
    given = {name.lower(): value[0] for name, value in response.headers.items()}
    is_page = given.get("content-type", "").startswith("text/html")
    for name, value in (PAGE_HEADERS if is_page else HEADERS).items():
        assert given.get(name.lower()) == value, f"{name}: {given.get(name.lower())}"
    assert not [name for name in given if name.startswith("access-control-")]
    # A session begins and ends by its forms, and nowhere else.
    assert "set-cookie" not in given or case.path in ("/login", "/logout")


@schemathesis.check
def no_server_error(ctx, response, case) -> None:
    """Not even a described one: the database is up, and nothing is moving."""
    assert response.status_code < 500


@schemathesis.check
def errors_in_our_form(ctx, response, case) -> None:
    """Every refusal has our form, whichever layer makes it; or is the page with the form again."""
    if response.headers.get("content-type", [""])[0].startswith("text/html"):
        return
    if response.status_code >= 400 and case.method.upper() != "HEAD":
        error = _error(response)
        assert set(error) == {"code", "message"}, f"not in our form: {response.content[:200]!r}"
        assert all(isinstance(value, str) and value for value in error.values())


# Each parameter can be right and all of them together wrong, which no schema can say; nor what is
# in a cursor or a file.
UNSAID = (
    "cursor: not one that this endpoint gave",
    "to: must be later than from",
    "format: json has at most 1000 changes a page; see limit",
    "range: is due, or from and to",
    "tag: is due, or item",
    "offers: ",
    "from: must be before now",
    "no row names an item",
    "the rules: ",
    "item or rule is due, and not both",
)
# What browsers send forms in.
FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
# What is accepted of the times that have the format: neither leap seconds nor other ages.
TIME = re.compile(r"(19[7-9]\d|[2-9]\d{3})-(?!.*:60)(?!.*[+-]\d{2}:\d{2}$)")


@schemathesis.hook
def filter_failure(context, failure: Failure, case, response) -> bool:
    """Whether it is one."""
    if failure.code in ("ST201", "ST202") and case.media_type in FORMS:
        # Browsers send every field, so that an empty one is a missing one; and only together do
        # fields say whether a form can be taken.
        return False
    if failure.code == "ST201" and "" in (case.query or {}).values():
        # Forms send every field along; on pages, an empty one is none.
        return case.path.startswith("/api/")
    if failure.code == "ST201":
        # Whatever comes as a webhook is kept, at last as a dead letter. And what is no string is
        # one when it is sent as text: a number is an item's id.
        return not (case.path.startswith("/webhooks/") or case.media_type == "text/csv")
    if failure.code == "ST202":
        message = _error(response).get("message", "")
        name = message.partition(":")[0]
        given = {**(case.query or {}), **(case.body if isinstance(case.body, dict) else {})}
        if name in ("at", "from", "since", "to", "until") and not TIME.match(str(given.get(name))):
            return False
        return not (message.startswith(UNSAID) or "a tag must be" in message)
    if failure.code == "ST204":
        # Before it is said which methods there are, a body needs a type, and a caller the token.
        return response.status_code not in (401, 415)
    return True


def _error(response) -> dict[str, str]:
    try:
        return response.json()["error"]
    except (ValueError, LookupError, TypeError):
        return {}
