"""The promise under sustained attack, in short: ``make chaos`` is the long form."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.chaos.brokers import CLUSTER, SINGLE
from tests.chaos.campaign import Options, Result, run
from tests.chaos.plan import Act

pytestmark = [pytest.mark.integration, pytest.mark.slow(70)]


def kept(result: Result) -> None:
    """The promise was kept, and there was something to promise."""
    judgement = result.judgement
    assert judgement.clean, judgement.notes
    assert judgement.acknowledged > 1000
    assert judgement.observations > judgement.acknowledged
    assert judgement.changes_stored > 500
    assert judgement.dead_letters_expected > 10


async def test_kills_of_workers_and_database_break_nothing_on_the_embedded_broker(
    tmp_path: Path,
) -> None:
    """Memory and RocksDB stores side by side; Walmart failing for a while; two floods."""
    options = Options(
        worker_kills=6,
        mongod_kills=1,
        walmart_outages=1,
        walmart_outage=5,
        floods=2,
        longest_gap=8,
        seed=5,
    )

    result = await run(options, tmp_path)

    kept(result)
    assert result.kills == 7


@pytest.mark.long
@pytest.mark.usefixtures("kafka_class_path")
async def test_kills_of_workers_and_broker_break_nothing_on_one_kafka_node(
    tmp_path: Path,
) -> None:
    """While the only node is away everything waits for it; two clocks of three are wrong."""
    options = Options(
        broker=SINGLE, worker_kills=6, node_kills=1, longest_gap=8, wrong_clocks=True, seed=6
    )

    result = await run(options, tmp_path)

    kept(result)
    assert result.kills == 7


@pytest.mark.long
@pytest.mark.usefixtures("kafka_class_path")
async def test_retention_that_deletes_while_workers_die_breaks_nothing(
    tmp_path: Path,
) -> None:
    """The audit calls nothing wrong, and what it cannot tell is right by the whole log."""
    options = Options(broker=SINGLE, workers=2, worker_kills=3, deletions=2, longest_gap=6, seed=5)

    result = await run(options, tmp_path)

    judgement = result.judgement
    assert judgement.clean, judgement.notes
    assert judgement.deleted > 100
    assert judgement.untold > 0


@pytest.mark.long
@pytest.mark.usefixtures("kafka_class_path")
async def test_kills_of_nodes_break_nothing_on_three_kafka_nodes(
    tmp_path: Path,
) -> None:
    """Three copies, two of them in sync: leaders and controllers may die or hang, one at a time."""
    options = Options(
        broker=CLUSTER,
        worker_kills=3,
        node_kills=2,
        node_pauses=1,
        mongod_kills=1,
        longest_gap=8,
        seed=7,
    )

    result = await run(options, tmp_path)

    kept(result)
    assert result.kills == 6
    assert result.attacks[f"node {Act.PAUSE}"] == 1


@pytest.mark.long
@pytest.mark.parametrize(
    ("mutant", "found"),
    [
        ("acknowledge_first", {"lost"}),
        ("apply_stale", {"duplicated"}),
        # Where the next observation says the same, the change is there, and a window is wrong.
        ("skip_one", {"lost", "wrong"}),
    ],
)
async def test_a_broken_build_is_found_out(mutant: str, found: set[str], tmp_path: Path) -> None:
    """A build that breaks one rule of the promise is judged so."""
    program = (sys.executable, "-m", "tests.chaos.mutants", mutant)
    options = Options(worker_kills=4, longest_gap=6, workers=2, seed=8, program=program)

    result = await run(options, tmp_path)

    assert not result.judgement.clean
    assert any(getattr(result.judgement, name) for name in found), result.judgement
