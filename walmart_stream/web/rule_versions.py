"""The version of an alert rule: by it a change of what somebody else has changed is refused.

It is made of the rule's fields, so that it can say which of them are others now. Two people who
save within the same moment on two workers are not kept apart: the topic takes the later one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import orjson

from walmart_stream.web.errors import Conflict

# Of a version: a rule has at most 23 fields, each with its name and the beginning of a hash.
VERSION = "^[a-z0-9_.-]{1,1000}$"
_HASH = 10

Given = Mapping[str, Any]


def version_of(given: Given) -> str:
    """The version of a rule with the fields *given*."""
    return ".".join(f"{name}-{_hash(value)}" for name, value in sorted(given.items()))


def require_version(version: str | None, name: str, now: Given | None) -> None:
    """Check that the rule *name*, whose fields are *now*, is still the one of *version*, if any.

    Raises:
        Conflict: it is another one, or gone (``None``); the message says what has changed.
    """
    if version is None:
        return
    if now is None:
        raise Conflict(f"somebody has removed the rule {name} meanwhile")
    changed = _changed(version, now)
    if changed:
        raise Conflict(f"somebody has changed the rule {name} meanwhile: {', '.join(changed)}")


def _changed(version: str, now: Given) -> list[str]:
    before = dict(part.rpartition("-")[::2] for part in version.split("."))
    after = {name: _hash(value) for name, value in now.items()}
    return [
        f"{name} is now {_shown(now[name])}" if name in now else f"{name} is no longer set"
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    ]


def _hash(value: Any) -> str:
    return hashlib.sha256(orjson.dumps(value)).hexdigest()[:_HASH]


def _shown(value: Any) -> str:
    text = orjson.dumps(value).decode()
    return text if len(text) <= 80 else f"{text[:80]}…"
