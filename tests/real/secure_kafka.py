"""A node of Apache Kafka that lets nobody in without TLS, a login and an ACL."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.real.certificates import Authority, joined
from walmart_stream.kafka.clients import client_options
from walmart_stream.local.kafka import SINGLE_NODE, KafkaNode
from walmart_stream.local.ports import LOOPBACK, free_port
from walmart_stream.settings import Settings

SECURE_NODE = SINGLE_NODE.with_name("secure-node.properties")
ADMIN = "admin"
MECHANISMS = ("SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN")


class SecureKafka:
    """One node with users *names*, each of whom has a password and may have a certificate.

    ``passwords``: by user; ``admin`` is a superuser. The ``expired`` listener shows a certificate
    that is no longer valid, and ``of_expired_authority`` one whose authority no longer is.
    *overrides*: further properties of the node.
    """

    def __init__(
        self, folder: Path, class_path: str, *names: str, overrides: Mapping[str, str] | None = None
    ) -> None:
        self.authority = Authority(folder / "authority", "tests")
        self.foreign = Authority(folder / "foreign", "somebody else's")
        self.old = Authority(folder / "old", "of old", expired=True)
        self.passwords = {name: secrets.token_urlsafe(24) for name in (ADMIN, *names)}
        self._certificates = folder
        ports = {name: free_port() for name in ("SASL_SSL", "SSL", "CONTROLLER", "EXPIRED", "OLD")}
        self.brokers = f"{LOOPBACK}:{ports['SASL_SSL']}"
        self.by_name = f"localhost:{ports['SASL_SSL']}"
        self.mutual = f"{LOOPBACK}:{ports['SSL']}"
        self.expired = f"{LOOPBACK}:{ports['EXPIRED']}"
        self.of_expired_authority = f"{LOOPBACK}:{ports['OLD']}"
        # A list is fetched once and kept for a while, so who is on it is on it from the start.
        self.revoked = self.authority.issue("worker", revoked=True)
        self.node = KafkaNode(
            folder / "node",
            class_path,
            port=ports["SASL_SSL"],
            controller_port=ports["CONTROLLER"],
            base=SECURE_NODE,
            overrides=self._overrides(ports) | dict(overrides or {}),
            format_arguments=[
                argument
                for name, password in self.passwords.items()
                for mechanism in MECHANISMS[:2]
                for argument in ("--add-scram", f"{mechanism}=[name={name},password={password}]")
            ],
            # Kafka itself has no setting for it: a certificate's own list is asked.
            java_options=(
                "-Dcom.sun.net.ssl.checkRevocation=true",
                "-Dcom.sun.security.enableCRLDP=true",
                # From Java 24 on a list is fetched from these places only.
                "-Dcom.sun.security.allowedCRLDistributionPoints=any",
            ),
            client=client_options(Settings.model_validate(self.login(ADMIN))),
        )

    def login(self, name: str, **fields: Any) -> dict[str, Any]:
        """Settings with which *name* logs in by SCRAM-SHA-512; *fields* replace or add some."""
        return {
            "kafka_brokers": (self.brokers,),
            "kafka_security_protocol": "SASL_SSL",
            "kafka_username": name,
            "kafka_password": self.passwords[name],
            "kafka_ca_file": self.authority.ca,
            "mongodb_uri": "mongodb://unreachable.invalid",
        } | fields

    def certificate(self, files: tuple[Path, Path], **fields: Any) -> dict[str, Any]:
        """Settings of a client that shows the certificate and key of *files*."""
        return {
            "kafka_brokers": (self.mutual,),
            "kafka_security_protocol": "SSL",
            "kafka_ca_file": self.authority.ca,
            "kafka_cert_file": files[0],
            "kafka_key_file": files[1],
            "mongodb_uri": "mongodb://unreachable.invalid",
        } | fields

    def _overrides(self, ports: Mapping[str, int]) -> dict[str, str]:
        def key_store(authority: Authority, **options: Any) -> str:
            # Without the name that clients may ask for: only the address is in it.
            issued = authority.issue("kafka", host="kafka.invalid", **options)
            return str(joined(self._certificates, issued))

        listeners = {name: f"{name}://{LOOPBACK}:{port}" for name, port in ports.items()}
        mapping = "SASL_SSL:SASL_SSL,SSL:SSL,CONTROLLER:SSL,EXPIRED:SASL_SSL,OLD:SASL_SSL"
        users = " ".join(f'user_{name}="{word}"' for name, word in self.passwords.items())
        return {
            "listeners": ",".join(listeners.values()),
            "advertised.listeners": ",".join(
                address for name, address in listeners.items() if name != "CONTROLLER"
            ),
            "listener.security.protocol.map": mapping,
            "ssl.keystore.location": key_store(self.authority),
            "ssl.truststore.location": str(self.authority.ca),
            "listener.name.expired.ssl.keystore.location": key_store(self.authority, expired=True),
            "listener.name.expired.ssl.keystore.type": "PEM",
            "listener.name.old.ssl.keystore.location": key_store(self.old),
            "listener.name.old.ssl.keystore.type": "PEM",
            # Brokers cannot refuse what they do not offer. No password is in the mounted file.
            "sasl.enabled.mechanisms": ",".join(MECHANISMS),
            "listener.name.sasl_ssl.plain.sasl.jaas.config": "org.apache.kafka.common.security"
            f".plain.PlainLoginModule required {users};",
            **{
                f"listener.name.{listener}.sasl.enabled.mechanisms": "SCRAM-SHA-512"
                for listener in ("expired", "old")
            },
            **{
                f"listener.name.{listener}.scram-sha-512.sasl.jaas.config": "org.apache.kafka"
                ".common.security.scram.ScramLoginModule required;"
                for listener in ("expired", "old")
            },
        }


def environment(fields: Mapping[str, Any]) -> dict[str, str]:
    """Settings as a process is told them."""
    return {
        name.upper(): ",".join(value) if isinstance(value, tuple) else str(value)
        for name, value in fields.items()
        if value is not None
    }
