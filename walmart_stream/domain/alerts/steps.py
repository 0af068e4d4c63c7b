"""Steps of alerts: the values of the alerts topic.

An alert's id is its content - rule, item, offer, start of the episode - so that deriving it again
gives the same alert.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct, to_builtins
from msgspec.json import Decoder, Encoder

from walmart_stream.domain.errors import EmptyValue, WrongShape
from walmart_stream.domain.events import Source
from walmart_stream.domain.time import to_iso

RAISED, ACKNOWLEDGED, CLOSED = "raised", "acknowledged", "closed"
# Why an alert was closed.
ENDED, REARMED = "ended", "rule changed"
# Why an alert is raised that was before: the topic lost steps, so earlier ones have ended, too.
AGAIN = "sent again"


class Step(Struct, frozen=True, gc=False, omit_defaults=True):
    """One step of an alert.

    ``at`` is when it was raised, acknowledged or closed, ``started_at`` the start of its episode,
    ``source`` the record that began or ended it. The rest comes with the step that raises it.
    """

    schema: int
    step: str
    id: str
    rule: str
    item_id: str
    offer: str
    at: str
    started_at: str
    source: Source | None = None
    severity: str | None = None
    text: str | None = None
    name: str | None = None
    channels: tuple[str, ...] = ()
    quiet: str | None = None
    why: str | None = None

    def fields(self) -> dict[str, Any]:
        """JSON fields."""
        fields: dict[str, Any] = to_builtins(self)
        return fields


encode_step = Encoder().encode
_decode = Decoder(Step).decode


def decode_step(value: bytes | None) -> Step:
    """The step of a record of the alerts topic.

    Raises:
        BadInput: it is none.
    """
    if not value:
        raise EmptyValue("the value is empty; it must be a step of an alert")
    try:
        step = _decode(value)
    except (ValueError, RecursionError) as exc:
        raise WrongShape(f"not a step of an alert: {str(exc)[:200]}") from None
    if step.step not in (RAISED, ACKNOWLEDGED, CLOSED):
        raise WrongShape("step: must be raised, acknowledged or closed")
    return step


def alert_id(rule: str, item_id: str, offer: str, start: int) -> str:
    """The id of the alert of the episode that began at *start* (epoch ms)."""
    return f"{rule}:{item_id}:{offer}:{start}"


def acknowledged(alert: str, rule: str, item_id: str, offer: str, started_at: str, at: int) -> Step:
    """The step by which a person says that they know."""
    return Step(1, ACKNOWLEDGED, alert, rule, item_id, offer, to_iso(at), started_at)
