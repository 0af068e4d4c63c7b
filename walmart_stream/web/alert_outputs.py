"""The answers about alerts."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from walmart_stream.web.outputs import Cursor, Time, Unreadable


class _Output(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, defer_build=True)


class LogPlace(_Output):
    """A record."""

    topic: str
    partition: int
    offset: int


class Alert(_Output):
    """An alert. ``source`` is the record that began its episode, ``ended_by`` that ended it."""

    id: str
    rule: str
    item_id: str
    offer: str
    name: str | None
    tags: list[str] | None
    severity: Literal["info", "warning", "critical"]
    state: Literal["open", "acknowledged", "closed"]
    text: str | None
    started_at: Time
    raised_at: Time
    acknowledged_at: Time | None
    closed_at: Time | None
    source: LogPlace | None
    ended_by: LogPlace | None
    why: str | None
    channels: list[str] | None
    unreadable: Unreadable = None


class Alerts(_Output):
    """A page of alerts, newest first."""

    alerts: list[Alert]
    next_cursor: Cursor


class Acknowledged(_Output):
    """The alert is acknowledged."""

    acknowledged: str


class Mute(_Output):
    """Nobody is told of its alerts until then; null: somebody is."""

    kind: Literal["item", "rule"]
    name: str
    until: Time | None


class Rules(_Output):
    """All rules, with the fields that were given, what is muted, and the names of channels."""

    rules: list[dict[str, Any]]
    versions: Annotated[
        dict[str, str], Field(description="By name; a change may name the one that it is of.")
    ]
    mutes: list[Mute]
    channels: list[str]
    unreadable_rules: Annotated[
        int, Field(ge=0, description="Rules of a later version, which count as removed here.")
    ]


class RulesAdded(_Output):
    """The rules are there now."""

    added: list[str]


class RuleRemoved(_Output):
    """The rule is not there now."""

    removed: str


class Tried(_Output):
    """Whether a channel took a message, and if not, why."""

    channel: str
    delivered: bool
    reason: str | None
