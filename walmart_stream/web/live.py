"""The seam between the web views and the running worker."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from walmart_stream.domain.alerts.book import RuleBook
from walmart_stream.domain.alerts.steps import Step
from walmart_stream.domain.standing import Standing
from walmart_stream.domain.state import ItemState
from walmart_stream.domain.watch import WatchEntry

# The one check of ``failing`` that does not keep the tables from being asked.
MONGODB = "mongodb"


class Live(Protocol):
    """The running worker as the web views see it."""

    def item(self, item_id: str) -> ItemState | None:
        """The item's state from the offers table, if this worker owns its partition."""
        ...

    def windows(
        self, item_id: str, item: ItemState
    ) -> Mapping[int, Mapping[str, Mapping[str, Any]]]:
        """Start (epoch ms) -> offer -> fields of ``WindowClosed.document()``, so far."""
        ...

    def standing(self, item: ItemState) -> Standing | None:
        """How the own offer stands by *item*; ``None`` if the seller side said nothing of it."""
        ...

    async def known_then(self, item_id: str, at: int) -> Mapping[str, Any]:
        """``Then.document()`` of the item as of *at* (epoch ms), from the raw topic.

        Raises:
            KafkaError, TimeoutError: the brokers do not answer.
        """
        ...

    def stats(self) -> dict[str, Any]:
        """Counters, lag, partitions, uptime … of this worker; brings its gauges up to date."""
        ...

    def health(self) -> Mapping[str, Any]:
        """Ages in seconds and ``warnings``, shown to anyone beside readiness."""
        ...

    def failing(self) -> Mapping[str, str]:
        """The readiness checks that fail now, name -> reason; none = ready.

        Reasons are shown to anyone: they name no hosts. Any check but ``mongodb`` means that the
        tables cannot be asked.
        """
        ...

    def parked(self) -> Sequence[Mapping[str, Any]]:
        """The partitions of this worker that are not read until a person says how to go on.

        Each with ``topic``, ``partition``, ``offset``, ``since`` and ``reason``. The worker is
        ready nonetheless: it serves, and the other partitions go on.
        """
        ...

    async def watched(
        self, after: str, limit: int, tag: str | None = None
    ) -> tuple[list[WatchEntry], int]:
        """The first *limit* entries of the watchlist behind the item *after*, and how many it has.

        With *tag*: of those that have it. Of all workers, in the order of ids as text; what was
        acknowledged is there.

        Raises:
            KafkaError, TimeoutError: the brokers do not answer.
        """
        ...

    async def watch(self, entries: Sequence[WatchEntry]) -> None:
        """Returns when the brokers have acknowledged all *entries*."""
        ...

    async def take_event(self, body: bytes) -> str:
        """Returns where the event in *body* went, when the brokers have acknowledged it.

        ``observation``, ``waiting`` (for the item id of its SKU) or ``dead_letter``.
        """
        ...

    async def alert_book(self) -> RuleBook:
        """The alert rules and mutes; what was acknowledged is there.

        Raises:
            KafkaError, OSError, TimeoutError: the brokers do not answer.
        """
        ...

    async def write_rules(self, records: Sequence[tuple[bytes, bytes | None]]) -> None:
        """Returns when the brokers have acknowledged *records* of the topic of alert rules."""
        ...

    async def add_step(self, step: Step) -> None:
        """Returns when the brokers have acknowledged a *step* of an alert."""
        ...

    def alert_channels(self) -> Sequence[str]:
        """The names of the channels."""
        ...

    async def try_channel(self, name: str) -> str | None:
        """Send a channel a message; why it was not taken, ``None`` if it was."""
        ...

    async def unwatch(self, item_ids: Sequence[str]) -> None:
        """Returns when the brokers have acknowledged that none of *item_ids* is watched."""
        ...

    async def put_back(self, name: str | None, fault: str | None) -> int:
        """Put the dead letter *name*, or all of the class *fault*, back where they came from.

        Returns how many, when the brokers have acknowledged them; those that are cut or came by
        HTTP are left out.

        Raises:
            KafkaError, TimeoutError: some are not there; putting them back again is harmless.
        """
        ...
