"""Faust's web server, with bounds on what a connection may cost and errors in our form.

aiohttp bounds lines, headers and bodies. It does not bound how many connections there are, nor how
long one is written to that nobody reads, goes on answering callers that have gone, keeps every
piece that comes after something that is not HTTP, and answers that with a text that repeats it and
a traceback in the log.

Relied on beyond what is documented: ``_runner`` of Faust's ``Web``, which it starts and stops;
``_make_server`` of aiohttp's ``AppRunner``; ``handle_error``, ``force_close``, ``_messages``,
``_ErrInfo`` and ``_request_in_progress`` of its ``RequestHandler``.
``tests/web/test_hostile.py`` runs this very server and fails without them.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from typing import Any, cast

from aiohttp import web
from aiohttp.web_protocol import _ErrInfo
from faust.web.drivers import aiohttp as driver

from walmart_stream.web.connections import Connections
from walmart_stream.web.errors import json_response
from walmart_stream.web.failures import group_of
from walmart_stream.web.frames import forget_frames
from walmart_stream.web.headers import HEADERS
from walmart_stream.web.limits import LIMITS, Limits

logger = logging.getLogger(__name__)

# Bytes of an answer, between two looks at a connection: less than any caller's line carries.
LEAST_TAKEN = 16_384

# Bytes that the system keeps of what is sent; Linux doubles it. By itself it takes megabytes and
# asks for more when a third is gone: a caller of 50 kB/s would seem to take nothing for 20 seconds.
SEND_BUFFER = 65_536


class Web(driver.Web):
    """The web views' server, in the place of ``app.web`` before any view is added."""

    def __init__(self, app: Any, limits: Limits = LIMITS, **kwargs: Any) -> None:
        super().__init__(app, **kwargs)
        self._runner = Runner(self.web_app, limits)


class Runner(web.AppRunner):
    """Makes a :class:`Server`."""

    # As its base has.
    __slots__ = ("_limits",)

    def __init__(self, app: web.Application, limits: Limits) -> None:
        super().__init__(app, shutdown_timeout=limits.shutdown, access_log=None)
        self._limits = limits

    async def _make_server(self) -> web.Server:
        return Server(await super()._make_server(), self._limits)


class Server(web.Server):
    """Serves what *made*, aiohttp's own server of the app, would."""

    def __init__(self, made: web.Server, limits: Limits) -> None:
        # What a caller has started ends with the caller.
        super().__init__(
            made.request_handler, request_factory=self._begin, handler_cancellation=True
        )
        self._factory = made.request_factory
        self._limits = limits
        self.guests = Connections(limits.connections, limits.per_address, limits.probes)

    def __call__(self) -> web.RequestHandler:
        return Connection(self, self._limits, asyncio.get_running_loop())

    def _begin(
        self, message: Any, payload: Any, protocol: web.RequestHandler, *rest: Any
    ) -> web.BaseRequest:
        connection = cast(Connection, protocol)
        connection.has_begun = True
        self.guests.touch(connection)
        return self._factory(message, payload, protocol, *rest)


class Connection(web.RequestHandler):
    """One connection. It is looked at from time to time, as long as it lasts."""

    def __init__(self, server: Server, limits: Limits, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(
            server,
            loop=loop,
            access_log=None,  # type: ignore[arg-type]  # as its base has it
            # The time for the headers of what follows a request.
            keepalive_timeout=limits.idle,
            lingering_time=limits.lingering,
            max_line_size=limits.line,
            max_field_size=limits.line,
            max_headers=limits.headers,
            # A few bytes can unpack to gigabytes, and nobody needs to send compressed ones.
            auto_decompress=False,
        )
        #: Whether the headers of a request have come.
        self.has_begun = False
        #: Whether there was no room for anything else.
        self.only_probes = False
        self._server = server
        # Whether something came that is not HTTP.
        self._is_unreadable = False
        self._patience = limits.patience
        # Kept while it closes: what is still to be sent keeps it open.
        self._wire: asyncio.Transport | None = None
        self._look_handle: asyncio.TimerHandle | None = None
        self._unsent = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        wire = cast(asyncio.Transport, transport)
        peer = wire.get_extra_info("peername")
        if not self._server.guests.admit(self, group_of(peer)):
            logger.warning("a connection was refused: %d are open", len(self._server.guests))
            wire.abort()
            return
        self._wire = wire
        wire.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        self._look_again()
        super().connection_made(transport)

    def connection_lost(self, exc: BaseException | None) -> None:
        if self._wire is not None:
            self._server.guests.release(self)
            self._wire = None
        if self._look_handle is not None:
            self._look_handle.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Reads requests; of what follows something that is not HTTP nothing is kept."""
        if self._is_unreadable:
            return
        super().data_received(data)
        if self._messages and isinstance(self._messages[-1][0], _ErrInfo):
            self._is_unreadable = True
            forget_frames(self._messages[-1][0].exc)

    @property
    def is_at_work(self) -> bool:
        """Whether a request is being answered, or an answer still being taken."""
        unsent = self._wire is not None and self._wire.get_write_buffer_size() > 0
        return self._request_in_progress or bool(self._messages) or unsent

    def leave(self) -> None:
        """Closes a connection that is not at work."""
        self.force_close()

    def resume_writing(self) -> None:
        # Enough was taken for more to be written.
        self._unsent = 0
        super().resume_writing()

    def _look_again(self) -> None:
        loop = asyncio.get_running_loop()
        self._look_handle = loop.call_later(self._patience, self._look)

    def _look(self) -> None:
        assert self._wire is not None
        unsent = self._wire.get_write_buffer_size()
        if unsent and self._unsent and unsent > self._unsent - LEAST_TAKEN:
            self._wire.abort()
            return
        self._unsent = unsent
        if not self.has_begun:
            self.force_close()
        self._look_again()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answers, and logs, where no view has been reached.

        Raises:
            ConnectionResetError: the caller has gone, so that nobody can be answered.
        """
        if isinstance(exc, ConnectionError):
            raise ConnectionResetError("the caller has gone") from None
        if status >= 500:
            # Logged with its traceback: it would be a fault of ours.
            super().handle_error(request, status, exc, message)
            code, text = "internal", "unexpected; the log says more"
        else:
            logger.info("not HTTP from %s (%s)", request.remote, type(exc).__name__)
            code, text = "bad_request", f"this is not read as HTTP ({type(exc).__name__})"
        body = {"error": {"code": code, "message": text}}
        response = json_response(body, status=status, headers=HEADERS)
        response.force_close()
        return response
