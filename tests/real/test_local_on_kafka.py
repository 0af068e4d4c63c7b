"""The whole program on Apache Kafka instead of the embedded broker."""

from __future__ import annotations

import json

import pytest

from tests.end_to_end.program import DEADLINE, Local
from walmart_stream.local.kafka import KafkaNode

pytestmark = [pytest.mark.real_kafka, pytest.mark.slow]


async def test_a_run_on_apache_kafka_loses_nothing(kafka_class_path, tmp_path):
    """Idempotent producer, compacted topics and transactions-aware end offsets included."""
    node = KafkaNode(tmp_path / "kafka", kafka_class_path)
    await node.start()
    try:
        local = Local(
            tmp_path,
            *("--for", "15", "--workers", "2", "--items", "100", "--json", "out.json"),
            KAFKA_BROKERS=node.bootstrap,
            KAFKA_SESSION_TIMEOUT="6",
        )
        code = local.process.wait(DEADLINE)
    finally:
        await node.stop()

    assert code == 0, local.output
    figures = json.loads((tmp_path / "out.json").read_text())
    assert figures["changes_served"] > 100
    assert figures["stored"] == figures["changes_served"]
    assert (figures["lost"], figures["duplicated"], figures["wrong"]) == (0, 0, 0)
