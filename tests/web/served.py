"""Web views served as a worker serves them: Faust's server on uvloop, beside the test.

Callers are raw sockets, which send what no client library would.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import Any

import faust
import uvloop

from tests.hang import DEADLINE
from tests.web.conftest import MemoryLive, Owners
from walmart_stream.local.ports import LOOPBACK, free_port
from walmart_stream.metrics import Metrics
from walmart_stream.settings import Settings
from walmart_stream.storage import mongo
from walmart_stream.web import views
from walmart_stream.web.limits import Limits
from walmart_stream.web.server import Web


class Served:
    """A server in a thread of its own. ``live`` tells what was done, ``metrics`` what was counted.

    Nothing but the views runs: there is neither Kafka nor MongoDB. *clock* gives aware UTC times.
    """

    def __init__(
        self,
        folder: Path,
        limits: Limits,
        live: MemoryLive | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        **overrides: Any,
    ) -> None:
        self.live = live or MemoryLive()
        self.metrics = Metrics()
        self.port = free_port()
        self._limits = limits
        self._clock = clock
        self.settings = Settings.model_validate(
            {
                "kafka_brokers": ("127.0.0.1:1",),
                "mongodb_uri": "mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=100",
                "data_dir": folder,
                "web_port": self.port,
                **overrides,
            }
        )
        self._loop = uvloop.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._started = threading.Event()
        self._stop = asyncio.Event()

    def __enter__(self) -> Served:
        self._thread.start()
        assert self._started.wait(DEADLINE)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(DEADLINE)
        assert not self._thread.is_alive()

    def call(self, function: Callable[[], object]) -> None:
        """Has *function* called by the server's own thread."""
        self._loop.call_soon_threadsafe(function)

    def is_idle(self) -> bool:
        """Whether all connections come to an end."""
        end = time.monotonic() + DEADLINE
        while time.monotonic() < end:
            if not len(self.web._runner.server.guests):
                return True
            time.sleep(0.01)
        return False

    def connect(
        self, receive_buffer: int | None = None, source: str | None = None
    ) -> socket.socket:
        """A connection; with a small *receive_buffer* what is not read is soon not taken.

        *source* is an address of loopback to come from.
        """
        wire = socket.socket()
        if source is not None:
            wire.bind((source, 0))
        if receive_buffer is not None:
            wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        wire.settimeout(DEADLINE)
        wire.connect((LOOPBACK, self.port))
        return wire

    def is_well(self) -> bool:
        """Whether good requests on new connections come to be answered."""
        end = time.monotonic() + DEADLINE
        while time.monotonic() < end:
            with contextlib.suppress(OSError, HTTPException), self.connect() as wire:
                wire.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                return answer(wire) == 200
        return False

    def _run(self) -> None:
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        settings = self.settings
        app = faust.App(
            settings.app_id,
            broker="kafka://127.0.0.1:1",
            datadir=str(settings.data_dir),
            canonical_url=settings.canonical_url,
            web_bind=LOOPBACK,
            web_port=self.port,
            web_tables_enabled=False,
            web_router_enabled=False,
            Router=Owners,
            web_application_options=views.application_options(settings, self._limits),
        )
        app.web = Web(app, self._limits)
        client = mongo.connect(settings)
        views.attach(
            app,
            settings=settings,
            live=self.live,
            database=mongo.database(client, settings),
            metrics=self.metrics,
            offers_table=app.Table("offers", key_type=bytes, value_type=bytes, partitions=4),
            clock=self._clock,
        )
        app.web.init_server()
        self.web = app.web
        await app.web.start_server()
        self._started.set()
        await self._stop.wait()
        await app.web.stop_server()
        client.close()


def answer(wire: socket.socket) -> int:
    """The status of the next answer on *wire*; its body is read."""
    response = HTTPResponse(wire)
    response.begin()
    response.read()
    return response.status


def until_closed(wire: socket.socket) -> bytes:
    """The bytes that come until the other side closes. Raises TimeoutError if it does not."""
    got = b""
    try:
        while piece := wire.recv(65536):
            got += piece
    except ConnectionError:
        pass
    return got
