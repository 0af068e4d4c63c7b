"""How a webhook proves that its sender knows the secret: BASIC, HMAC or a bearer token.

All of it is compared in constant time, and a refusal does not say what was wrong.
"""

from __future__ import annotations

import binascii
import hashlib
import hmac
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping

from multidict import MultiMapping

from walmart_stream.settings import Settings
from walmart_stream.web.errors import Unauthorized

ANY, BASIC, HMAC, OAUTH = "ANY", "BASIC_AUTH", "HMAC", "OAUTH"
TIMESTAMP, SIGNATURE = "WM_SEC.TIMESTAMP", "WM_SEC.SIGNATURE"

# Of tokens that are given out, seconds.
TOKEN_LIFE = 3600


class WebhookAuth:
    """Checks requests against the settings. *clock* gives epoch seconds.

    Tokens are made of the secret and the time they end, so that every worker knows them.
    """

    def __init__(self, settings: Settings, clock: Callable[[], float]) -> None:
        assert settings.walmart_webhook_secret is not None
        self._secret = settings.walmart_webhook_secret.get_secret_value().encode()
        # A key of its own: what Walmart signs, whatever it is, must never be a token.
        self._token_key = self._mac(b"walmart-stream: tokens for webhooks")
        self._method = settings.walmart_webhook_auth
        self._user = settings.walmart_webhook_user
        self._header = settings.walmart_webhook_header
        self._signed_time = settings.walmart_webhook_signed_time
        self._max_age = settings.walmart_webhook_max_age
        self._clock = clock

    def check_before_body(self, headers: MultiMapping[str]) -> None:
        """Refuse at once what no body could make good.

        Raises:
            Unauthorized: it is not from whom it should be.
        """
        if self._header not in headers or any(
            len(headers.getall(name, ())) > 1 for name in (self._header, TIMESTAMP, SIGNATURE)
        ):
            raise _refusal()
        if not self._may_sign() and not self._knows_secret(headers):
            raise _refusal()

    def check(self, headers: Mapping[str, str], body: bytes, method: str, target: str) -> None:
        """Refuse what does not prove its sender. *target* is path and query as they arrived.

        Raises:
            Unauthorized: it is not from whom it should be, or too old.
        """
        proven = self._knows_secret(headers)
        if self._may_sign() and _is_event(body):
            given = _mac_of(headers.get(self._header, ""))
            proven |= hmac.compare_digest(given, self._mac(body))
        timely = self._is_timely(headers, body, method, target)
        if not (proven and timely):
            raise _refusal()

    def token(self, headers: Mapping[str, str]) -> tuple[str, int]:
        """A bearer token for who shows user and secret (BASIC), and its life in seconds.

        Raises:
            Unauthorized: it is not for them.
        """
        if self._method not in (ANY, OAUTH) or not self._is_basic(headers.get("Authorization", "")):
            raise _refusal()
        ends = str(int(self._clock()) + TOKEN_LIFE)
        return f"{ends}.{self._token_mac(ends.encode()).hex()}", TOKEN_LIFE

    def _may_sign(self) -> bool:
        return self._method in (ANY, HMAC)

    def _knows_secret(self, headers: Mapping[str, str]) -> bool:
        value = headers.get(self._header, "")
        basic = self._method in (ANY, BASIC) and self._is_basic(value)
        return basic or (self._method in (ANY, OAUTH) and self._is_bearer(value))

    def _is_basic(self, value: str) -> bool:
        scheme, _, encoded = value.partition(" ")
        try:
            user, _, password = b64decode(encoded.strip(), validate=True).partition(b":")
        except (binascii.Error, ValueError):
            return False
        same = hmac.compare_digest(password, self._secret)
        if self._user is not None:
            same &= hmac.compare_digest(user, self._user.encode())
        return same and scheme.lower() == "basic"

    def _is_bearer(self, value: str) -> bool:
        scheme, _, token = value.partition(" ")
        given = _bytes(token.strip())
        ends, _, mac = given.partition(b".")
        ours = self._token_mac(ends).hex().encode()
        issued = hmac.compare_digest(mac, ours) and int(ends) > self._clock()
        return (hmac.compare_digest(given, self._secret) or issued) and scheme.lower() == "bearer"

    def _is_timely(self, headers: Mapping[str, str], body: bytes, method: str, target: str) -> bool:
        stamp, signature = headers.get(TIMESTAMP), headers.get(SIGNATURE)
        if stamp is None and signature is None:
            return not self._signed_time
        if stamp is None or not (stamp.isascii() and stamp.isdigit() and len(stamp) <= 12):
            return False
        message = f"{method}\n{target}\n{stamp}\n{hashlib.sha256(body).hexdigest()}"
        same = hmac.compare_digest(_mac_of(signature or ""), self._mac(_bytes(message)))
        return same and abs(self._clock() - int(stamp)) <= self._max_age

    def _token_mac(self, ends: bytes) -> bytes:
        return hmac.new(self._token_key, ends, hashlib.sha256).digest()

    def _mac(self, message: bytes) -> bytes:
        return hmac.new(self._secret, message, hashlib.sha256).digest()


def basic(user: str, secret: str) -> str:
    """The value of a header that :class:`WebhookAuth` takes."""
    return f"Basic {b64encode(f'{user}:{secret}'.encode()).decode()}"


def _is_event(body: bytes) -> bool:
    """Whether *body* begins as an event does: the MAC of anything else proves nothing here.

    A signed time has the same key by Walmart's rules, and begins with a method.
    """
    return body.lstrip(b" \t\r\n")[:1] in (b"{", b"[")


def _mac_of(text: str) -> bytes:
    """A MAC as it is written, in hex or base64; nothing for what is none."""
    text = text.strip().removeprefix("sha256=")
    try:
        return bytes.fromhex(text) if len(text) == 64 else b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""


def _bytes(text: str) -> bytes:
    # Headers are decoded with surrogates for what is not UTF-8.
    return text.encode("utf-8", "surrogateescape")


def _refusal() -> Unauthorized:
    return Unauthorized("the webhook does not prove who sent it")
