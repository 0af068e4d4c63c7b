"""The private key of a Kafka client's certificate may be encrypted."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from tests.conftest import MakeSettings
from tests.real.certificates import Authority
from tests.security.secure_mongod import encrypt_key
from walmart_stream.kafka.clients import ssl_context

PASSWORD = "s3cr3t-of-the-key"


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    """A certificate whose key cannot be used without PASSWORD."""
    certificate, key = Authority(tmp_path / "authority", "tests").issue("worker")
    encrypt_key(key, PASSWORD)
    return {"kafka_cert_file": certificate, "kafka_key_file": key}


def test_an_encrypted_key_is_used_with_its_password(
    make_unreachable_settings: MakeSettings, files: dict[str, Path]
) -> None:
    """KAFKA_KEY_PASSWORD."""
    settings = make_unreachable_settings(
        kafka_security_protocol="SSL", kafka_key_password=PASSWORD, **files
    )

    assert ssl_context(settings) is not None


@pytest.mark.parametrize("password", [None, "wrong-s3cr3t"])
def test_without_its_password_the_settings_to_look_at_are_named(
    make_unreachable_settings: MakeSettings, files: dict[str, Path], password: str | None
) -> None:
    """Nobody is asked for it on the terminal, where a worker has none."""
    settings = make_unreachable_settings(
        kafka_security_protocol="SSL", kafka_key_password=password, **files
    )

    with pytest.raises(ssl.SSLError) as caught:
        ssl_context(settings)

    assert "KAFKA_KEY_PASSWORD" in str(caught.value)
    assert "s3cr3t" not in str(caught.value)


def test_a_key_that_is_not_encrypted_needs_no_password(
    make_unreachable_settings: MakeSettings, tmp_path: Path
) -> None:
    """Nor is one that is set in the way."""
    certificate, key = Authority(tmp_path / "another", "tests").issue("worker")

    for password in (None, PASSWORD):
        settings = make_unreachable_settings(
            kafka_security_protocol="SSL",
            kafka_cert_file=certificate,
            kafka_key_file=key,
            kafka_key_password=password,
        )
        assert ssl_context(settings) is not None
