"""A real mongod that lets nobody in without TLS and a login."""

from __future__ import annotations

import asyncio
import os
import secrets
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

from cryptography.hazmat.primitives import serialization
from pymongo import AsyncMongoClient, MongoClient
from pymongo.errors import PyMongoError

from tests.hang import DEADLINE
from tests.real.certificates import Authority, joined
from walmart_stream.local.mongod import find_mongod
from walmart_stream.local.ports import LOOPBACK, free_port
from walmart_stream.local.processes import Process, start

ADMIN = "admin"
DATABASE = "walmart"
STOP_GRACE = 30.0

# What docs/security.md gives for workers that shall not even be able to delete.
NARROW_ROLE = "walmartWorker"
NARROW_ACTIONS = ["find", "insert", "update", "createIndex"]


class SecureMongod:
    """One mongod with TLS by *authority*, and with users by password.

    ``worker`` has readWrite on :data:`DATABASE`, ``narrow`` only :data:`NARROW_ACTIONS`, ``reader``
    the role read, ``nobody`` no role. *password*: that of ``worker``, else made up. *mutual*: a
    client needs a certificate, too, whose key is encrypted with *key_password*, if any.
    """

    def __init__(
        self,
        folder: Path,
        authority: Authority,
        *,
        mutual: bool = False,
        password: str | None = None,
        key_password: str | None = None,
    ) -> None:
        self.authority = authority
        self.port = free_port()
        self.passwords = {
            name: secrets.token_urlsafe(24)
            for name in (ADMIN, "worker", "narrow", "reader", "nobody")
        }
        if password is not None:
            self.passwords["worker"] = password
        certificate = authority.issue("client")
        if key_password is not None:
            encrypt_key(certificate[1], key_password)
        self.client_file = joined(folder, certificate)
        self._mutual = mutual
        self._key_password = key_password
        self._data = folder / "data"
        self._log = folder / "mongod.log"
        # Without the name localhost: who asks for that one must not believe it.
        self._server_file = joined(folder, authority.issue("mongod", host="mongod.invalid"))
        self._process: Process | None = None

    @property
    def log(self) -> str:
        return self._log.read_text(encoding="utf-8", errors="replace")

    def uri(self, user: str | None = "worker", **options: Any) -> str:
        """Connection string of *user*; keyword arguments replace ``password`` and ``host``, or are
        options, of which ``None`` leaves one out."""
        password = options.pop("password", self.passwords.get(str(user)))
        login = f"{user}:{quote_plus(str(password))}@" if user else ""
        host = options.pop("host", f"{LOOPBACK}:{self.port}")
        given = {
            "tls": "true",
            "tlsCAFile": self.authority.ca,
            "authSource": "admin" if user else None,
            "authMechanism": "SCRAM-SHA-256" if user else None,
            "tlsCertificateKeyFile": self.client_file if self._mutual else None,
            "tlsCertificateKeyFilePassword": self._key_password if self._mutual else None,
            "directConnection": "true",
            "serverSelectionTimeoutMS": 1500,
        } | options
        query = "&".join(f"{name}={value}" for name, value in given.items() if value is not None)
        return f"mongodb://{login}{host}/?{query}"

    async def start(self) -> None:
        """Start it on the data that is there; the first time, with its users."""
        fresh = not self._data.exists()
        self._data.mkdir(exist_ok=True)
        argv = [
            find_mongod(),
            f"--dbpath={self._data}",
            f"--port={self.port}",
            f"--bind_ip={LOOPBACK},localhost",
            "--wiredTigerCacheSizeGB=0.3",
            "--nounixsocket",
            "--setParameter=diagnosticDataCollectionEnabled=false",
            "--auth",
            "--setParameter=authenticationMechanisms=SCRAM-SHA-256",
            "--tlsMode=requireTLS",
            f"--tlsCertificateKeyFile={self._server_file}",
            f"--tlsCAFile={self.authority.ca}",
            "--tlsDisabledProtocols=TLS1_0,TLS1_1",
        ]
        if not self._mutual:
            argv.append("--tlsAllowConnectionsWithoutCertificates")
        self._process = await start(argv, os.environ, self._log)
        await self._process.until(self._answers, DEADLINE)
        if fresh:
            await asyncio.to_thread(self._create_users)

    async def kill(self) -> None:
        """Ends it as a power cut would."""
        if self._process is not None:
            self._process.kill()
            await self._process.wait()
            self._process = None

    async def stop(self) -> None:
        """End it cleanly."""
        if self._process is not None:
            await self._process.stop(STOP_GRACE)
            self._process = None

    def as_admin(self) -> MongoClient[dict[str, Any]]:
        """A client that may do everything."""
        return MongoClient(self.uri(ADMIN))

    async def _answers(self) -> bool:
        uri = self.uri(None, serverSelectionTimeoutMS=500)
        async with AsyncMongoClient[dict[str, object]](uri) as client:
            try:
                await client.admin.command("ping")
            except PyMongoError:
                return False
            return True

    def _create_users(self) -> None:
        # As long as there is none, who comes from this machine may make the first one.
        with MongoClient[dict[str, Any]](self.uri(None)) as client:
            self._create_user(client, ADMIN, "root")
        with self.as_admin() as client:
            client.admin.command(
                "createRole",
                NARROW_ROLE,
                privileges=[
                    {
                        "resource": {"db": DATABASE, "collection": ""},
                        "actions": NARROW_ACTIONS,
                    }
                ],
                roles=[],
            )
            self._create_user(client, "worker", {"role": "readWrite", "db": DATABASE})
            self._create_user(client, "reader", {"role": "read", "db": DATABASE})
            self._create_user(client, "narrow", NARROW_ROLE)
            self._create_user(client, "nobody")

    def _create_user(self, client: Any, name: str, *roles: Any) -> None:
        client.admin.command(
            "createUser",
            name,
            pwd=self.passwords[name],
            roles=list(roles),
            mechanisms=["SCRAM-SHA-256"],
        )


def encrypt_key(key_file: Path, password: str) -> None:
    """Replace the PEM key in *key_file* by one that cannot be used without *password*."""
    key = serialization.load_pem_private_key(key_file.read_bytes(), None)
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(password.encode()),
        )
    )
