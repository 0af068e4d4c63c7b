"""Addresses that keep the view: every choice made on a page stands in its query."""

from __future__ import annotations

from typing import Any, TypeVar
from urllib.parse import urlencode

from aiohttp import web
from pydantic import BaseModel

from walmart_stream.web.inputs import check, single_values

M = TypeVar("M", bound=BaseModel)


def query_of(asked: BaseModel, **changes: Any) -> str:
    """The query string of *asked* with *changes*, ``None`` takes one away; empty or with ``?``."""
    given = asked.model_dump(mode="json", by_alias=True, exclude_unset=True) | changes
    pairs = [(name, str(value)) for name, value in given.items() if value is not None]
    return f"?{urlencode(pairs, safe=',:')}" if pairs else ""


def filled(model: type[M], request: web.Request) -> M:
    """The query parameters of *request* but for the empty ones, which forms send along.

    Raises:
        BadRequest: one is unknown, given twice or wrong; the message names it.
    """
    values = single_values(request)
    known = {field.alias or name for name, field in model.model_fields.items()}
    return check(
        model, {name: value for name, value in values.items() if value or name not in known}
    )
