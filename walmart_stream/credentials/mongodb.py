"""Credentials of MongoDB: what is in its connection string, and the keys that seal fields.

The parsers of libraries quote what they cannot read, and that may be the password.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import parse_qsl, unquote, unquote_plus

# As `Fernet.generate_key` makes it: 32 bytes in URL-safe base64.
_KEY = re.compile(r"[A-Za-z0-9_-]{43}=")

_SECRET_OPTIONS = ("tlscertificatekeyfilepassword", "authmechanismproperties")


def options(uri: str) -> dict[str, str]:
    """The options by their names in lower case."""
    return {name.lower(): value for name, value in parse_qsl(uri.partition("?")[2])}


def secrets(uri: str) -> Iterator[str]:
    """The parts of *uri* that nobody may see, as written and as sent."""
    login, at, _ = uri.partition("://")[2].rpartition("@")
    password = login.partition(":")[2] if at else ""
    if password:
        yield from (uri, login, password, unquote(password), unquote_plus(password))
    given = options(uri)
    yield from (given[name] for name in _SECRET_OPTIONS if name in given)


def servers(uri: str) -> set[str]:
    """The servers as written: ``host`` or ``host:port``."""
    authority = re.split("[/?]", uri.partition("://")[2], maxsplit=1)[0]
    return set(authority.rpartition("@")[2].split(","))


def hosts(uri: str) -> set[str]:
    """Names and addresses of the servers, without ports."""
    # A port may follow, also on [::1].
    return {re.sub(r":[0-9]*$", "", server).strip("[]").lower() for server in servers(uri)}


def has_tls(uri: str) -> bool:
    """Whether connections are encrypted."""
    given = options(uri)
    # Any other option of TLS turns it on, too.
    on = uri.startswith("mongodb+srv:") or any(name.startswith("tls") for name in given)
    return given.get("tls", given.get("ssl", str(on))).lower() == "true"


def keys_of(text: str) -> tuple[str, ...]:
    """The keys as written, between commas or white space, valid or not."""
    return tuple(key for key in re.split(r"[\s,]+", text) if key)


def check_keys(text: str) -> None:
    """Check that there is at least one key, and nothing else.

    Raises:
        ValueError: names what is none by its position, a line for each.
    """
    keys = keys_of(text)
    faults = [
        f"key {number} must be a Fernet key: 32 bytes in URL-safe base64, 44 characters"
        for number, key in enumerate(keys, 1)
        if not _KEY.fullmatch(key)
    ]
    if not keys:
        faults.append("it holds no keys")
    if faults:
        raise ValueError("\n".join(faults))
