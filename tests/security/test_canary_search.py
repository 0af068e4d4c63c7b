"""The search for canaries finds them in every form, or finding none would mean nothing."""

from __future__ import annotations

import base64
import gzip
import json
import secrets
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest

from tests.security.canaries import MARK, Canary, sightings
from walmart_stream.sandbox import generate_keypair

SECRET = f"canary-{secrets.token_hex(12)}"
CANARY = Canary.of("password", SECRET)

FORMS: dict[str, Callable[[bytes], bytes]] = {
    "plain": lambda text: text,
    "within a word": lambda text: b"x" + text + b"x",
    "percent-encoded": lambda text: quote(b"/" + text).replace("-", "%2D").encode(),
    "percent-encoded twice over plus": lambda text: quote_plus(b" " + text + b" &").encode(),
    "JSON": lambda text: json.dumps({"a": [text.decode()]}).encode(),
    "repr": lambda text: repr(text).encode(),
    "base64": base64.b64encode,
    "URL-safe base64": base64.urlsafe_b64encode,
    "base64 of a login": lambda text: base64.b64encode(b"me:" + text),
    "base64 of another login": lambda text: base64.b64encode(b"user:" + text + b"!"),
    "base64 within a word": lambda text: b"xyz" + base64.b64encode(text) + b"xyz",
    "hex": lambda text: text.hex().encode(),
    "hex in capitals": lambda text: b"1" + text.hex().upper().encode(),
    "cut off": lambda text: text[:MARK],
}


@pytest.mark.parametrize("form", FORMS)
def test_a_canary_is_seen_in_every_form(form: str) -> None:
    """Between other things."""
    content = b"\x00\xff before " + FORMS[form](SECRET.encode()) + b" after\n"

    assert sightings(content, [CANARY]) == {"password"}


def test_any_line_of_a_private_key_is_seen() -> None:
    """But not what all private keys begin with."""
    private, _ = generate_keypair()
    another, _ = generate_keypair()
    canary = Canary.of("key", private)

    for line in private.splitlines()[2:-1]:
        assert sightings(f"before {line} after".encode(), [canary]) == {"key"}
    assert sightings(another.encode(), [canary]) == set()


def test_what_is_no_canary_is_not_seen() -> None:
    """Also where it is nearly one."""
    content = b"canary-" + secrets.token_hex(12).encode() + b" %% \\x \xff" + SECRET[1:].encode()

    assert sightings(content, [CANARY]) == set()


def test_what_is_compressed_is_not_seen() -> None:
    """So everything is looked for before it is compressed: topics, answers and files are not."""
    assert sightings(gzip.compress(SECRET.encode() * 3), [CANARY]) == set()
