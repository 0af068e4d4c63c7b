"""The other workers, asked by HTTP, side by side; none is waited for for long.

The consumer group's assignment says who they are; nothing in a request does. They are asked
with this worker's own WEB_TOKEN, which is theirs, too: the workers of a group are one deployment.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from functools import cached_property, lru_cache
from typing import Any

from aiohttp import ClientError, ClientSession
from yarl import URL

from walmart_stream.web.answers import LARGEST_ANSWER, Unusable, json_of

# Seconds. A page is made meanwhile; a worker answers from memory.
PATIENCE = 1.5

# Header by which a worker sees that another one asks: it does not ask further.
HOP = "X-Walmart-Stream-Forwarded"


class Silent(Exception):
    """A worker does not answer, or not properly; the message says which and why."""


class Workers:
    """The members of the group. *session* gives the connections to them once they are open."""

    def __init__(
        self,
        app: Any,
        table: Any,
        session: Callable[[], ClientSession],
        token: str | None = None,
        patience: float = PATIENCE,
    ) -> None:
        self._app = app
        self._table = table
        self._session = session
        self._headers = {HOP: "1", "Accept-Encoding": "identity"}
        if token is not None:
            self._headers["Authorization"] = f"Bearer {token}"
        self._patience = patience

    @property
    def proof(self) -> dict[str, str]:
        """The header by which the other workers let this one in; none where no token is set."""
        return {name: self._headers[name] for name in ("Authorization",) if name in self._headers}

    @cached_property
    def own_url(self) -> URL:
        """This worker's address: scheme, host and port."""
        return _bare(self._app.conf.canonical_url)

    def urls(self) -> list[URL]:
        """The addresses of all members that have partitions, this worker's among them."""
        found = {self.own_url}
        for address in self._app.router.tables_metadata():
            try:
                url = URL(str(address))
                if url.scheme in ("http", "https") and url.host:
                    found.add(_bare(url))
            except ValueError:
                continue
        return sorted(found)

    def owner(self, item_id: str) -> URL | None:
        """Where the item's state is; ``None`` while nobody has its partition."""
        try:
            url = self._app.router.key_store(self._table.name, item_id)
        except (KeyError, ValueError):
            return None
        return _bare(url) if url.scheme in ("http", "https") and url.host else None

    async def ask(
        self, url: URL, path: str, asked: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """The worker's JSON answer at *path*; *asked* are query parameters.

        Raises:
            Silent: there is none of status 200 in time.
        """
        try:
            async with (
                asyncio.timeout(self._patience),
                self._session().get(
                    url.with_path(path).with_query(asked),
                    headers=self._headers,
                    skip_auto_headers=("User-Agent",),
                    allow_redirects=False,
                ) as response,
            ):
                if response.status != 200:
                    raise Silent(f"{name_of(url)}: status {response.status}")
                return await json_of(response, LARGEST_ANSWER)
        except TimeoutError:
            raise Silent(f"{name_of(url)}: no answer in {self._patience:g} s") from None
        except (ClientError, OSError) as exc:
            raise Silent(f"{name_of(url)}: {type(exc).__name__}") from None
        except Unusable as exc:
            raise Silent(f"{name_of(url)}: {exc}") from None

    async def ask_others(self, path: str) -> tuple[dict[str, dict[str, Any]], list[str]]:
        """Name -> the answer of each other worker, and who is silent and why."""
        others = [url for url in self.urls() if url != self.own_url]
        answers = await asyncio.gather(
            *(self.ask(url, path) for url in others), return_exceptions=True
        )
        found: dict[str, dict[str, Any]] = {}
        silent: list[str] = []
        for url, answer in zip(others, answers, strict=True):
            if isinstance(answer, Silent):
                silent.append(str(answer))
            elif isinstance(answer, BaseException):
                raise answer
            else:
                found[name_of(url)] = answer
        return found, silent


def name_of(url: URL) -> str:
    """A worker as people know it: host and port."""
    return f"{url.host}:{url.port}"


@lru_cache
def _bare(url: URL) -> URL:
    assert url.host is not None
    return URL.build(scheme=url.scheme, host=url.host, port=url.port)
