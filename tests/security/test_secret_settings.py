"""Settings that are secrets, and those that could give them away."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from walmart_stream.settings import SECRETS, Settings, SettingsError, doubtful_names, load_settings

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

    assert named - NO_SECRETS | {"ALERT_CHANNELS"} == set(SECRETS)


@pytest.mark.parametrize("name", ["WALMART_AFFILIATE_URL", "WALMART_SELLER_URL"])
@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://walmart.invalid", "must begin with https://"),
        ("http://walmart.invalid:80/path", "must begin with https://"),
        ("http://127.0.0.1.walmart.invalid/", "must begin with https://"),
        ("http://walmart.invalid/@127.0.0.1/", "must begin with https://"),
        ("http://walmart.invalid#127.0.0.1:80", "must begin with https://"),
        ("https://walmart.invalid/", "WALMART_ALLOW_OTHER_HOSTS"),
        ("https://walmart.com.invalid/", "WALMART_ALLOW_OTHER_HOSTS"),
        ("https://notwalmart.com/", "WALMART_ALLOW_OTHER_HOSTS"),
        ("https://walmart.invalid\\.walmart.com/", "must have a name or an address as its host"),
        (f"https://me:{PASSWORD}@walmart.invalid/", "must contain no user and no password"),
        (f"http://me:{PASSWORD}@127.0.0.1:80", "must contain no user and no password"),
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
        "https://marketplace.walmartapis.com/v3",
        "http://127.0.0.1:8080/api",
        "http://localhost:8080",
        "http://[::1]:8080/",
    ],
)
def test_a_sandbox_on_this_machine_needs_no_tls(tmp_path: Path, name: str, url: str) -> None:
    """And Walmart itself has it."""
    settings = load_settings({**NEEDED, name: url}, tmp_path / "no.env")

    assert getattr(settings, name.lower()) == url


def test_another_host_is_allowed_by_a_setting_of_its_own(tmp_path: Path) -> None:
    """A gateway of one's own, said on purpose and not in passing."""
    given = {"WALMART_SELLER_URL": "https://gateway.invalid", "WALMART_ALLOW_OTHER_HOSTS": "true"}

    settings = load_settings({**NEEDED, **given}, tmp_path / "no.env")

    assert settings.walmart_seller_url == "https://gateway.invalid"


@pytest.mark.parametrize("mode", [0o666, 0o664, 0o602])
def test_a_dotenv_file_that_others_may_write_is_refused(tmp_path: Path, mode: int) -> None:
    """It could send the credentials of the environment to an address of its own."""
    file = tmp_path / ".env"
    file.write_text("WINDOW_SIZE=60\n")
    file.chmod(mode)

    with pytest.raises(SettingsError, match="others may change it"):
        load_settings(NEEDED, file)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a file away")
def test_a_dotenv_file_of_another_user_is_refused(tmp_path: Path) -> None:
    """As in a folder to which somebody else has led one."""
    file = tmp_path / ".env"
    file.write_text("WINDOW_SIZE=60\n")
    os.chown(file, 65534, 65534)

    with pytest.raises(SettingsError, match="belongs to another user"):
        load_settings(NEEDED, file)


def test_slips_in_names_are_found() -> None:
    """With the nearest right name; names of other programs are left alone."""
    names = ["POLL_INTERVALL_MAX", "KAFKA_BROKER", "KAFKA_HOME", "PATH", "WEB_PORT", "MONGODB_URL"]

    assert doubtful_names(names) == [
        "KAFKA_BROKER is not a setting; did you mean KAFKA_BROKERS?",
        "MONGODB_URL is not a setting; did you mean MONGODB_URI?",
        "POLL_INTERVALL_MAX is not a setting; did you mean POLL_INTERVAL_MAX?",
    ]
