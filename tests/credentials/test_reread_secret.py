"""A secret is what its file holds now, unless that cannot be used."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from tests.conftest import MakeSettings
from walmart_stream.credentials import redaction
from walmart_stream.credentials.files import RereadSecret
from walmart_stream.credentials.redaction import MASK, Redactor
from walmart_stream.settings import load_settings

OLD = "old-s3cr3t-of-kafka"
NEW = "new-s3cr3t-of-kafka"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "password"
    path.touch(mode=0o600)
    path.write_text(OLD + "\n", encoding="utf-8")
    return path


@pytest.fixture
def secret(file: Path) -> RereadSecret:
    """As settings have it that were read from the environment."""
    settings = load_settings(
        {
            "KAFKA_BROKERS": "kafka.invalid:9092",
            "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
            "KAFKA_USERNAME": "worker",
            "KAFKA_PASSWORD_FILE": str(file),
            "MONGODB_URI": "mongodb://unreachable.invalid",
        },
        env_file=file.with_name("no.env"),
    )
    assert settings.kafka_password is not None
    assert OLD not in repr(settings)
    return RereadSecret("KAFKA_PASSWORD", settings.kafka_password)


def test_it_is_what_the_file_holds_now(
    secret: RereadSecret, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A change is told once, without either of them."""
    assert secret.current() == OLD
    file.write_text(NEW, encoding="utf-8")

    with caplog.at_level(logging.INFO, "walmart_stream"):
        assert [secret.current(), secret.current()] == [NEW, NEW]

    assert len(caplog.records) == 1
    assert "KAFKA_PASSWORD_FILE has changed" in caplog.text
    assert OLD not in caplog.text
    assert NEW not in caplog.text


def test_what_is_given_in_the_environment_stays(make_unreachable_settings: MakeSettings) -> None:
    """It has no file to look at."""
    settings = make_unreachable_settings(kafka_password=SecretStr(OLD))

    assert settings.kafka_password is not None
    assert RereadSecret("KAFKA_PASSWORD", settings.kafka_password).current() == OLD


def emptied(file: Path) -> None:
    file.write_text("", encoding="utf-8")


def removed(file: Path) -> None:
    file.unlink()


def readable_by_others(file: Path) -> None:
    file.write_text(NEW, encoding="utf-8")
    file.chmod(0o644)


def no_text(file: Path) -> None:
    file.write_bytes(NEW.encode() + b"\xff")


@pytest.mark.parametrize("spoil", [emptied, removed, readable_by_others, no_text])
def test_a_file_that_cannot_be_used_changes_nothing_until_it_is_mended(
    secret: RereadSecret,
    file: Path,
    caplog: pytest.LogCaptureFixture,
    spoil: Callable[[Path], None],
) -> None:
    """The log says so once, and not what it holds."""
    with caplog.at_level(logging.INFO, "walmart_stream"):
        spoil(file)
        during = [secret.current() for _ in range(3)]
        said = [record.getMessage() for record in caplog.records]

        file.touch(mode=0o600)
        file.chmod(0o600)
        file.write_text(NEW, encoding="utf-8")

    assert during == [OLD] * 3
    assert len(said) == 1
    assert "its former value is kept" in said[0]
    assert NEW not in said[0]
    assert secret.current() == NEW


@pytest.fixture
def redactor() -> Iterator[Redactor]:
    """One that is in force in this process, as after ``protect``."""
    redactor = Redactor([OLD])
    redaction._in_force.append(redactor)
    yield redactor
    redaction._in_force.remove(redactor)


def test_a_new_one_is_redacted_as_soon_as_it_is_read(
    secret: RereadSecret, file: Path, redactor: Redactor
) -> None:
    """And the old one still is."""
    file.write_text(NEW, encoding="utf-8")

    text = secret.current()

    assert redactor.redact(f"{OLD} and {text}") == f"{MASK} and {MASK}"
