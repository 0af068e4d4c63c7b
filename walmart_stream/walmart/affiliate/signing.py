"""The signed headers that Walmart's affiliate side asks for with every call.

RSASSA-PKCS1-v1_5 with SHA-256 over three header values; URL, query and body are not signed.
"""

from __future__ import annotations

import logging
import re
from base64 import b64decode, b64encode
from collections.abc import Mapping

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from walmart_stream.walmart.errors import UnusableKey

# Walmart accepts a signature for 180 s; ten are left for the request's way and the clocks.
SIGNATURE_LIFE = 170.0

# Characters. A key of 16,384 bits has 12,700 as PEM, and 17,000 as base64 of that.
LONGEST_KEY = 32_000

# Bits. Walmart asks for 2048; smaller keys are used, with a warning.
SMALLEST_KEY = 2048

_PEM = re.compile(r"-----BEGIN (?:RSA )?PRIVATE KEY-----([^-]*)-----END (?:RSA )?PRIVATE KEY-----")

logger = logging.getLogger(__name__)


def canonical_string(consumer_id: str, timestamp_ms: int, key_version: str) -> bytes:
    """The text to sign: the values in the order of their headers' names, a newline after each."""
    return f"{consumer_id.strip()}\n{timestamp_ms}\n{key_version.strip()}\n".encode()


def load_private_key(text: str) -> RSAPrivateKey:
    """The RSA key in *text*: PKCS#8 or PKCS#1, not encrypted.

    It may be PEM, PEM whose line ends are written as ``\\n`` or ``\\r\\n`` or were lost, the base64
    between the PEM's first and last line alone, or the base64 of a whole PEM file.

    Raises:
        UnusableKey: *text* is something else; the message says what, without the content.
    """
    # Environments that allow one line only carry the line ends as backslash and n.
    text = text.replace("\\r", "\n").replace("\\n", "\n").strip().strip("\"'").strip()
    if len(text) > LONGEST_KEY:
        raise UnusableKey(
            "WALMART_PRIVATE_KEY is too long for a key; an RSA key has 1,700 characters"
        )
    if "-----BEGIN" not in text and (decoded := _from_base64(text)) is not None:
        text = decoded.decode("ascii") if decoded.lstrip().startswith(b"-----BEGIN") else text
    # Without its lines it begins with "openssh-key-v1", in base64.
    if "OPENSSH PRIVATE KEY" in text or text.lstrip().startswith("b3BlbnNzaC1rZXktdjE"):
        raise UnusableKey(
            "WALMART_PRIVATE_KEY is in the format of OpenSSH; convert a copy of its file to PEM: "
            "ssh-keygen -p -m PEM -N '' -f COPY"
        )
    if "ENCRYPTED" in text:
        raise UnusableKey("WALMART_PRIVATE_KEY is encrypted; the key without passphrase is needed")
    if "PUBLIC KEY" in text:
        raise UnusableKey("WALMART_PRIVATE_KEY is a public key; the private key is needed")
    if "-----BEGIN" in text and "PRIVATE KEY" not in text:
        raise UnusableKey(
            "WALMART_PRIVATE_KEY is another PEM than a key; the private key is needed"
        )
    der = _from_base64(_between_lines(text))
    if der is None and "-----BEGIN" not in text:
        raise UnusableKey(
            "WALMART_PRIVATE_KEY is neither PEM nor base64; the private key as PEM is needed"
        )
    try:
        key = serialization.load_der_private_key(der or b"", None)
    except Exception:
        # Whatever the parser says may quote what it was given.
        key = None
    if not isinstance(key, RSAPrivateKey):
        found = "damaged or cut short" if key is None else f"a {type(key).__name__}"
        raise UnusableKey(f"WALMART_PRIVATE_KEY is {found}; an RSA key of 2048 bits is needed")
    if key.key_size < SMALLEST_KEY:
        logger.warning(
            "WALMART_PRIVATE_KEY has %d bits; keys under %d bits can be broken: make a new one and "
            "upload its public part at walmart.io",
            key.key_size,
            SMALLEST_KEY,
        )
    return key


def _between_lines(text: str) -> str:
    """The base64 of a PEM between its BEGIN and END lines, or *text* if it has none."""
    found = _PEM.search(text)
    return found[1] if found else text


def _from_base64(text: str) -> bytes | None:
    try:
        return b64decode("".join(text.split()), validate=True) or None
    except ValueError:
        return None


class Signer:
    """Makes the four headers, and keeps them as long as Walmart accepts them.

    Pure but for the key: the caller brings the time, by Walmart's clock.

    Raises:
        UnusableKey: *private_key_pem* cannot be used.
    """

    def __init__(self, consumer_id: str, key_version: str, private_key_pem: str) -> None:
        self._consumer_id = consumer_id.strip()
        self._key_version = key_version.strip()
        self._key = load_private_key(private_key_pem)
        self._headers: Mapping[str, str] | None = None
        self._signed_at = 0.0

    def __repr__(self) -> str:
        return f"Signer(key_version={self._key_version!r})"

    def headers(self, now: float) -> dict[str, str]:
        """The signed headers for a request that is sent at *now* (epoch seconds)."""
        # A clock that was set back would otherwise keep a signature from its future.
        if self._headers is None or not 0 <= now - self._signed_at < SIGNATURE_LIFE:
            self._headers = self._sign(now)
            self._signed_at = now
        return dict(self._headers)

    def renew(self) -> None:
        """Forgets the signature, so that the next headers are signed again."""
        self._headers = None

    def _sign(self, now: float) -> Mapping[str, str]:
        timestamp_ms = int(now * 1000)
        message = canonical_string(self._consumer_id, timestamp_ms, self._key_version)
        signature = self._key.sign(message, padding.PKCS1v15(), hashes.SHA256())
        return {
            "WM_CONSUMER.ID": self._consumer_id,
            "WM_CONSUMER.INTIMESTAMP": str(timestamp_ms),
            "WM_SEC.KEY_VERSION": self._key_version,
            "WM_SEC.AUTH_SIGNATURE": b64encode(signature).decode(),
        }
