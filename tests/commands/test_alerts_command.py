"""The commands of alerts, on a real broker and a real database."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from motor.motor_asyncio import AsyncIOMotorClient

from walmart_stream import topics
from walmart_stream.cli import cli
from walmart_stream.domain.alerts.steps import RAISED, Step, decode_step
from walmart_stream.domain.time import to_iso
from walmart_stream.kafka.reading import read_topic
from walmart_stream.kafka.topic_admin import create_topics
from walmart_stream.local.mongod import EmbeddedMongod
from walmart_stream.storage.alerts import store_steps

FILE = """[[rule]]
name = "a"
items = ["42"]
when = "landed_below"
value = 20.00
channels = ["ops"]

[[rule]]
name = "b"
all = true
when = "unpublished"
"""

Run = Callable[..., Result]


@pytest.fixture
async def run(
    fresh_broker: Any,
    mongod: EmbeddedMongod,
    mongodb_database: str,
    make_unreachable_settings: Callable[..., Any],
) -> Run:
    """Runs `walmart-stream alerts` with an alert in the database."""
    settings = make_unreachable_settings(
        kafka_brokers=(fresh_broker.bootstrap,), kafka_partitions=2
    )
    await create_topics(settings)
    client: AsyncIOMotorClient[Any] = AsyncIOMotorClient(mongod.uri)
    raised = Step(
        1, RAISED, "a:42:own:5", "a", "42", "own", to_iso(5), to_iso(5), None, "info", "so"
    )
    await store_steps(client[mongodb_database], [raised])
    client.close()
    environment = {
        "KAFKA_BROKERS": fresh_broker.bootstrap,
        "KAFKA_PARTITIONS": "2",
        "MONGODB_URI": mongod.uri,
        "MONGODB_DATABASE": mongodb_database,
    }

    def run_command(*arguments: str, **more: str) -> Result:
        # A loop of its own, as on a command line.
        return CliRunner().invoke(cli, ["alerts", *arguments], env=environment | more)

    run_command.settings = settings  # type: ignore[attr-defined]
    return run_command


async def in_thread(run: Run, *arguments: str, code: int = 0, **more: str) -> str:
    result = await asyncio.to_thread(run, *arguments, **more)
    assert result.exit_code == code, result.output
    return str(result.output)


async def test_a_file_comes_back_as_it_was(run: Run, tmp_path: Path) -> None:
    """Import, export and the list agree; what is removed is gone."""
    file = tmp_path / "rules.toml"
    file.write_text(FILE)

    assert "2 rule(s) are valid" in await in_thread(run, "import", str(file), "--check")
    assert json.loads(await in_thread(run, "rules", "--json"))["rules"] == []
    said = await in_thread(run, "import", str(file), ALERT_CHANNELS="x=https://h/?secret=s")
    assert "channel ops is not in ALERT_CHANNELS" in said
    assert await in_thread(run, "export") == FILE
    assert "landed_below" in await in_thread(run, "rules")
    assert "no such rule: c" in await in_thread(run, "remove", "a", "c", code=1)
    assert "landed_below" not in await in_thread(run, "rules")


async def test_a_file_with_a_fault_changes_nothing(run: Run, tmp_path: Path) -> None:
    """Each fault has its file and line, and control characters do not reach the terminal."""
    file = tmp_path / "rules.toml"
    file.write_text(FILE + '"\\u001b[31m" = 3\n')

    said = await in_thread(run, "import", str(file), code=1)

    assert f"{file}: line 8: rule 'b': " in said
    assert "nothing is changed" in said
    assert "\x1b" not in said
    assert await in_thread(run, "export") == ""


async def test_a_rule_is_added_by_its_fields(run: Run) -> None:
    """Options are the fields of the file; a wrong one is wrong usage, and says what is right."""
    arguments = ("add", "cheap", "--item", "42", "--when", "landed_below", "--channel", "ops")

    await in_thread(run, *arguments, "--value", "19.99", "--hold", "15m")
    said = await in_thread(run, *arguments, "--hold", "15", code=2)

    assert 'value = 19.99\nhold = "15m"\nchannels = ["ops"]\n' in await in_thread(run, "export")
    assert 'hold: must be a text such as "30s"' in said
    assert "value: is missing" in said


async def test_alerts_are_listed_and_acknowledged(run: Run) -> None:
    """An acknowledgement is a step of the alert, in its topic."""
    listed = json.loads(await in_thread(run, "list", "--state", "open", "--json"))["alerts"]
    assert [one["id"] for one in listed] == ["a:42:own:5"]
    assert "a:42:own:5" in await in_thread(run, "list")

    said = await in_thread(run, "ack", "a:42:own:5", "nothing", code=1)

    assert "acknowledged 1 alert(s)" in said
    assert "no such alert: nothing" in said
    settings = run.settings  # type: ignore[attr-defined]
    [step] = [decode_step(one.value) async for one in read_topic(settings, topics.ALERTS.name)]
    assert (step.step, step.id) == ("acknowledged", "a:42:own:5")


async def test_mutes_have_an_end(run: Run) -> None:
    """An item or a rule, until a time or for one."""
    await in_thread(run, "mute", "--item", "42", "--for", "8h")
    await in_thread(run, "mute", "--rule", "a", "--until", "2030-01-01")
    mutes = json.loads(await in_thread(run, "rules", "--json"))["mutes"]
    assert set(mutes) == {"item:42", "rule:a"}
    await in_thread(run, "mute", "--item", "42", "--end")
    assert set(json.loads(await in_thread(run, "rules", "--json"))["mutes"]) == {"rule:a"}

    for wrong in (("--for", "8h"), ("--item", "42"), ("--item", "42", "--for", "x")):
        await in_thread(run, "mute", *wrong, code=2)


async def test_a_channel_that_does_not_take_it_says_why(run: Run) -> None:
    """Without the URL; a name that is not there is wrong usage."""
    channels = "ops=https://127.0.0.1:9/?secret=hidden-value"

    said = await in_thread(run, "test", "ops", code=1, ALERT_CHANNELS=channels)
    unknown = await in_thread(run, "test", "x", code=2, ALERT_CHANNELS=channels)

    assert "channel ops: its address is not public" in said
    assert "ALERT_CHANNELS has no channel 'x': ops" in unknown
    assert "hidden-value" not in said + unknown
