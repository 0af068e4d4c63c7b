"""A secret whose file may come to hold another one while the process runs."""

from __future__ import annotations

import logging

from pydantic import SecretStr

from walmart_stream.redaction import learn
from walmart_stream.secret_files import SecretInFile, read_secret

logger = logging.getLogger(__name__)


class RereadSecret:
    """The setting *name*: *secret* itself, or what its file holds at the moment.

    A file that cannot be used (it is being written, or others may read it) changes nothing: what
    was read before is kept, and one line in the log says so.
    """

    def __init__(self, name: str, secret: SecretStr) -> None:
        self._name = name
        self._path = secret.path if isinstance(secret, SecretInFile) else None
        self._text = secret.get_secret_value()
        self._fault: str | None = None

    def current(self) -> str:
        """The secret, of which no log record tells from now on."""
        if self._path is None:
            return self._text
        try:
            text = read_secret(self._path)
        except (OSError, ValueError) as exc:
            # What is no UTF-8 stands in the error that says so.
            self._keep(type(exc).__name__ if isinstance(exc, UnicodeError) else str(exc))
            return self._text
        if not text:
            self._keep("it is empty")
            return self._text
        self._fault = None
        if text != self._text:
            learn(text)
            self._text = text
            logger.info("%s_FILE has changed: new connections use what it holds now", self._name)
        return text

    def _keep(self, fault: str) -> None:
        if fault != self._fault:
            logger.warning(
                "%s_FILE cannot be used, what it held before is kept: %s", self._name, fault
            )
        self._fault = fault
