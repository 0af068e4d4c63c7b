"""Messages to people, by any service that apprise knows: e-mail, chat, push.

Apprise blocks, so it works in a thread; one message at a time.
"""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from walmart_stream.notify.channel import Message, NotDelivered

# Seconds. Mail servers greet slowly; a thread that hangs longer keeps its channel waiting.
TIMEOUT = 60.0


class People:
    """A service by its apprise URL.

    Raises:
        ValueError: apprise does not know it; the message has no part of the URL.
    """

    def __init__(self, url: str, *, timeout: float = TIMEOUT) -> None:
        # Imported late: it knows more than a hundred services, and takes its time.
        import apprise

        # It logs URLs.
        logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)
        self._service: Any = apprise.Apprise()
        if not self._service.add(url):
            raise ValueError("apprise does not know such a URL")
        self._timeout = timeout
        self._thread = ThreadPoolExecutor(1, "apprise")
        self._under_way: asyncio.Future[bool] | None = None

    async def send(self, message: Message) -> None:
        if self._under_way is not None and not self._under_way.done():
            raise NotDelivered("it has not finished the message before")
        self._under_way = asyncio.get_running_loop().run_in_executor(
            self._thread, self._notify, message
        )
        try:
            async with asyncio.timeout(self._timeout):
                taken = await asyncio.shield(self._under_way)
        except TimeoutError:
            raise NotDelivered(f"not done within {self._timeout:g} s") from None
        if not taken:
            raise NotDelivered("the service did not take it")

    async def close(self) -> None:
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _notify(self, message: Message) -> bool:
        try:
            return bool(self._service.notify(title=message.title, body=message.text))
        except Exception:
            # Whatever it is, its text may have the URL.
            return False
