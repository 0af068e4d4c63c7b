"""The context of the views' handlers."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from walmart_stream.domain.state import FIRST_RULES
from walmart_stream.domain.windows import Rules
from walmart_stream.metrics import Metrics
from walmart_stream.storage.sealed import UNSEALED, FieldSeal
from walmart_stream.web.kept import Kept
from walmart_stream.web.live import Live
from walmart_stream.web.ping import Ping
from walmart_stream.web.sessions import Sessions
from walmart_stream.web.webhook_auth import WebhookAuth
from walmart_stream.web.work import Work
from walmart_stream.web.workers import Workers


@dataclass(frozen=True, slots=True)
class Context:
    """The parts behind the views. ``database`` is motor's; ``clock`` gives aware UTC times.

    ``webhook_auth`` is there where webhooks are taken; ``seal`` opens stored documents.
    ``workers`` are the group's, where there is one; ``rules`` are those of windows; ``sessions``
    are there where WEB_TOKEN is set; ``kept`` are answers that cost something.
    """

    live: Live
    database: Any
    metrics: Metrics
    ping: Ping
    clock: Callable[[], datetime]
    work: Work
    webhook_auth: WebhookAuth | None = None
    seal: FieldSeal = UNSEALED
    workers: Workers | None = None
    rules: Rules = FIRST_RULES
    sessions: Sessions | None = None
    kept: Kept = field(default_factory=lambda: Kept(time.monotonic))
