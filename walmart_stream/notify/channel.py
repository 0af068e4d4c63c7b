"""The seam: a channel, and a message with the ids of its alerts."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple, Protocol

import orjson

from walmart_stream.domain.plain import plain

# Alerts that a digest spells out to people; programs get all of them.
MOST_SHOWN = 20


class NotDelivered(Exception):
    """A channel did not accept a message; the text contains no part of its URL."""


class Message(NamedTuple):
    """A message: its id, for people a title and a text, for programs JSON."""

    id: str
    title: str
    text: str
    body: bytes


class Channel(Protocol):
    """Somewhere to send messages."""

    async def send(self, message: Message) -> None:
        """Send *message*.

        Raises:
            NotDelivered: it was not taken, or that is not known.
        """
        ...

    async def close(self) -> None:
        """End its connections."""
        ...


def message_of(alerts: Sequence[Mapping[str, Any]]) -> Message:
    """One alert as its message, several as a digest; each brings its id.

    An alert's fields are those of ``storage.alerts.alert_fields``.
    """
    if len(alerts) == 1:
        [alert] = alerts
        body = {"type": "alert", **_json(alert)}
        return Message(alert["id"], _title(alert), _line(alert), orjson.dumps(body))
    ids = sorted(str(alert["id"]) for alert in alerts)
    name = f"digest:{hashlib.sha256(chr(10).join(ids).encode()).hexdigest()[:32]}"
    digest = {"type": "digest", "id": name, "alerts": [_json(alert) for alert in alerts]}
    lines = [_line(alert) for alert in alerts[:MOST_SHOWN]]
    if len(alerts) > MOST_SHOWN:
        lines.append(f"and {len(alerts) - MOST_SHOWN} more")
    return Message(name, f"{len(alerts)} alerts", "\n".join(lines), orjson.dumps(digest))


def trial(name: str, now: datetime) -> Message:
    """A message by which a person tries the channel *name*."""
    at = now.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    body = {"type": "test", "id": f"test:{name}:{at}", "channel": name, "at": at}
    text = f"This is a test of the channel {name}."
    return Message(str(body["id"]), "walmart-stream: test", text, orjson.dumps(body))


def _title(alert: Mapping[str, Any]) -> str:
    return plain(f"{alert.get('severity') or 'alert'}: {alert['rule']} on item {alert['item_id']}")


def _line(alert: Mapping[str, Any]) -> str:
    name = alert.get("name")
    shown = f"{name} ({alert['item_id']})" if name else str(alert["item_id"])
    return plain(f"{shown}: {alert.get('text') or alert['rule']} [{alert['id']}]")


def _json(alert: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: value.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        if isinstance(value, datetime)
        else value
        for name, value in alert.items()
    }
