"""The whole program on Apache Kafka instead of the embedded broker."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.end_to_end.program import Local
from tests.hang import DEADLINE
from walmart_stream import topics
from walmart_stream.kafka.reading import end_offsets
from walmart_stream.local.kafka import KafkaNode, class_path_file

pytestmark = [pytest.mark.real_kafka, pytest.mark.slow, pytest.mark.long]


async def test_a_run_on_apache_kafka_loses_nothing_and_keeps_it(
    kafka_class_path, make_unreachable_settings, tmp_path: Path
) -> None:
    """Idempotent producer, compacted topics and true end offsets included; data stay on disk."""
    cache = class_path_file(tmp_path / "cache" / "walmart-stream")
    cache.parent.mkdir(parents=True)
    cache.write_text(kafka_class_path)
    local = Local(
        tmp_path,
        *("--broker", "kafka", "--keep", "--for", "15", "--items", "100", "--json", "out.json"),
        XDG_CACHE_HOME=str(tmp_path / "cache"),
        KAFKA_SESSION_TIMEOUT="6",
    )

    code = local.process.wait(DEADLINE)

    assert code == 0, local.output
    figures = json.loads((tmp_path / "out.json").read_text())
    assert figures["changes_served"] > 100
    assert figures["stored"] == figures["changes_served"]
    assert (figures["lost"], figures["duplicated"], figures["wrong"]) == (0, 0, 0)
    node = KafkaNode.kept(tmp_path / "data" / "kept" / "kafka", kafka_class_path)
    await node.start()
    try:
        settings = make_unreachable_settings(kafka_brokers=(node.bootstrap,))
        ends = await end_offsets(settings, topics.RAW.name)
    finally:
        await node.stop()
    assert sum(ends.values()) >= figures["observations"]
    shutil.rmtree(tmp_path / "data")
