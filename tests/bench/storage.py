"""Stage two alone: how fast a worker stores results that are in Kafka already."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tests.bench.answer import Domain, is_document
from tests.bench.given import RESULTS
from tests.bench.logs import Logs
from tests.bench.observations import Raw
from tests.bench.subject import SUBJECTS
from tests.bench.throughput import Feed, Run, drain, new_ground, session_for
from tests.bench.work import Work


async def measure(work: Work, logs: Logs, folder: Path) -> Run:
    """Have one worker store what *work* comes to; observations are results here."""
    subject = SUBJECTS["walmart-stream-both"]
    domain = Domain()
    warm_up, measured = domain.results(work.warm_up), domain.results(work.measured)
    due = _documents(warm_up), _documents([*warm_up, *measured])
    async with new_ground(subject, logs, folder, session_for(len(measured))) as ground:
        watch = await drain(subject, ground, Feed(RESULTS, warm_up, measured, due))
        assert ground.documents is not None
        stored = await ground.documents.count()
    return watch.run(logs.kind, 1, [] if stored == due[1] else [f"{stored} stored, not {due[1]}"])


def _documents(results: Sequence[Raw]) -> int:
    return sum(is_document(result.value) for result in results)
