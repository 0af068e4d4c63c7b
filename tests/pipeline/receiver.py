"""A receiver of alerts as a careful user writes one: it checks signatures and drops known ids."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any, Self

from aiohttp import web

SECRET = "correct horse battery staple"


class Receiver:
    """``taken`` are the alerts by their id, each once; ``status`` is what it answers."""

    def __init__(self) -> None:
        self.taken: dict[str, dict[str, Any]] = {}
        self.messages: list[dict[str, Any]] = []
        self.refused = 0
        self.status = 200

    @property
    def url(self) -> str:
        """For ALERT_CHANNELS."""
        return f"http://127.0.0.1:{self._port}/hook?secret={SECRET.replace(' ', '+')}"

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_post("/hook", self._take)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self._port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def _take(self, request: web.Request) -> web.Response:
        body = await request.read()
        signed = request.headers["x-walmart-stream-timestamp"].encode() + b"." + body
        right = hmac.new(SECRET.encode(), signed, hashlib.sha256).hexdigest()
        assert request.headers["x-walmart-stream-signature"] == right
        assert "secret" not in request.query
        if self.status != 200:
            self.refused += 1
            return web.Response(status=self.status)
        message = json.loads(body)
        assert request.headers["x-walmart-stream-id"] == message["id"]
        self.messages.append(message)
        for alert in message.get("alerts", [message]):
            self.taken.setdefault(alert["id"], alert)
        return web.Response()
