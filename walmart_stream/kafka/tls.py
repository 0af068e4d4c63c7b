"""TLS to Kafka with what the files of the authority and the certificate hold at the moment."""

from __future__ import annotations

import hashlib
import logging
import ssl
import threading
from pathlib import Path
from typing import Any

from walmart_stream.credentials.files import RereadSecret, require_private
from walmart_stream.settings import Settings

logger = logging.getLogger(__name__)


class ReloadingContext(ssl.SSLContext):
    """TLS 1.2 or newer, the brokers' names verified, with the files of *settings*.

    Each connection gets a context that was made of the files as they are then: certificates that
    were added to them are used, authorities that were taken out are no longer trusted. While they
    do not fit together, or others may read the key, the ones before are kept.

    asyncio and uvloop, and so aiokafka, ask a context for nothing but ``wrap_bio``. This one trusts
    nobody by itself.

    Raises:
        OSError, ssl.SSLError: a file cannot be used.
        ExposedFile: others may read the private key.
    """

    def __new__(cls, settings: Settings) -> ReloadingContext:
        return super().__new__(cls, ssl.PROTOCOL_TLS_CLIENT)

    def __init__(self, settings: Settings) -> None:
        self.minimum_version = ssl.TLSVersion.TLSv1_2
        self._settings = settings
        password = settings.kafka_key_password
        self._password = None if password is None else RereadSecret("KAFKA_KEY_PASSWORD", password)
        # The consumer connects in a thread of its own.
        self._lock = threading.Lock()
        self._fault: str | None = None
        self._print = self._fingerprint()
        self._context = self._load()

    def present(self) -> ssl.SSLContext:
        """The context of a connection that is made now."""
        with self._lock:
            try:
                found = self._fingerprint()
                if found != self._print:
                    context = self._load()
                    if self._fingerprint() != found:
                        raise OSError("they are being changed")
                    self._context, self._print = context, found
                    logger.info("certificate files have changed: new connections use them")
                self._fault = None
            except (OSError, ValueError) as exc:
                if str(exc) != self._fault:
                    logger.warning(
                        "certificate files cannot be used; the former ones are kept: %s", exc
                    )
                self._fault = str(exc)
            return self._context

    def wrap_bio(self, *args: Any, **kwargs: Any) -> ssl.SSLObject:
        return self.present().wrap_bio(*args, **kwargs)

    def wrap_socket(self, *args: Any, **kwargs: Any) -> ssl.SSLSocket:
        return self.present().wrap_socket(*args, **kwargs)

    def _fingerprint(self) -> tuple[Any, ...]:
        """A value that differs when the files hold something else; nothing in it is secret."""
        settings = self._settings
        if settings.kafka_key_file is not None:
            require_private(settings.kafka_key_file)
        given = (settings.kafka_ca_file, settings.kafka_cert_file, settings.kafka_key_file)
        contents = [file.read_bytes() for file in given if file is not None]
        if self._password is not None:
            contents.append(self._password.current().encode())
        prints: list[Any] = [hashlib.sha256(content).digest() for content in contents]
        if settings.kafka_ca_file is None:
            prints += _systems_authorities()
        return tuple(prints)

    def _load(self) -> ssl.SSLContext:
        settings = self._settings
        context = ssl.create_default_context(cafile=settings.kafka_ca_file)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if settings.kafka_cert_file is not None:
            try:
                context.load_cert_chain(
                    settings.kafka_cert_file,
                    settings.kafka_key_file,
                    # Without one OpenSSL would ask for it on the terminal.
                    password="" if self._password is None else self._password.current(),
                )
            except ssl.SSLError as exc:
                raise ssl.SSLError(
                    "KAFKA_CERT_FILE and KAFKA_KEY_FILE are not a certificate and its key, or "
                    f"KAFKA_KEY_PASSWORD is not the key's ({exc.reason or 'no PEM'})"
                ) from None
        return context


def _systems_authorities() -> list[tuple[int, int, int]]:
    """Size and times of OpenSSL's default files (SSL_CERT_FILE and SSL_CERT_DIR override them)."""
    paths = ssl.get_default_verify_paths()
    stats = [Path(path).stat() for path in (paths.cafile, paths.capath) if path is not None]
    return [(stat.st_ino, stat.st_size, stat.st_mtime_ns) for stat in stats]
