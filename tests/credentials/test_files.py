"""The permissions of files with secrets."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from walmart_stream.credentials.files import (
    LARGEST,
    ExposedFile,
    exposure,
    read_secret,
    require_private,
)
from walmart_stream.settings import SECRETS, SettingsError, load_settings

ROOT, SOMEBODY = 0, 1000
OWN_GROUP, FOREIGN_GROUP = 10001, 50
NEEDED = {"KAFKA_BROKERS": "a:1", "MONGODB_URI": "mongodb://unreachable.invalid"}


def status(mode: int, owner: int = SOMEBODY, group: int = FOREIGN_GROUP) -> os.stat_result:
    return os.stat_result((0o100000 | mode, 0, 0, 1, owner, group, 0, 0, 0, 0))


def secret_file(path: Path, mode: int, text: str = "s3cr3t-value") -> Path:
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return path


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o700, 0o200])
@pytest.mark.parametrize("owner", [ROOT, SOMEBODY])
def test_what_only_the_owner_may_use_is_fine(mode: int, owner: int) -> None:
    """Whoever the owner is: to be read, it must be this user, or this is root."""
    assert exposure(status(mode, owner), {OWN_GROUP}) is None


@pytest.mark.parametrize("mode", [0o604, 0o644, 0o602, 0o601, 0o444, 0o777])
@pytest.mark.parametrize("owner", [ROOT, SOMEBODY])
def test_what_others_may_use_in_any_way_is_not(mode: int, owner: int) -> None:
    """Not even of root: 0444 is how some containers hand out secrets by default."""
    found = exposure(status(mode, owner, OWN_GROUP), {OWN_GROUP})

    assert found == f"others may read or change it (mode {mode:04o})"


@pytest.mark.parametrize("mode", [0o440, 0o640])
def test_root_may_hand_a_secret_to_our_group(mode: int) -> None:
    """As Kubernetes and Swarm do with secrets for users other than root."""
    assert exposure(status(mode, ROOT, OWN_GROUP), {OWN_GROUP}) is None


@pytest.mark.parametrize(
    ("mode", "owner", "group"),
    [
        (0o440, ROOT, FOREIGN_GROUP),
        (0o440, SOMEBODY, OWN_GROUP),
        (0o640, SOMEBODY, OWN_GROUP),
        (0o460, ROOT, OWN_GROUP),
        (0o450, ROOT, OWN_GROUP),
    ],
)
def test_nobody_else_may_and_no_other_group(mode: int, owner: int, group: int) -> None:
    """The group of a person holds other persons; a group that writes could replace the secret."""
    assert exposure(status(mode, owner, group), {OWN_GROUP}) is not None


@pytest.mark.parametrize("name", SECRETS)
def test_no_setting_is_read_from_a_file_that_others_may_read(name: str, tmp_path: Path) -> None:
    """One fault, which says what to do and nothing of the content."""
    file = secret_file(tmp_path / "secret", 0o644)
    environ = {"WALMART_CONSUMER_ID": "c", "WALMART_CLIENT_ID": "c", "WALMART_PRIVATE_KEY": "k",
               "WALMART_CLIENT_SECRET": "s", **NEEDED}  # fmt: skip
    environ.pop(name, None)

    with pytest.raises(SettingsError) as caught:
        load_settings({**environ, f"{name}_FILE": str(file)}, tmp_path / "no.env")

    [fault] = caught.value.faults
    assert fault == (f"{name}_FILE: others may read or change it (mode 0644): chmod 600 {file}")


def test_the_key_of_a_kafka_certificate_is_such_a_file(tmp_path: Path) -> None:
    """The certificate itself is public."""
    certificate = secret_file(tmp_path / "client.pem", 0o644)
    key = secret_file(tmp_path / "client.key", 0o604)
    environ = {**NEEDED, "KAFKA_CERT_FILE": str(certificate), "KAFKA_KEY_FILE": str(key)}

    with pytest.raises(SettingsError) as caught:
        load_settings(environ, tmp_path / "no.env")
    key.chmod(0o600)
    settings = load_settings(environ, tmp_path / "no.env")

    assert len(caught.value.faults) == 1
    assert caught.value.faults[0].startswith("KAFKA_KEY_FILE: ")
    assert f"chmod 600 {key}" in caught.value.faults[0]
    assert settings.kafka_key_file == key


def test_the_client_certificate_in_a_mongodb_uri_is_such_a_file(tmp_path: Path) -> None:
    """MongoDB wants key and certificate in one file; the authority's is public."""
    authority = secret_file(tmp_path / "ca.pem", 0o644)
    client = secret_file(tmp_path / "client.pem", 0o644)
    uri = f"mongodb://db.invalid/?tlsCAFile={authority}&tlsCertificateKeyFile={client}"
    environ = {**NEEDED, "MONGODB_URI": uri}

    with pytest.raises(SettingsError) as caught:
        load_settings(environ, tmp_path / "no.env")
    client.chmod(0o400)
    settings = load_settings(environ, tmp_path / "no.env")

    [fault] = caught.value.faults
    assert fault.startswith("MONGODB_URI: tlsCertificateKeyFile: others may read or change it")
    assert settings.mongodb_uri.get_secret_value() == uri


def test_files_of_a_mongodb_uri_must_be_there(tmp_path: Path) -> None:
    """Rather than that the driver fails with a file name and no setting."""
    uri = "mongodb://u:s3cr3t-value@db.invalid/?tlsCAFile=/absent/ca.pem"

    with pytest.raises(SettingsError) as caught:
        load_settings({**NEEDED, "MONGODB_URI": uri}, tmp_path / "no.env")

    assert caught.value.faults == ["MONGODB_URI: tlsCAFile: no such file: /absent/ca.pem"]


def test_a_symbolic_link_is_as_good_as_what_it_leads_to(tmp_path: Path) -> None:
    """Kubernetes mounts secrets as links, whose own mode says nothing."""
    private = secret_file(tmp_path / "private", 0o600)
    public = secret_file(tmp_path / "public", 0o644)
    (tmp_path / "good").symlink_to(private)
    (tmp_path / "bad").symlink_to(public)

    text = read_secret(tmp_path / "good")
    require_private(tmp_path / "good")

    assert text == "s3cr3t-value"
    for use in (read_secret, require_private):
        with pytest.raises(ExposedFile, match="chmod 600"):
            use(tmp_path / "bad")


def test_a_secret_may_come_through_a_pipe() -> None:
    """As of ``NAME_FILE=<(pass show …)``: only this process has it."""
    reading, writing = os.pipe()
    os.write(writing, b"s3cr3t-value\n")
    os.close(writing)

    text = read_secret(Path(f"/dev/fd/{reading}"))
    os.close(reading)

    assert text == "s3cr3t-value"


def test_what_is_too_long_is_no_secret(tmp_path: Path) -> None:
    """Nor is it read to its end."""
    file = secret_file(tmp_path / "file", 0o600, "x" * (LARGEST + 1))

    with pytest.raises(ValueError, match="larger than"):
        read_secret(file)
