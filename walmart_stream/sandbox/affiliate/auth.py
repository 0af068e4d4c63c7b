"""Authentication of the affiliate side: RSA-signed headers, as the API proxy checks them.

The checks run in the proxy's order: headers present, consumer known, key version known and
in effect, timestamp within the window, signature of the right length, signature right.
"""

from __future__ import annotations

import binascii
from base64 import b64decode
from bisect import insort
from collections.abc import Callable, Mapping

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from walmart_stream.sandbox.keys import load_public_key
from walmart_stream.sandbox.refusals import gateway_refusal

CONSUMER_ID = "WM_CONSUMER.ID"
TIMESTAMP = "WM_CONSUMER.INTIMESTAMP"
KEY_VERSION = "WM_SEC.KEY_VERSION"
SIGNATURE = "WM_SEC.AUTH_SIGNATURE"

# Walmart states three minutes; that the window is the same for the future is a guess.
SIGNATURE_WINDOW_MS = 180_000


class KeyRing:
    """The public keys uploaded under each version, and from when each is in effect.

    A key of ``None`` ends the version. Times are epoch seconds of *clock*.
    """

    def __init__(self, clock: Callable[[], float], keys: Mapping[str, str]) -> None:
        self._clock = clock
        self._history: dict[str, list[tuple[float, int, RSAPublicKey | None]]] = {}
        for version, text in keys.items():
            self._add(version, load_public_key(text), float("-inf"))

    def upload(
        self, version: str, text: str, effective_in: float = 0.0, retire_others: bool = False
    ) -> None:
        """Registers the public key *text* under *version*, known after *effective_in* seconds.

        Raises:
            ValueError: *text* is no RSA public key.
        """
        key = load_public_key(text)
        since = self._clock() + effective_in
        if retire_others:
            for other in self._history:
                if other != version:
                    self._add(other, None, since)
        self._add(version, key, since)

    def key(self, version: str) -> RSAPublicKey | None:
        """The key in effect under *version* now, if any."""
        now = self._clock()
        past = [key for since, _, key in self._history.get(version, ()) if since <= now]
        return past[-1] if past else None

    def _add(self, version: str, key: RSAPublicKey | None, since: float) -> None:
        history = self._history.setdefault(version, [])
        insort(history, (since, len(history), key), key=lambda entry: entry[:2])


class Authenticator:
    """Checks the signed headers of a request."""

    def __init__(self, consumer_id: str, keys: KeyRing) -> None:
        self._consumer_id = consumer_id
        self._keys = keys

    def check(self, headers: Mapping[str, str], now: float) -> None:
        """Returns if the request may pass at *now*, epoch seconds by the server's clock.

        Raises:
            Refusal: 401 or 403, for the first check that fails.
        """
        consumer, stamp, version, signature = (
            headers.get(name, "").strip()
            for name in (CONSUMER_ID, TIMESTAMP, KEY_VERSION, SIGNATURE)
        )
        if not (consumer and stamp and version and signature):
            raise gateway_refusal(
                403,
                "Request is missing required security headers, "
                "please read documentation for security headers",
            )
        if consumer != self._consumer_id:
            raise gateway_refusal(
                403,
                f"Consumer {consumer} is not subscribed to the service name affil-product, "
                "version: 2.0.0, env: prod",
            )
        key = self._keys.key(version)
        if key is None:
            raise gateway_refusal(401, "Public Key not found")
        if not stamp.isdecimal() or abs(now * 1000 - int(stamp)) > SIGNATURE_WINDOW_MS:
            raise gateway_refusal(
                401, f"The timestamp {stamp} passed for the signature has expired"
            )
        _verify(key, signature, f"{consumer}\n{stamp}\n{version}\n".encode())


def _verify(key: RSAPublicKey, signature: str, message: bytes) -> None:
    expected = key.key_size // 8
    raw = _decoded(signature)
    if len(raw) != expected:
        raise gateway_refusal(
            401,
            f"IAM-1000: Signature length not correct: got {len(raw)} but was expecting {expected}",
        )
    try:
        key.verify(raw, message, padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature:
        raise gateway_refusal(
            401,
            "Could not authenticate in-request, auth signature :  "
            "Signature verification failed: affil-product, version: 2.0.0, env: prod",
        ) from None


def _decoded(signature: str) -> bytes:
    # Characters outside the alphabet are dropped, so base64url comes out short, as it does there.
    try:
        return b64decode(signature)
    except (binascii.Error, ValueError):
        return signature.encode()[: len(signature) * 3 // 4]
