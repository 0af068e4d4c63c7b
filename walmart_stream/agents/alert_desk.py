"""The web views' side of alerts: rules and steps into their topics, channels tried."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from walmart_stream import topics
from walmart_stream.agents.alert_rules import AlertRules
from walmart_stream.domain.alerts.book import RuleBook
from walmart_stream.domain.alerts.steps import Step, encode_step
from walmart_stream.engine.app import StreamApp
from walmart_stream.notify.channel import Channel, NotDelivered, trial


class AlertDesk:
    """One worker's; *clock* gives aware UTC times."""

    def __init__(
        self,
        app: StreamApp,
        rules: AlertRules,
        channels: Mapping[str, Channel],
        clock: Callable[[], datetime],
    ) -> None:
        self._app = app
        self._rules = rules
        self._channels = channels
        self._clock = clock

    async def book(self) -> RuleBook:
        """The rules and mutes as they are now; raises as :meth:`AlertRules.read`."""
        await self._rules.read()
        return self._rules.book

    @property
    def fault(self) -> str | None:
        """Why the rules cannot be read now, if so."""
        return self._rules.fault

    async def write(self, records: Sequence[tuple[bytes, bytes | None]]) -> None:
        """Append *records* to the topic of rules."""
        outbox = self._app.outbox()
        for key, value in records:
            outbox.add(topics.ALERT_RULES.name, key, value)
        await outbox.flush()

    async def add_step(self, step: Step) -> None:
        """Append *step* to the topic of alerts."""
        outbox = self._app.outbox()
        outbox.add(topics.ALERTS.name, step.item_id.encode(), encode_step(step))
        await outbox.flush()

    def channels(self) -> list[str]:
        """The names of the channels."""
        return list(self._channels)

    async def attempt(self, name: str) -> str | None:
        """Send the channel *name* a message; why it was not taken, ``None`` if it was."""
        try:
            await self._channels[name].send(trial(name, self._clock()))
        except NotDelivered as exc:
            return str(exc)
        return None
