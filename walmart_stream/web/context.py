"""The context of the views' handlers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from walmart_stream.metrics import Metrics
from walmart_stream.storage.sealed import UNSEALED, FieldSeal
from walmart_stream.web.live import Live
from walmart_stream.web.ping import Ping
from walmart_stream.web.webhook_auth import WebhookAuth
from walmart_stream.web.work import Work


@dataclass(frozen=True, slots=True)
class Context:
    """The parts behind the views. ``database`` is motor's; ``clock`` gives aware UTC times.

    ``webhook_auth`` is there where webhooks are taken; ``seal`` opens stored documents.
    """

    live: Live
    database: Any
    metrics: Metrics
    ping: Ping
    clock: Callable[[], datetime]
    work: Work
    webhook_auth: WebhookAuth | None = None
    seal: FieldSeal = UNSEALED
