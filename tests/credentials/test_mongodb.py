"""The parts of a MongoDB connection string, and that no error shows them."""

from __future__ import annotations

from pathlib import Path

import pytest

from walmart_stream.credentials import mongodb
from walmart_stream.settings import SettingsError, load_settings
from walmart_stream.storage.mongo import connect

SECRET = "s3cr3t-value"


@pytest.mark.parametrize(
    ("uri", "tls"),
    [
        ("mongodb://db.invalid", False),
        ("mongodb://db.invalid/?tls=true", True),
        ("mongodb://db.invalid/?ssl=true", True),
        ("mongodb://db.invalid/?TLS=True", True),
        ("mongodb://db.invalid/?tlsCAFile=/ca.pem", True),
        ("mongodb://db.invalid/?tls=false&tlsCAFile=/ca.pem", False),
        ("mongodb+srv://db.invalid", True),
        ("mongodb+srv://db.invalid/?tls=false", False),
    ],
)
def test_tls_is_on_where_the_driver_has_it_on(uri: str, tls: bool) -> None:
    """By name, by another option of TLS, or with mongodb+srv."""
    assert mongodb.has_tls(uri) is tls


@pytest.mark.parametrize(
    ("uri", "hosts"),
    [
        ("mongodb://db.invalid", {"db.invalid"}),
        ("mongodb://u:p@A.invalid:1,b.invalid/x?y=z", {"a.invalid", "b.invalid"}),
        ("mongodb://[::1]:27017/", {"::1"}),
        ("mongodb://[::1]", {"::1"}),
        ("mongodb://127.0.0.1:1?tls=true", {"127.0.0.1"}),
    ],
)
def test_hosts_are_without_port_and_login(uri: str, hosts: set[str]) -> None:
    """Several of a replica set."""
    assert mongodb.hosts(uri) == hosts


@pytest.mark.parametrize(
    ("host", "options", "refused"),
    [
        ("db.invalid", "", True),
        ("localhost,db.invalid", "", True),
        ("db.invalid", "&tls=true", False),
        ("localhost:1,127.0.0.1,[::1]:2", "", False),
    ],
)
def test_a_password_is_not_sent_in_plaintext(
    tmp_path: Path, host: str, options: str, refused: bool
) -> None:
    """authMechanism=PLAIN sends it as it is; SCRAM, the default, does not send it."""
    uri = f"mongodb://u:{SECRET}@{host}/?authMechanism=PLAIN{options}"
    environ = {"KAFKA_BROKERS": "a:1", "MONGODB_URI": uri}

    try:
        load_settings(environ, tmp_path / "no.env")
        faults = []
    except SettingsError as exc:
        faults = exc.faults

    assert bool(faults) is refused
    assert SECRET not in str(faults)
    environ["MONGODB_URI"] = uri.replace("PLAIN", "SCRAM-SHA-256")
    assert load_settings(environ, tmp_path / "no.env").mongodb_in_plaintext is refused


@pytest.mark.parametrize(
    "uri",
    [
        f"mongodb://u:{SECRET}℀@db.invalid/?tlsCAFile=/absent",
        f"mongodb://u:[{SECRET}@db.invalid/?tlsCAFile=/absent",
        f"mongodb://u:{SECRET}?@db.invalid/?tlsCAFile=/absent",
        f"mongodb:/u:{SECRET}@db.invalid",
        f"mongodb://u:{SECRET}%zz@[::1/?authMechanism=PLAIN",
        f"mongodb://u:{SECRET}@db.invalid:{SECRET}/",
    ],
)
def test_no_fault_shows_what_cannot_be_read(tmp_path: Path, uri: str) -> None:
    """Some parsers quote what they do not understand."""
    with pytest.raises(SettingsError) as caught:
        connect(load_settings({"KAFKA_BROKERS": "a:1", "MONGODB_URI": uri}, tmp_path / "no.env"))

    assert "MONGODB_URI: " in str(caught.value)
    assert SECRET not in str(caught.value)
