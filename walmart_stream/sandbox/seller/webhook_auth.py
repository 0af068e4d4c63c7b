"""How a webhook proves who sent it: the three ways, and the signed timestamp beside them."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from walmart_stream.sandbox.seller.config import SellerConfig
from walmart_stream.sandbox.seller.pace import Pace

METHODS = ("BASIC_AUTH", "HMAC", "OAUTH")
DEFAULT_HEADER = "Authorization"
TIMESTAMP, SIGNATURE = "WM_SEC.TIMESTAMP", "WM_SEC.SIGNATURE"
Auth = Mapping[str, Any]
# Fields that each method needs.
NEEDED: Mapping[str, tuple[str, ...]] = {
    "BASIC_AUTH": ("userName", "password"),
    "HMAC": ("clientSecret",),
    "OAUTH": ("authUrl", "clientId", "clientSecret"),
}


class WebhookAuth:
    """Makes the headers of deliveries; keeps the tokens that receivers gave it."""

    def __init__(self, config: SellerConfig, pace: Pace) -> None:
        self._config = config
        self._pace = pace
        # authUrl and clientId -> token and when it ends, epoch seconds.
        self._tokens: dict[tuple[str, str], tuple[str, float]] = {}

    async def headers(
        self, http: aiohttp.ClientSession, auth: Auth, body: bytes, *, forged: bool = False
    ) -> dict[str, str]:
        """The header that proves the sender of *body*, or that fails to if *forged*.

        Raises:
            ClientError, TimeoutError: the receiver's token endpoint did not give a token.
        """
        name, method = auth.get("authHeaderName") or DEFAULT_HEADER, auth.get("authMethod")
        if method == "BASIC_AUTH":
            password = "wrong" if forged else auth["password"]
            return {name: _basic(auth["userName"], password)}
        if method == "HMAC":
            secret = "wrong" if forged else auth["clientSecret"]
            return {name: self._encoded(_mac(secret, body))}
        if method == "OAUTH":
            token = "wrong" if forged else await self._token(http, auth)
            return {name: f"Bearer {token}"}
        return {}

    def signed(self, auth: Auth, url: str, body: bytes, age: float = 0.0) -> dict[str, str]:
        """A timestamp *age* seconds old and a signature over it, the target and the body."""
        stamp = str(int(self._pace.clock() - age))
        parts = urlsplit(url)
        target = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
        message = f"POST\n{target}\n{stamp}\n{hashlib.sha256(body).hexdigest()}"
        secret = auth.get("clientSecret") or auth.get("password") or ""
        signature = base64.b64encode(_mac(secret, message.encode())).decode()
        return {TIMESTAMP: stamp, SIGNATURE: signature}

    def forget(self, auth: Auth) -> None:
        """The receiver refused its own token: the next delivery asks for another."""
        self._tokens.pop((str(auth.get("authUrl")), str(auth.get("clientId"))), None)

    def _encoded(self, mac: bytes) -> str:
        encoding = self._config.hmac_encoding
        if encoding == "mixed":
            encoding = self._pace.random.choice(("hex", "base64"))
        return mac.hex() if encoding == "hex" else base64.b64encode(mac).decode()

    async def _token(self, http: aiohttp.ClientSession, auth: Auth) -> str:
        key = (str(auth["authUrl"]), str(auth["clientId"]))
        token, ends = self._tokens.get(key, ("", 0.0))
        if ends > self._pace.clock():
            return token
        async with http.post(
            key[0],
            data={"grant_type": "client_credentials"},
            headers={DEFAULT_HEADER: _basic(key[1], auth["clientSecret"])},
            raise_for_status=True,
        ) as response:
            answer = await response.json(content_type=None)
        if not isinstance(answer, dict) or not isinstance(answer.get("access_token"), str):
            raise aiohttp.ClientPayloadError("no access_token")
        token = str(answer["access_token"])
        lifetime = float(answer.get("expires_in", 60))
        self._tokens[key] = (token, self._pace.clock() + lifetime)
        return token


def _basic(user: str, password: str) -> str:
    return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"


def _mac(secret: str, message: bytes) -> bytes:
    return hmac.new(secret.encode(), message, hashlib.sha256).digest()
