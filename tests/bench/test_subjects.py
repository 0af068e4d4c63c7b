"""Nobody may be fast by being wrong: the answer that the bench checks subjects against."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.bench.answer import BATCH, Domain, expected, is_document
from tests.bench.logs import Embedded
from tests.bench.subject import AIOKAFKA, NAIVE, OURS, SUBJECTS, Subject
from tests.bench.throughput import Run, run
from tests.bench.work import Work
from walmart_stream.local.broker import EmbeddedBroker

MESSAGES, ITEMS = 2_000, 200

# Those that need nothing but the main environment.
EASY = OURS, AIOKAFKA, NAIVE


def test_the_answer_does_not_depend_on_how_the_log_is_cut() -> None:
    """Subjects take batches as they get them."""
    work = Work(3 * BATCH, 20)
    whole = (*work.warm_up, *work.measured)

    domain = Domain()
    one_by_one = sum(len(domain.results([raw])) for raw in whole)

    assert one_by_one == expected(whole).results
    assert expected(whole) != expected(whole[:-1])


def test_the_observations_are_the_same_each_time() -> None:
    """All subjects of all runs read the same bytes, most of them of a price that was seen."""
    first, second = Work(MESSAGES, ITEMS), Work(MESSAGES, ITEMS)

    assert first.measured == second.measured
    assert first.warm_up == second.warm_up
    assert MESSAGES / 2 < first.answer.results < 2 * MESSAGES


def test_a_word_about_an_offer_is_a_result_and_no_document() -> None:
    """Names change, too: waiting for as many documents as results would never end."""
    assert is_document(b'{"type":"price_change"}')
    assert is_document(b'{"type":"window_closed"}')
    assert not is_document(b'{"type":"offer_updated"}')

    work = Work(3_000, 1_000)
    answer = expected((*work.warm_up, *work.measured))

    assert 0 < answer.results - answer.documents < 100


@pytest.mark.slow
async def test_subjects_give_the_results_of_the_pure_domain(
    broker: EmbeddedBroker, tmp_path: Path
) -> None:
    """The easy ones, all at once."""
    work = Work(MESSAGES, ITEMS)

    async def measured(subject: Subject) -> Run:
        folder = tmp_path / subject.name
        folder.mkdir()
        return await run(subject, work, Embedded(), folder)

    runs = await asyncio.gather(*map(measured, EASY))

    for one in runs:
        assert one.wrong == [], one
        assert one.seconds > 0
        assert one.cpu_seconds > 0
        assert one.committed_after is not None


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.parametrize(
    "subject", [one for one in SUBJECTS.values() if one not in EASY], ids=lambda one: one.name
)
async def test_every_other_subject_gives_them_too(
    subject: Subject, broker: EmbeddedBroker, tmp_path: Path
) -> None:
    """A port of the domain, or a peer's use of it, has to follow each change of its rules.

    In the answer are price changes, offers that were updated, and windows of three hours: with a
    price carried in, and without any observation.
    """
    if (reason := subject.missing()) is not None:
        pytest.skip(reason)
    work = Work(4 * MESSAGES, 3 * ITEMS)

    found = await run(subject, work, Embedded(), tmp_path)

    assert not found.wrong, "\n".join(found.wrong)
