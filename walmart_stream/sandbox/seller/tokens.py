"""Access tokens by client credentials, and the headers that every call must have."""

from __future__ import annotations

import binascii
import hmac
import secrets
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass

import orjson

from walmart_stream.sandbox.seller.config import SHORTEST_TOKEN_LIFE, SellerConfig
from walmart_stream.sandbox.seller.pace import Pace
from walmart_stream.sandbox.seller.refusals import (
    RawRefusal,
    SellerRefusal,
    invalid_token,
    unauthorized,
)

TOKEN_SECONDS = 900.0
ACCESS_TOKEN = "WM_SEC.ACCESS_TOKEN"  # noqa: S105 - a header's name
CORRELATION_ID = "WM_QOS.CORRELATION_ID"
SERVICE_NAME = "WM_SVC.NAME"
MARKET = "WM_MARKET"
# fmt: off
SCOPES = (
    "reports", "item", "price", "lagtime", "feeds", "returns", "orders", "rules", "inventory",
    "content", "shipping",
)
# fmt: on
# Expired tokens are remembered to tell them from invented ones; more would only cost memory.
MOST_TOKENS = 10_000


@dataclass(frozen=True, slots=True)
class Token:
    """A token's life, in epoch seconds."""

    issued_at: float
    expires_at: float


class Tokens:
    """Issues tokens and knows which are good; several may be good at once."""

    def __init__(self, config: SellerConfig, pace: Pace) -> None:
        self._config = config
        self._pace = pace
        scaled = max(SHORTEST_TOKEN_LIFE, pace.real(TOKEN_SECONDS))
        self._seconds = scaled if config.token_seconds is None else config.token_seconds
        self._tokens: dict[str, Token] = {}
        self.issued = 0
        self.refused = 0

    def issue(self, authorization: str, grant_type: str) -> dict[str, object]:
        """The answer to a token request: ``access_token``, ``token_type``, ``expires_in``.

        Raises:
            SellerRefusal: the credentials are wrong and 401 is configured for that; or 400,
                for another grant.
            RawRefusal: the credentials are wrong: 400 with an OAuth error.
        """
        if not self._known(authorization):
            self.refused += 1
            status = self._config.bad_credentials_status
            if status == "mixed":
                status = self._pace.random.choice((400, 401))
            if status == 401:
                raise unauthorized()
            body = {
                "error": "invalid_client",
                "error_description": "Client authentication failed",
            }
            raise RawRefusal(400, orjson.dumps(body), "application/json")
        if grant_type != "client_credentials":
            raise SellerRefusal(
                400, "INVALID_REQUEST_PARAM", "grant_type is not supported", field="grant_type"
            )
        # About as long as the encrypted ones that Walmart gives out.
        token = f"eyJ{secrets.token_urlsafe(750)}"
        now = self._pace.clock()
        if len(self._tokens) >= MOST_TOKENS:
            self._tokens.pop(next(iter(self._tokens)))
        self._tokens[token] = Token(now, now + self._seconds)
        self.issued += 1
        return {
            "access_token": token,
            "token_type": "Bearer",
            "expires_in": int(self._seconds),
        }

    def check(self, headers: Mapping[str, str]) -> Token:
        """The good token in *headers*.

        Raises:
            SellerRefusal: 401, or 400 INVALID_TOKEN for an expired one where so configured.
        """
        token = self._tokens.get(headers.get(ACCESS_TOKEN, "").strip())
        if token is None:
            raise unauthorized()
        if token.expires_at <= self._pace.clock():
            raise self.expired()
        return token

    def expire(self, headers: Mapping[str, str]) -> SellerRefusal:
        """Ends the token in *headers* before its time; the refusal that its user gets."""
        text = headers.get(ACCESS_TOKEN, "").strip()
        if text in self._tokens:
            self._tokens[text] = Token(self._tokens[text].issued_at, float("-inf"))
        return self.expired()

    def expire_all(self) -> int:
        """Ends every token now; returns how many were good."""
        now = self._pace.clock()
        good = [text for text, token in self._tokens.items() if token.expires_at > now]
        for text in good:
            self._tokens[text] = Token(self._tokens[text].issued_at, now)
        return len(good)

    def expired(self) -> SellerRefusal:
        """The refusal for an expired token."""
        status = self._config.expired_token_status
        if status == "mixed":
            status = 400 if self._pace.random.random() < 0.5 else 401
        return invalid_token() if status == 400 else unauthorized()

    def detail(self, token: Token) -> dict[str, object]:
        """The body of ``/v3/token/detail``; times are epoch milliseconds as text."""
        return {
            "expire_at": str(int(token.expires_at * 1000)),
            "issued_at": str(int(token.issued_at * 1000)),
            "is_valid": True,
            "is_channel_match": True,
            "scopes": dict.fromkeys(SCOPES, "full_access"),
        }

    def _known(self, authorization: str) -> bool:
        scheme, _, encoded = authorization.partition(" ")
        try:
            given = b64decode(encoded, validate=True)
        except (binascii.Error, ValueError):
            return False
        wanted = f"{self._config.client_id}:{self._config.client_secret}".encode()
        return scheme.lower() == "basic" and hmac.compare_digest(given, wanted)


def check_headers(headers: Mapping[str, str]) -> None:
    """Returns if the headers that every call needs are there.

    Raises:
        SellerRefusal: 400 that names the first one at fault; 403 for a market other than US.
    """
    for name in (CORRELATION_ID, SERVICE_NAME):
        if name not in headers:
            raise SellerRefusal(
                400, "MISSING_REQUEST_HEADER", f"{name} is missing", field=name, category="REQUEST"
            )
        if not headers[name].strip():
            raise SellerRefusal(
                400,
                "INVALID_REQUEST_HEADER",
                f"{name} set blank or null",
                field=name,
                category="REQUEST",
            )
    if headers.get(MARKET, "us").lower() != "us":
        raise SellerRefusal(403, "FORBIDDEN", "Unsupported Market", field=MARKET)
