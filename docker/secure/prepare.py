"""Makes what the secure deployment needs before it starts, in one folder, and renews it.

    prepare.py FOLDER            make what is missing, renew certificates that are a third over
    prepare.py FOLDER --rotate   new passwords and a new web token, too
    prepare.py FOLDER --check    change nothing; exit code 1 if a certificate ends within a week

Everything belongs to who runs it, and nobody else may read any of it. FOLDER gets:

    authorities/   private keys of the two authorities; needed here only
    secrets/       certificates with their keys, passwords: one file each, mounted one by one
    config/        server.properties of each Kafka node; no secret is in them
    data/          what Kafka, MongoDB and the workers store
    walmart/       for the keys that Walmart gave; walmart.env has their public part

Secrets are neither printed nor taken from arguments or the environment. A file is replaced by a
whole new one, so that whoever reads it while it changes gets the old or the new one.
"""

from __future__ import annotations

import argparse
import ipaddress
import os
import re
import secrets
import sys
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

NODES = ("kafka-1", "kafka-2", "kafka-3")
# As the roles of `walmart-stream acl`; `admin` besides gives out passwords and permissions.
ROLES = ("release", "worker", "reader")
WORKERS = ("worker-1", "worker-2")
MONGODB_DATABASE = "walmart"

AUTHORITY_LIFE = timedelta(days=5 * 365)
# Who steals the key of a leaf has it for so long: there are no revocation lists.
LEAF_LIFE = timedelta(days=30)
RENEWED_BELOW = LEAF_LIFE * 2 / 3
WARNED_BELOW = timedelta(days=7)
# Clocks of the machines that look at a certificate may be behind.
CLOCK_SKEW = timedelta(hours=1)

PASSWORD_BYTES = 32
# An administrator's former passwords are kept until the servers have been told the new one.
FORMER_KEPT = 5

TEMPLATE = Path(__file__).resolve().parents[1] / "kafka" / "secure-node.properties"


def main(arguments: Sequence[str] | None = None, now: datetime | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rotate", action="store_true", help="new passwords, new web token")
    parser.add_argument("--check", action="store_true", help="only say which certificates end")
    parser.add_argument(
        "--also-for",
        action="append",
        default=[],
        metavar="NAME",
        help="a further host name or address that servers' certificates are valid for",
    )
    parser.add_argument("--template", type=Path, default=TEMPLATE, help=argparse.SUPPRESS)
    chosen = parser.parse_args(arguments)
    os.umask(0o077)
    now = now or datetime.now(UTC)
    if chosen.check:
        return check(chosen.folder, now)
    for name in ("authorities", "secrets", "config", "walmart", *_data_folders()):
        (chosen.folder / name).mkdir(parents=True, exist_ok=True)
    # Somebody has made it for us, perhaps with more rights than it needs.
    chosen.folder.chmod(0o700)
    make_certificates(chosen.folder, chosen.also_for, now)
    make_passwords(chosen.folder / "secrets", rotate=chosen.rotate)
    make_configuration(chosen.folder, chosen.template)
    environment = chosen.folder / "walmart.env"
    if not environment.exists():
        write(environment, WALMART_ENV)
    return 0


def _data_folders() -> list[str]:
    return [f"data/{name}" for name in (*NODES, "mongo", *WORKERS)]


WALMART_ENV = """\
# The public part of Walmart's credentials, and where the secrets are: in files of mode 600 in the
# folder walmart/, which workers see as /run/walmart. Put no secret here: `docker inspect` shows it.
#WALMART_CONSUMER_ID=
#WALMART_PRIVATE_KEY_FILE=/run/walmart/private-key.pem
#WALMART_CLIENT_ID=
#WALMART_CLIENT_SECRET_FILE=/run/walmart/client-secret
#WALMART_WEBHOOK_SECRET_FILE=/run/walmart/webhook-secret
"""


# -- Certificates


def make_certificates(folder: Path, also_for: Sequence[str], now: datetime) -> None:
    """An authority for Kafka's nodes and one for MongoDB, and what each signs."""
    kafka, mongo = (authority(folder, name, now) for name in ("kafka", "mongo"))
    # Nodes know each other by this CN, see secure-node.properties: this authority signs only them.
    for node in NODES:
        leaf(folder / "secrets" / f"{node}.pem", kafka, "kafka", [node, *also_for], now)
    # The first user of MongoDB is made on its own loopback.
    names = ["mongo", "localhost", "127.0.0.1", *also_for]
    leaf(folder / "secrets" / "mongo.pem", mongo, "mongo", names, now)


Authority = tuple[ec.EllipticCurvePrivateKey, x509.Certificate]


def authority(folder: Path, name: str, now: datetime) -> Authority:
    """The authority *name*, made if it is not there; its certificate is ``secrets/NAME-ca.pem``."""
    key_file = folder / "authorities" / f"{name}.key"
    certificate_file = folder / "secrets" / f"{name}-ca.pem"
    if certificate_file.exists():
        if not key_file.exists():
            # A new authority would shut out everybody who trusts the one that there is.
            sys.exit(f"{key_file} is not there: put it back to renew certificates")
        key = serialization.load_pem_private_key(key_file.read_bytes(), None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        return key, x509.load_pem_x509_certificate(certificate_file.read_bytes())
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"walmart-stream {name} CA")])
    certificate = (
        _builder(subject, subject, key.public_key(), now, now + AUTHORITY_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    write(key_file, _pem(key))
    write(certificate_file, _pem(certificate))
    return key, certificate


def leaf(file: Path, signer: Authority, cn: str, names: Iterable[str], now: datetime) -> None:
    """A server's key with its certificate in *file*; kept while it is good for *names*."""
    names = tuple(dict.fromkeys(names))
    key_of_signer, issuer = signer
    if file.exists() and _is_good(file.read_bytes(), issuer, names, now):
        return
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, cn)])
    usages = [ExtendedKeyUsageOID.SERVER_AUTH]
    if cn == "kafka":
        usages.append(ExtendedKeyUsageOID.CLIENT_AUTH)
    certificate = (
        _builder(subject, issuer.subject, key.public_key(), now, now + LEAF_LIFE)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        .add_extension(x509.SubjectAlternativeName(_general(names)), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(key_of_signer.public_key()),
            critical=False,
        )
        .sign(key_of_signer, hashes.SHA256())
    )
    write(file, _pem(key) + _pem(certificate))


def check(folder: Path, now: datetime) -> int:
    """Say which certificates end within a week; 1 if any does or is missing, else 0."""
    failed = 0
    for name in (*NODES, "mongo", "kafka-ca", "mongo-ca"):
        file = folder / "secrets" / f"{name}.pem"
        try:
            certificate = x509.load_pem_x509_certificate(file.read_bytes())
        except (OSError, ValueError) as exc:
            print(f"{name}: no certificate: {type(exc).__name__}")
            failed = 1
            continue
        left = certificate.not_valid_after_utc - now
        print(f"{name}: valid until {certificate.not_valid_after_utc:%Y-%m-%d %H:%M} UTC")
        failed |= left < WARNED_BELOW
    return failed


def _is_good(pem: bytes, issuer: x509.Certificate, names: Sequence[str], now: datetime) -> bool:
    certificate = x509.load_pem_x509_certificate(pem)
    try:
        certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, ValueError):
        return False
    left = certificate.not_valid_after_utc - now
    valid_for = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return left > RENEWED_BELOW and list(valid_for) == _general(names)


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    now: datetime,
    end: datetime,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCK_SKEW)
        .not_valid_after(end)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _general(names: Iterable[str]) -> list[x509.GeneralName]:
    found: list[x509.GeneralName] = []
    for name in names:
        try:
            found.append(x509.IPAddress(ipaddress.ip_address(name)))
        except ValueError:
            found.append(x509.DNSName(name))
    return found


def _pem(thing: ec.EllipticCurvePrivateKey | x509.Certificate) -> str:
    if isinstance(thing, x509.Certificate):
        return thing.public_bytes(serialization.Encoding.PEM).decode()
    return thing.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


# -- Passwords


def make_passwords(folder: Path, *, rotate: bool) -> None:
    """One password for each user of Kafka and of MongoDB, and the token of the web views."""
    for server in ("kafka", "mongo"):
        current = folder / f"{server}-admin-password"
        former = folder / f"{server}-admin-passwords-before"
        if rotate and current.exists():
            known = former.read_text(encoding="ascii").split() if former.exists() else []
            # Before the new one, so that at no moment the one that the servers know is lost.
            _write_lines(former, [current.read_text(encoding="ascii"), *known][:FORMER_KEPT])
        elif not former.exists():
            write(former, "")
        _make(current, rotate=rotate)
    for role in ROLES:
        _make(folder / f"kafka-{role}-password", rotate=rotate)
        _make(
            folder / f"mongo-{role}-uri",
            rotate=rotate,
            form=f"mongodb://{role}:{{}}@mongo:27017/?authSource={MONGODB_DATABASE}"
            "&authMechanism=SCRAM-SHA-256"
            "&directConnection=true&tls=true&tlsCAFile=/run/secrets/mongo-ca.pem",
        )
    _make(folder / "web-token", rotate=rotate)


def _make(file: Path, *, rotate: bool, form: str = "{}") -> None:
    if rotate or not file.exists():
        write(file, form.format(secrets.token_urlsafe(PASSWORD_BYTES)))


# -- Configuration


def make_configuration(folder: Path, template: Path) -> None:
    """``config/NODE.properties``, and the arguments with which storage is formatted."""
    base = template.read_text(encoding="utf-8")
    for number, node in enumerate(NODES, 1):
        write(folder / "config" / f"{node}.properties", rendered(base, of_node(number, node)))
    cluster = folder / "config" / "cluster-id"
    if not cluster.exists():
        write(cluster, urlsafe_b64encode(uuid.uuid4().bytes).rstrip(b"=").decode())
    password = (folder / "secrets" / "kafka-admin-password").read_text(encoding="ascii")
    # As a file, because everybody on the machine can read the arguments of a process.
    _write_lines(
        folder / "secrets" / "kafka-format",
        [
            # A value that begins with a hyphen would be taken for an option.
            f"--cluster-id={cluster.read_text(encoding='ascii')}",
            "--add-scram",
            f"SCRAM-SHA-512=[name=admin,password={password}]",
        ],
    )


def of_node(number: int, node: str) -> dict[str, str]:
    """The settings that differ in a cluster of three, and of each of its nodes."""
    voters = ",".join(f"{voter}@{name}:9093" for voter, name in enumerate(NODES, 1))
    return {
        "node.id": str(number),
        "controller.quorum.voters": voters,
        "listeners": "SASL_SSL://:9092,SSL://:9094,CONTROLLER://:9093",
        "advertised.listeners": f"SASL_SSL://{node}:9092,SSL://{node}:9094",
        "log.dirs": f"/var/lib/kafka/{node}",
        "sasl.enabled.mechanisms": "SCRAM-SHA-512",
        "default.replication.factor": "3",
        "min.insync.replicas": "2",
        "offsets.topic.replication.factor": "3",
        "transaction.state.log.replication.factor": "3",
        "transaction.state.log.min.isr": "2",
        "share.coordinator.state.topic.replication.factor": "3",
        "share.coordinator.state.topic.min.isr": "2",
    }


def rendered(base: str, properties: Mapping[str, str]) -> str:
    """*base* with *properties* in the place of its own, and those that it lacks at the end."""
    kept = [
        line
        for line in base.splitlines()
        if not (match := re.match(r"\s*([^#=\s]+)\s*=", line)) or match[1] not in properties
    ]
    return "\n".join([*kept, *(f"{name}={value}" for name, value in properties.items())]) + "\n"


# -- Files


def _write_lines(file: Path, lines: Iterable[str]) -> None:
    write(file, "".join(f"{line}\n" for line in lines))


def write(file: Path, text: str) -> None:
    """Replace *file* at once; only its owner may read it."""
    new = file.with_name(f".{file.name}.new")
    new.unlink(missing_ok=True)
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as output:
        output.write(text)
        output.flush()
        os.fsync(output.fileno())
    new.replace(file)


if __name__ == "__main__":
    sys.exit(main())
