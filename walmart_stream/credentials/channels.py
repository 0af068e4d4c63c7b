"""The channels of ALERT_CHANNELS: names and URLs, which are secrets."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, urlsplit

# A comma in a URL does not end it: only a name with a URL behind it begins the next one.
_BEGIN = re.compile(r"(?:^|[,\s])([A-Za-z0-9_-]+)=(?=[A-Za-z][A-Za-z0-9+.-]*://)")
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
WEBHOOK = ("http", "https")
SECRET = "secret"  # noqa: S105 - the name of the parameter


def channels_of(text: str) -> dict[str, str]:
    """Name -> URL.

    Raises:
        ValueError: the text does not list channels; the message has no part of a URL.
    """
    begins = list(_BEGIN.finditer(text))
    if not begins or text[: begins[0].start()].strip(" ,\n\t\r"):
        raise ValueError("must be NAME=URL, several separated by commas or on lines of their own")
    ends = [*(found.start() for found in begins[1:]), len(text)]
    channels: dict[str, str] = {}
    for found, end in zip(begins, ends, strict=True):
        name, url = found[1], text[found.end() : end].strip(" ,\n\t\r")
        if not NAME.fullmatch(name):
            raise ValueError("a channel's name must be 1-40 of a-z, 0-9, _ and -")
        if name in channels:
            raise ValueError(f"{name}: two channels have this name")
        if any(character.isspace() or not character.isprintable() for character in url):
            raise ValueError(f"{name}: its URL must contain no blanks")
        if fault := _fault(url):
            raise ValueError(f"{name}: {fault}")
        channels[name] = url
    return channels


def secrets(text: str) -> set[str]:
    """Everything in *text* that must not be shown: the URLs, and parts of them."""
    found = {text}
    try:
        channels = channels_of(text)
    except ValueError:
        return found
    for url in channels.values():
        parts = urlsplit(url)
        found.add(url)
        found.update(value for _, value in parse_qsl(parts.query) if len(value) >= 6)
        if parts.password:
            found.add(parts.password)
    return found


def _fault(url: str) -> str | None:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "its URL cannot be read"
    if parts.scheme.lower() not in WEBHOOK:
        return None
    if not host:
        return "its URL has no host"
    if parts.username or parts.password or parts.fragment:
        return "its URL must have no user, password or fragment"
    if not dict(parse_qsl(parts.query)).get(SECRET):
        return "a webhook's URL needs ?secret=, with which its messages are signed"
    return None
