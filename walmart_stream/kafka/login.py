"""SASL logins to Kafka with the password that its file holds at the moment.

aiokafka takes a password once, when a client is made, and there is no other way to hand one in. So
:func:`_log_in` stands in place of the method of its connections that logs in. All that is relied on
is in :data:`RELIANCES`, and looked for when this module is imported.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aiokafka.conn import AIOKafkaConnection
from aiokafka.errors import SaslAuthenticationFailed

from walmart_stream.credentials.files import RereadSecret

#: Methods of aiokafka's connection, and what of it they use.
RELIANCES = {
    "__init__": ("_sasl_plain_password",),
    "connect": ("_do_sasl_handshake",),
    "authenticator_plain": ("_sasl_plain_password",),
    "authenticator_scram": ("_sasl_plain_password",),
}


class Password:
    """The value for aiokafka's ``sasl_plain_password``.

    A login that is refused is tried again, because node and file do not change at the same moment;
    if none has succeeded for *patience* seconds of *clock*, *give_up* is called with the reason.
    """

    def __init__(
        self,
        secret: RereadSecret,
        *,
        clock: Callable[[], float],
        patience: float,
        give_up: Callable[[str], object],
    ) -> None:
        self._secret = secret
        self._clock = clock
        self._patience = patience
        self._give_up = give_up
        self._refused_since: float | None = None

    def current(self) -> str:
        """The password of a login that is made now."""
        return self._secret.current()

    def accepted(self) -> None:
        """A login has succeeded."""
        self._refused_since = None

    def refused(self, reason: str) -> None:
        """A broker has refused a login."""
        now = self._clock()
        if self._refused_since is None:
            self._refused_since = now
        elif now - self._refused_since > self._patience:
            self._give_up(f"Kafka has refused its login for {self._patience:g} s: {reason}")


def missing() -> list[str]:
    """The names in :data:`RELIANCES` that aiokafka lacks."""
    return [
        f"AIOKafkaConnection.{method}: {name}"
        for method, names in RELIANCES.items()
        for name in names
        if name not in getattr(AIOKafkaConnection, method).__code__.co_names
    ]


if missing():
    raise ImportError(f"this aiokafka logs in in another way; missing: {', '.join(missing())}")

_handshake = AIOKafkaConnection._do_sasl_handshake


async def _log_in(connection: Any) -> None:
    password = connection._sasl_plain_password
    if not isinstance(password, Password):
        await _handshake(connection)
        return
    connection._sasl_plain_password = password.current()
    try:
        await _handshake(connection)
    except SaslAuthenticationFailed as exc:
        password.refused(str(exc))
        raise
    password.accepted()


AIOKafkaConnection._do_sasl_handshake = _log_in
