"""Messages to people, by any service that apprise knows: e-mail, chat, push.

Apprise blocks, and reads answers of any size, so a separate process sends each message, one at a
time.
"""

from __future__ import annotations

import asyncio
import logging
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import orjson

from walmart_stream.notify.channel import Message, NotDelivered
from walmart_stream.settings import SETTING_NAMES

# Seconds. Mail servers greet slowly.
TIMEOUT = 60.0
# Bytes that telling may take: Python and apprise have 70 MB.
MEMORY = 512 * 1024 * 1024
# -P: modules in the current folder are not the program's.
TELL = (sys.executable, "-P", "-m", "walmart_stream.notify.tell")


class People:
    """A service by its apprise URL.

    Raises:
        ValueError: apprise does not know it; the message has no part of the URL.
    """

    def __init__(self, url: str, *, timeout: float = TIMEOUT, memory: int = MEMORY) -> None:
        # Imported late: it knows more than a hundred services, and takes its time.
        import apprise

        # It logs URLs.
        logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)
        service: Any = apprise.Apprise()
        if not service.add(url):
            raise ValueError("apprise does not know such a URL")
        self._url = url
        self._timeout = timeout
        self._memory = memory
        self._thread = ThreadPoolExecutor(1, "apprise")
        self._under_way: asyncio.Future[int] | None = None
        self._process: subprocess.Popen[bytes] | None = None

    async def send(self, message: Message) -> None:
        if self._under_way is not None and not self._under_way.done():
            raise NotDelivered("it has not finished the message before")
        self._under_way = asyncio.get_running_loop().run_in_executor(
            self._thread, self._tell, message
        )
        try:
            code = await asyncio.shield(self._under_way)
        except subprocess.TimeoutExpired:
            raise NotDelivered(f"not done within {self._timeout:g} s") from None
        except OSError as exc:
            raise NotDelivered(f"no process can be started ({type(exc).__name__})") from None
        if code:
            raise NotDelivered("the service did not take it")

    async def close(self) -> None:
        self._thread.shutdown(wait=False, cancel_futures=True)
        if self._process is not None:
            # The end of this program would wait for it otherwise.
            self._process.kill()

    def _tell(self, message: Message) -> int:
        """The exit code of the process that tells.

        Raises:
            OSError: it cannot be started.
            TimeoutExpired: it has not ended in time, and was ended.
        """
        asked = {
            # By its standard input: arguments and variables can be looked at by others.
            "url": self._url,
            "title": message.title,
            "body": message.text,
            # It ends by itself where this program is gone by then.
            "seconds": self._timeout + 5.0,
            "memory": self._memory,
        }
        environment = {name: of for name, of in os.environ.items() if name not in SETTING_NAMES}
        with subprocess.Popen(  # noqa: S603 - no part of it is from outside
            TELL,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=environment,
        ) as process:
            self._process = process
            try:
                process.communicate(orjson.dumps(asked), self._timeout)
            finally:
                process.kill()
        return process.returncode
