"""How long a refused login is tried again, and what of aiokafka that rests on."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from walmart_stream.credentials.files import RereadSecret
from walmart_stream.kafka.login import Password, missing

PATIENCE = 30.0


class Refused:
    """A login that is refused or accepted at the times that a test says (seconds)."""

    def __init__(self) -> None:
        self.now = 0.0
        self.reasons: list[str] = []
        self.password = Password(
            RereadSecret("KAFKA_PASSWORD", SecretStr("s3cret")),
            clock=lambda: self.now,
            patience=PATIENCE,
            give_up=self.reasons.append,
        )

    def at(self, *times: float) -> None:
        for self.now in times:
            self.password.refused("invalid credentials")


@pytest.fixture
def login() -> Refused:
    return Refused()


def test_a_login_that_stays_refused_is_given_up_with_the_reason(login: Refused) -> None:
    """And not with the password."""
    login.at(0, PATIENCE / 2, PATIENCE + 1)

    assert login.reasons == ["Kafka has refused its login for 30 s: invalid credentials"]


def test_node_and_file_may_change_one_after_the_other(login: Refused) -> None:
    """As long as it does not take longer than the patience lasts."""
    login.at(0, PATIENCE - 1)

    assert login.reasons == []


def test_a_login_that_succeeds_begins_the_time_anew(login: Refused) -> None:
    """A refusal of last year does not count."""
    login.at(0)
    login.password.accepted()

    login.at(1000, 1000 + PATIENCE - 1)

    assert login.reasons == []


def test_what_is_relied_on_is_there() -> None:
    """The installed aiokafka has all of it; another one ends the import."""
    assert missing() == []
