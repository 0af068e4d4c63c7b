"""Settings that are secrets, and those that could give them away."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from walmart_stream.settings import SECRETS, Settings, SettingsError, load_settings

PASSWORD = "s3cr3t-value"
NEEDED = {"KAFKA_BROKERS": "a:1", "MONGODB_URI": "mongodb://unreachable.invalid"}
# Named like secrets: a number, a path, and the name of a key.
NO_SECRETS = {"WALMART_KEY_VERSION", "KAFKA_KEY_FILE"}


def test_whatever_is_named_like_a_secret_is_one() -> None:
    """SecretStr, hence also NAME_FILE, and looked for in what is written."""
    named = {
        name.upper()
        for name in Settings.model_fields
        if re.search("(^|_)(password|secret|token|keys?|uri)(_|$)", name)
    }

    assert named - NO_SECRETS == set(SECRETS)


@pytest.mark.parametrize("name", ["WALMART_AFFILIATE_URL", "WALMART_SELLER_URL"])
@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://walmart.invalid", "https:// is due"),
        ("http://walmart.invalid:80/path", "https:// is due"),
        ("http://127.0.0.1.walmart.invalid/", "https:// is due"),
        ("http://walmart.invalid/@127.0.0.1/", "https:// is due"),
        ("http://walmart.invalid#127.0.0.1:80", "https:// is due"),
        (f"https://me:{PASSWORD}@walmart.invalid/", "no user and no password"),
        (f"http://me:{PASSWORD}@127.0.0.1:80", "no user and no password"),
    ],
)
def test_credentials_are_not_sent_where_anybody_can_read_them(
    tmp_path: Path, name: str, url: str, words: str
) -> None:
    """The client secret and signatures are in every request."""
    with pytest.raises(SettingsError) as caught:
        load_settings({**NEEDED, name: url}, tmp_path / "no.env")

    [fault] = caught.value.faults
    assert fault.startswith(f"{name}: ")
    assert words in fault
    assert PASSWORD not in fault


@pytest.mark.parametrize("name", ["WALMART_AFFILIATE_URL", "WALMART_SELLER_URL"])
@pytest.mark.parametrize(
    "url",
    [
        "https://walmart.invalid/api",
        "http://127.0.0.1:8080/api",
        "http://localhost:8080",
        "http://[::1]:8080/",
    ],
)
def test_a_sandbox_on_this_machine_needs_no_tls(tmp_path: Path, name: str, url: str) -> None:
    """And Walmart itself has it."""
    settings = load_settings({**NEEDED, name: url}, tmp_path / "no.env")

    assert getattr(settings, name.lower()) == url
