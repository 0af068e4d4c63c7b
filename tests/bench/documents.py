"""The database that the sink writes to, looked at from outside."""

from __future__ import annotations

from typing import Any

from pymongo import AsyncMongoClient

from walmart_stream.audit.verify import report_lines, verify
from walmart_stream.settings import Settings
from walmart_stream.storage.documents import PRICE_CHANGES, PRICE_WINDOWS

DATABASE: str = Settings.model_fields["mongodb_database"].default


class Documents:
    """The documents of the default database at *uri*."""

    def __init__(self, uri: str) -> None:
        self.uri = uri
        self._client: AsyncMongoClient[dict[str, Any]] | None = None

    async def count(self) -> int:
        """Changes and windows: each result is one of them. From metadata: it costs no scan."""
        if self._client is None:
            self._client = AsyncMongoClient(self.uri, tz_aware=True)
        database = self._client[DATABASE]
        return sum(
            [
                await database[name].estimated_document_count()
                for name in (PRICE_CHANGES, PRICE_WINDOWS)
            ]
        )

    async def differences(self, settings: Settings) -> list[str]:
        """The audit's report if the database differs from the raw topic's results."""
        report = await verify(settings)
        return [] if report.is_clean else ["audit:", *report_lines(report)]
