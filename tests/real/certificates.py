"""Authorities and certificates, made as a test runs."""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from walmart_stream.local.ports import LOOPBACK

DAY = timedelta(days=1)


class Authority:
    """A certificate authority in *folder*: ``ca`` is its certificate's PEM file, ``crl`` its list.

    *expired*: it, and with it everything that it signs, was valid until yesterday.
    """

    def __init__(self, folder: Path, name: str, *, expired: bool = False) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self._revoked: list[int] = []
        self._certificate = (
            self._builder(self._name, self._key, expired=expired)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(_SIGNS, critical=True)
            .sign(self._key, hashes.SHA256())
        )
        self.ca = folder / "ca.pem"
        self.ca.write_bytes(self._certificate.public_bytes(serialization.Encoding.PEM))
        self.crl = folder / "ca.crl"
        self._write_crl()

    def issue(
        self, name: str, *, host: str | None = None, expired: bool = False, revoked: bool = False
    ) -> tuple[Path, Path]:
        """The files of a certificate of CN=*name* and of its key.

        *host*: a name that it is valid for, besides 127.0.0.1, as a server's.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        builder = self._builder(subject, key, expired=expired).add_extension(
            x509.CRLDistributionPoints(
                [
                    x509.DistributionPoint(
                        [x509.UniformResourceIdentifier(self.crl.as_uri())], None, None, None
                    )
                ]
            ),
            critical=False,
        )
        if host is not None:
            names = [x509.DNSName(host), x509.IPAddress(ipaddress.ip_address(LOOPBACK))]
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        certificate = builder.sign(self._key, hashes.SHA256())
        if revoked:
            self._revoked.append(certificate.serial_number)
            self._write_crl()
        stem = f"{name}-{certificate.serial_number:x}"
        cert_file, key_file = self._folder / f"{stem}.pem", self._folder / f"{stem}.key"
        cert_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        key_file.touch(mode=0o600)
        key_file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return cert_file, key_file

    def _builder(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, *, expired: bool
    ) -> x509.CertificateBuilder:
        end = datetime.now(UTC) + (-DAY if expired else DAY)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(end - 3 * DAY)
            .not_valid_after(end)
        )

    def _write_crl(self) -> None:
        now = datetime.now(UTC)
        builder = x509.CertificateRevocationListBuilder(
            issuer_name=self._name, last_update=now - DAY, next_update=now + DAY
        )
        for serial in self._revoked:
            builder = builder.add_revoked_certificate(
                x509.RevokedCertificateBuilder(serial, now - DAY).build()
            )
        crl = builder.sign(self._key, hashes.SHA256())
        self.crl.write_bytes(crl.public_bytes(serialization.Encoding.DER))


_SIGNS = x509.KeyUsage(
    digital_signature=True,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)


def joined(folder: Path, certificate: tuple[Path, Path]) -> Path:
    """Key and certificate in one file, as Kafka's PEM key stores want them."""
    cert_file, key_file = certificate
    file = folder / f"{cert_file.stem}-joined.pem"
    file.touch(mode=0o600)
    file.write_bytes(key_file.read_bytes() + cert_file.read_bytes())
    return file
