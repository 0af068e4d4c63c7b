"""Addresses that keep what is shown: everything that a page was asked for stands in its query."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from pydantic import BaseModel


def query_of(asked: BaseModel, **changes: Any) -> str:
    """The query string of *asked* with *changes*, ``None`` takes one away; empty or with ``?``."""
    given = asked.model_dump(mode="json", by_alias=True, exclude_unset=True) | changes
    pairs = [(name, str(value)) for name, value in given.items() if value is not None]
    return f"?{urlencode(pairs, safe=',:')}" if pairs else ""
