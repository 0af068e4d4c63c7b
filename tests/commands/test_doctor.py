"""``walmart-stream doctor``: says what works and what to do about what does not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tests.polling.walmart import open_walmart
from tests.storage.own_offers import KEYS, own_change, results_of
from walmart_stream.cli import cli
from walmart_stream.commands.doctor import Finding, Verdict, _channels, doctor
from walmart_stream.kafka.topic_admin import create_topics
from walmart_stream.local.broker import EmbeddedBroker
from walmart_stream.sandbox import generate_keypair
from walmart_stream.settings import Settings, load_settings
from walmart_stream.storage import mongo
from walmart_stream.storage.sealed import NO_KEYS, UNSEALED, WRONG_KEYS, FieldSeal
from walmart_stream.storage.writes import store

MakeSettings = Callable[..., Settings]
SEALED = FieldSeal(KEYS[:1])
SECRET = "s3cr3t-of-somebody"


async def examine(settings: Settings) -> dict[str, Finding]:
    """The findings by what was looked at; the last one where there are several."""
    return {finding.what: finding async for finding in doctor(settings)}


@pytest.fixture
def with_walmart(make_settings: MakeSettings, fresh_broker: EmbeddedBroker) -> MakeSettings:
    """Settings of a running broker and database, and of what the environment says of Walmart."""

    def make(environment: dict[str, str]) -> Settings:
        running = make_settings(kafka_brokers=(fresh_broker.bootstrap,))
        return load_settings(
            {
                "KAFKA_BROKERS": fresh_broker.bootstrap,
                "KAFKA_PARTITIONS": str(running.kafka_partitions),
                "MONGODB_URI": running.mongodb_uri.get_secret_value(),
                "MONGODB_DATABASE": running.mongodb_database,
                **environment,
            },
            env_file=Path("no.env"),
        )

    return make


async def test_where_everything_works_there_is_nothing_to_do(
    with_walmart: MakeSettings, tmp_path: Path
) -> None:
    """Each check is made against the real thing; what is not set up is skipped."""
    async with open_walmart(tmp_path, calls_per_second=5, calls_per_day=10, items=5) as walmart:
        settings = with_walmart(walmart.environment)
        await create_topics(settings)
        client = mongo.connect(settings)
        await mongo.create_indexes(mongo.database(client, settings))
        client.close()

        found = await examine(settings)
        calls = (await walmart.stats())["calls"]

    verdicts = {what: finding.verdict for what, finding in found.items()}
    assert verdicts.pop("Walmart Seller API") is Verdict.SKIPPED
    assert verdicts.pop("permissions") is Verdict.SKIPPED
    assert verdicts.pop("sealed fields") is Verdict.SKIPPED
    assert verdicts.pop("alert channels") is Verdict.SKIPPED
    assert set(verdicts.values()) == {Verdict.OK}, [str(finding) for finding in found.values()]
    assert {"broker", "topics", "reading", "MongoDB", "indexes", "clock"} <= verdicts.keys()
    assert calls == 1


async def test_a_key_that_walmart_refuses_and_a_wrong_clock_are_told_apart(
    with_walmart: MakeSettings, tmp_path: Path
) -> None:
    """The first is a fault; workers cope with the second, people may not."""
    async with open_walmart(tmp_path, calls_per_second=5, calls_per_day=10, items=5) as walmart:
        settings = with_walmart(walmart.environment)
        await walmart.arm(kind="clock_shift", milliseconds=600_000)
        shifted = await examine(settings)
        await walmart.disarm()
        await walmart.rotate_key(generate_keypair()[1])
        refused = await examine(settings)

    assert shifted["clock"].verdict is Verdict.WARNING
    assert "600 s behind Walmart's" in shifted["clock"].words
    assert refused["Walmart Affiliate API"].verdict is Verdict.FAULT
    assert "WALMART_PRIVATE_KEY" in refused["Walmart Affiliate API"].words


async def test_missing_topics_and_indexes_are_named(with_walmart: MakeSettings) -> None:
    """With the command that makes them; looking makes nothing."""
    settings = with_walmart({})

    first = await examine(settings)
    second = await examine(settings)

    for found in (first, second):
        assert found["topics"].verdict is Verdict.FAULT
        assert "walmart-stream topics" in found["topics"].words
        assert found["indexes"].verdict is Verdict.WARNING


def test_what_nobody_answers_is_a_fault_for_each(monkeypatch: pytest.MonkeyPatch) -> None:
    """One dead part does not hide another; the exit code is 1, and no secret is shown."""
    environment = {
        "KAFKA_BROKERS": "127.0.0.1:1",
        "MONGODB_URI": f"mongodb://user:{SECRET}@127.0.0.1:1/?serverSelectionTimeoutMS=100",
        "WALMART_SELLER_URL": "http://127.0.0.1:1",
        "WALMART_CLIENT_ID": "somebody",
        "WALMART_CLIENT_SECRET": SECRET,
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    result = CliRunner().invoke(cli, ["doctor"])

    assert result.exit_code == 1
    for what in ("broker", "topics", "reading", "MongoDB", "Walmart Seller API"):
        assert f"FAULT   {what}: " in result.output
    assert "skipped Walmart Affiliate API: " in result.output
    assert SECRET not in result.output


async def test_channels_of_alerts_are_looked_at_without_a_message(unused_tcp_port: int) -> None:
    """A receiver that can be reached, one that cannot, one that is not allowed, and a service."""
    heard = []
    server = await asyncio.start_server(lambda r, w: heard.append(w), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    url = "http://127.0.0.1:{}/?secret=" + SECRET
    given = {
        "KAFKA_BROKERS": "127.0.0.1:1",
        "MONGODB_URI": "mongodb://127.0.0.1:1",
        "ALERT_CHANNELS": f"ops={url.format(port)},gone={url.format(unused_tcp_port)},"
        f"mail=mailto://user:{SECRET}@example.com",
    }

    async def found(**more: str) -> dict[str, Finding]:
        settings = load_settings({**given, **more}, env_file=Path("no.env"))
        return {finding.what: finding for finding in await _channels(settings, "alert channels")}

    allowed = await found(ALERT_PRIVATE_ADDRESSES="true")
    refused = await found()
    server.close()

    verdicts = {what: finding.verdict for what, finding in allowed.items()}
    assert verdicts == {
        "channel ops": Verdict.OK,
        "channel gone": Verdict.WARNING,
        "channel mail": Verdict.OK,
    }
    assert {finding.verdict for what, finding in refused.items() if "mail" not in what} == {
        Verdict.WARNING
    }
    assert SECRET not in repr((allowed, refused))
    for writer in heard:
        writer.close()


def test_wrong_settings_are_all_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is nothing to try then."""
    monkeypatch.setenv("KAFKA_BROKERS", "nowhere")
    monkeypatch.setenv("KAFKA_PARTITIONS", "many")

    result = CliRunner().invoke(cli, ["doctor"])

    assert result.exit_code == 78
    lines = result.output.splitlines()
    assert all(line.startswith("FAULT   settings: ") for line in lines)
    assert any("KAFKA_BROKERS" in line for line in lines)
    assert any("KAFKA_PARTITIONS" in line for line in lines)


@pytest.mark.parametrize(
    ("stored", "keys", "verdict", "words"),
    [
        ((), "", Verdict.SKIPPED, "MONGODB_FIELD_KEYS is not set"),
        ((), KEYS[0], Verdict.OK, "none yet"),
        ((UNSEALED,), "", Verdict.SKIPPED, "MONGODB_FIELD_KEYS is not set"),
        ((UNSEALED,), KEYS[0], Verdict.WARNING, "walmart-stream reseal"),
        ((SEALED,), KEYS[0], Verdict.OK, "can be opened"),
        ((SEALED,), f"{KEYS[1]},{KEYS[0]}", Verdict.OK, "can be opened"),
        ((SEALED,), KEYS[1], Verdict.WARNING, WRONG_KEYS),
        ((SEALED,), "", Verdict.WARNING, NO_KEYS),
    ],
)
async def test_keys_of_sealed_fields_are_tried(
    mongod: Any,
    mongodb_database: str,
    make_unreachable_settings: MakeSettings,
    stored: tuple[FieldSeal, ...],
    keys: str,
    verdict: Verdict,
    words: str,
) -> None:
    """Whoever has lost one hears of it, and of what is not sealed yet; no key is shown."""
    settings = make_unreachable_settings(
        mongodb_uri=mongod.uri,
        mongodb_database=mongodb_database,
        mongodb_field_keys=keys or None,
    )
    client = mongo.connect(settings)
    for seal in stored:
        await store(mongo.database(client, settings), results_of(own_change("1")), seal)
    client.close()

    found = await examine(settings)

    assert found["sealed fields"].verdict is verdict
    assert words in found["sealed fields"].words
    assert not [key for key in KEYS if key in str(found)]
