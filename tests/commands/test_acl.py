"""``walmart-stream acl``: what it prints for each role, and what it does not."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable

import pytest
from click.testing import CliRunner

from walmart_stream.cli import cli
from walmart_stream.kafka.acls import Operation, Resource, Role, role_acls
from walmart_stream.kafka.topic_configs import required_topics
from walmart_stream.settings import Settings

MakeSettings = Callable[..., Settings]


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_BROKERS", "kafka.invalid:9092")
    monkeypatch.setenv("MONGODB_URI", "mongodb://unreachable.invalid")
    monkeypatch.setenv("APP_ID", "prices")


def printed(*arguments: str, principal: str = "User:somebody") -> str:
    result = CliRunner().invoke(cli, ["acl", "--principal", principal, *arguments])
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.mark.parametrize("role", [role.value for role in Role])
def test_commands_and_json_say_the_same(role: str) -> None:
    """One command a line; the JSON has an entry for each, in the same order."""
    commands = [shlex.split(line) for line in printed("--role", role).splitlines()]
    entries = json.loads(printed("--role", role, "--format", "json"))

    said = []
    for command in commands:
        assert command[:4] == ["kafka-acls", "--bootstrap-server", "kafka.invalid:9092", "--add"]
        assert command[-2:] == ["--resource-pattern-type", "literal"]
        options = dict(zip(command[4::2], command[5::2], strict=True))
        kind = "topic" if "--topic" in options else "group"
        said.append((options["--allow-principal"], options["--operation"], options[f"--{kind}"]))
    assert said == [
        (
            entry["principal"],
            Operation[entry["operation"]].kafka_name,
            entry["resourceName"],
        )
        for entry in entries
    ]
    assert {entry["patternType"] for entry in entries} == {"LITERAL"}


@pytest.mark.parametrize("role", list(Role))
def test_nothing_is_wider_than_the_programs_own_topics_and_group(
    role: Role, make_unreachable_settings: MakeSettings
) -> None:
    """Exact names only, each ACL once, and nothing that deletes, alters or is for the cluster."""
    settings = make_unreachable_settings()

    acls = role_acls(settings, role)

    own = {topic.name for topic in required_topics(settings)}
    assert {acl.name for acl in acls if acl.resource is Resource.TOPIC} <= own
    assert {acl.name for acl in acls if acl.resource is Resource.GROUP} <= {settings.app_id}
    assert len(set(acls)) == len(acls)


def test_a_worker_writes_every_changelog_and_creates_nothing(
    make_unreachable_settings: MakeSettings,
) -> None:
    """Topics are made by the release role."""
    settings = make_unreachable_settings()

    acls = role_acls(settings, Role.WORKER)

    written = {acl.name for acl in acls if acl.operation is Operation.WRITE}
    assert written == {topic.name for topic in required_topics(settings)}
    assert Operation.CREATE not in {acl.operation for acl in acls}


@pytest.mark.parametrize("principal", ["somebody", "User:", "User:*", ":x"])
def test_a_principal_is_one_user(principal: str) -> None:
    """A wildcard would let everybody in."""
    result = CliRunner().invoke(cli, ["acl", "--principal", principal, "--role", "worker"])

    assert result.exit_code == 2
    assert "--principal" in result.output


def test_a_principal_that_a_shell_would_take_apart_is_quoted() -> None:
    """Names of certificates have spaces and commas."""
    principal = "User:CN=price worker,O=$(shop)"

    line = printed("--role", "reader", principal=principal).splitlines()[0]

    assert principal in shlex.split(line)


def test_applying_without_a_broker_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """It names the broker."""
    monkeypatch.setenv("KAFKA_BROKERS", "127.0.0.1:1")

    result = CliRunner().invoke(
        cli, ["acl", "--principal", "User:somebody", "--role", "reader", "--apply"]
    )

    assert result.exit_code == 1
    assert "127.0.0.1:1" in result.output
