"""The keys in MONGODB_FIELD_KEYS, newest first. What is raised shows none of them."""

from __future__ import annotations

import re

# As `Fernet.generate_key` makes it: 32 bytes in URL-safe base64.
_KEY = re.compile(r"[A-Za-z0-9_-]{43}=")


def keys_of(text: str) -> tuple[str, ...]:
    """The keys as they stand there, between commas or white space; good ones or not."""
    return tuple(key for key in re.split(r"[\s,]+", text) if key)


def check_keys(text: str) -> None:
    """Check that there is at least one key, and nothing else.

    Raises:
        ValueError: names what is none by its position, a line for each.
    """
    keys = keys_of(text)
    faults = [
        f"key {number} is no Fernet key: 32 bytes in URL-safe base64, 44 characters"
        for number, key in enumerate(keys, 1)
        if not _KEY.fullmatch(key)
    ]
    if not keys:
        faults.append("there is no key in it")
    if faults:
        raise ValueError("\n".join(faults))
