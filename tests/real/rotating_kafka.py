"""A secured node whose certificates, authorities and passwords are exchanged as it serves."""

from __future__ import annotations

import runpy
import secrets
from pathlib import Path
from typing import Any

from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import for_code

from tests.docker.compose_file import DOCKER
from tests.real.certificates import Authority, joined
from tests.real.secure_kafka import ADMIN, SecureKafka, environment
from walmart_stream.kafka.clients import admin_client, client_options
from walmart_stream.settings import Settings

WORKER = "worker"
# So long a login by password holds, in milliseconds. A lookup of the coordinator waits behind two
# fetches of 1.5 s each; where sessions are no longer, it never gets an answer.
SESSION_MS = 4000

_set_passwords = runpy.run_path(str(DOCKER / "secure" / "kafka_users.py"))["set_passwords"]


class RotatingKafka(SecureKafka):
    """A secured node that ends sessions, and a worker's files, each of which may change.

    ``by_password`` and ``by_certificate`` are environments of the worker, which may do everything.
    """

    def __init__(self, folder: Path, class_path: str) -> None:
        self.bundle = folder / "node-trusts.pem"
        self.successor = Authority(folder / "successor", "successor")
        self.both = folder / "both.pem"
        super().__init__(
            folder,
            class_path,
            WORKER,
            overrides={
                "connections.max.reauth.ms": str(SESSION_MS),
                "super.users": f"User:kafka;User:{ADMIN};User:{WORKER}",
                # The node checks that by these it would trust itself.
                "ssl.truststore.location": str(self.bundle),
            },
        )
        self._folder = folder
        _write(self.both, self.authority.ca, self.successor.ca)
        self.node.client = client_options(self.admin)
        self.node_trusts(self.authority, self.successor)
        self.ca, self.password = folder / "ca.pem", folder / "password"
        self.cert, self.key = folder / "client.pem", folder / "client.key"
        self.trust(self.authority)
        self.tell(self.passwords[WORKER])
        self.show(self.authority.issue(WORKER))
        self.by_password = environment(
            self.login(WORKER, kafka_password=None, kafka_ca_file=self.ca)
        ) | {"KAFKA_PASSWORD_FILE": str(self.password)}
        self.by_certificate = environment(
            self.certificate((self.cert, self.key), kafka_ca_file=self.ca)
        )
        # It may stand over the other one.
        self.by_certificate |= {"KAFKA_USERNAME": "", "KAFKA_PASSWORD_FILE": ""}
        del self.by_password["MONGODB_URI"], self.by_certificate["MONGODB_URI"]

    def node_trusts(self, *authorities: Authority) -> None:
        """From its next start on."""
        _write(self.bundle, *(authority.ca for authority in authorities))

    def trust(self, *authorities: Authority) -> None:
        """The worker's KAFKA_CA_FILE holds these."""
        _write(self.ca, *(authority.ca for authority in authorities))

    def tell(self, password: str) -> None:
        """The worker's KAFKA_PASSWORD_FILE holds *password*."""
        self.password.touch(mode=0o600)
        self.password.write_text(password, encoding="ascii")

    def show(self, certificate: tuple[Path, Path]) -> None:
        """The worker's KAFKA_CERT_FILE and KAFKA_KEY_FILE hold *certificate*."""
        _write(self.cert, certificate[0])
        _write(self.key, certificate[1])

    async def new_password(self) -> str:
        """The node knows the worker by another password from now on; it is told to nobody."""
        password = self.passwords[WORKER] = secrets.token_urlsafe(24)
        await _set_passwords(self.admin, {WORKER: password})
        return password

    async def certify(self, authority: Authority) -> None:
        """The node shows another certificate, by *authority*, at once and after its next start."""
        file = joined(self._folder, authority.issue("kafka", host="kafka.invalid"))
        _write(Path(self.node.overrides["ssl.keystore.location"]), file)
        config = {
            f"listener.name.{name}.ssl.keystore.{key}": value
            for name in ("sasl_ssl", "ssl")
            for key, value in (("location", str(file)), ("type", "PEM"))
        }
        resource = ConfigResource(ConfigResourceType.BROKER, str(self.node.node_id), config)
        async with admin_client(self.admin) as admin:
            for response in await admin.alter_configs([resource]):
                for code, message, *_ in response.resources:
                    if code != 0:
                        raise for_code(code)(message)

    @property
    def by_admin(self) -> dict[str, str]:
        """The environment of who looks on, whatever the worker's files hold."""
        return environment(self._admin)

    @property
    def _admin(self) -> dict[str, Any]:
        return self.login(ADMIN, kafka_ca_file=self.both)

    @property
    def admin(self) -> Settings:
        """The client options of the node's administrator."""
        return Settings.model_validate(self._admin)


def _write(file: Path, *parts: Path) -> None:
    file.touch(mode=0o600)
    file.write_bytes(b"".join(part.read_bytes() for part in parts))
