"""One truth of where a partition stands: reading, finishing, committing, parking."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from walmart_stream.runtime.partitions import Answer, LogCut, Mark, Partition, Phase, digest

HEARD = 1_000


def _records(first: int, end: int, value: bytes = b"old") -> list[Any]:
    return [
        SimpleNamespace(offset=offset, key=b"k", value=value, timestamp=offset)
        for offset in range(first, end)
    ]


def _answer(first: int, end: int, value: bytes = b"old", heard: int = HEARD) -> Answer:
    return Answer(first, _records(first, end, value), end, heard, end)


def _reading(position: int = 0) -> Partition:
    partition = Partition()
    partition.start_at(position)
    return partition


def _deliver(partition: Partition, end: int) -> Any:
    start = partition.ask()
    records = partition.take(_answer(start, end))
    return partition.deliver(records, end)


def test_a_partition_goes_its_way_from_restoring_to_drained() -> None:
    """The states of the drawing in docs/batch-delivery.md."""
    partition = Partition()
    phases = [partition.phase]
    partition.start_at(0)
    phases.append(partition.phase)
    batch = _deliver(partition, 10)
    phases.append(partition.phase)
    partition.finish(batch)
    phases.append(partition.phase)
    partition.park(None, None)
    phases.append(partition.phase)
    partition.drained = True
    phases.append(partition.phase)

    assert phases == [
        Phase.RESTORING,
        Phase.READING,
        Phase.IN_FLIGHT,
        Phase.READING,
        Phase.PARKED,
        Phase.DRAINED,
    ]


# -- committing


def test_a_done_batch_behind_one_in_flight_is_not_committed() -> None:
    """#606: stock Faust's commit passes a message that is still in flight."""
    partition = _reading()
    _deliver(partition, 10)

    partition.finish(_deliver(partition, 20))

    assert partition.committable is None
    assert partition.finished == 0


def test_batches_are_committed_as_far_as_they_are_done_in_order() -> None:
    """The mark is that of the last record before the first batch that is not done."""
    partition = _reading()
    batches = [_deliver(partition, end) for end in (10, 20, 30)]

    partition.finish(batches[0])
    partition.finish(batches[1])

    assert partition.committable is batches[1]
    assert batches[1].mark.offset == 19
    partition.committed(batches[1])
    assert partition.committable is None


def test_a_batch_of_before_a_seek_commits_nothing() -> None:
    """Afterwards the same offsets may be in flight once more: only their own batch counts."""
    partition = _reading()
    old = _deliver(partition, 10)
    partition.start_at(0)
    new = _deliver(partition, 10)

    assert not partition.holds(old)
    assert partition.holds(new)


def test_a_commit_that_is_answered_after_a_rewind_does_not_undo_it() -> None:
    """The lower offset still has to be committed."""
    partition = _reading()
    done = _deliver(partition, 10)
    partition.finish(done)
    partition.rewind(0)

    partition.committed(done)

    assert partition.committable is not None
    assert partition.committable.mark == (-1, None)


# -- reading


def test_an_answer_to_another_question_does_not_count() -> None:
    """It was sought while the fetch was on its way."""
    partition = _reading(5)
    asked = partition.ask()
    partition.start_at(0)

    assert partition.take(_answer(asked, 10)) == []
    assert partition.position == 0


def test_an_answer_without_records_moves_the_position_past_a_gap() -> None:
    """A log may end in markers of transactions, which are no records."""
    partition = _reading(5)

    partition.take(Answer(partition.ask(), [], 7, HEARD, 7))

    assert partition.position == 7


@pytest.mark.parametrize("heard", [HEARD + 5_000, HEARD - 1], ids=["silence", "clock set back"])
def test_after_a_silence_the_last_record_is_read_once_more_and_not_delivered(heard: int) -> None:
    """The broker may have come back with a shorter log, and others may have written there."""
    partition = _reading()
    _deliver(partition, 10)

    assert partition.take(_answer(10, 12, heard=heard)) == []
    assert partition.ask() == 9
    taken = partition.take(_answer(9, 12, heard=heard + 5_000))
    assert [record.offset for record in taken] == [10, 11]


def test_what_was_fetched_ahead_needs_no_proof_however_late_it_is_taken() -> None:
    """It is of the same answer; reading it again would cost a busy worker half its fetches."""
    partition = _reading()
    _deliver(partition, 10)

    taken = partition.take(_answer(10, 20))
    partition.deliver(taken, 20)

    assert [record.offset for record in taken] == list(range(10, 20))
    assert partition.ask() == 20
    assert len(partition.take(_answer(20, 30, heard=HEARD + 500))) == 10


def test_a_log_that_was_cut_while_a_table_is_restored_from_it_is_noticed() -> None:
    """The table's own place begins it, which does not know the record's time."""
    place = Mark(9, digest(b"k", b"old"))
    partition = Partition()
    partition.start_at(9, place)

    records = partition.take(_answer(partition.ask(), 12))
    partition.advance(records, 12)

    assert [record.offset for record in records] == [9, 10, 11]
    assert partition.take(_answer(12, 13, b"new", HEARD + 5_000)) == []
    with pytest.raises(LogCut):
        partition.take(_answer(partition.ask(), 13, b"new", HEARD + 5_000))
    partition.start_at(9, place)
    with pytest.raises(LogCut):
        partition.take(_answer(partition.ask(), 12, b"new"))


def test_another_record_where_the_last_one_was_read_means_that_the_log_was_cut() -> None:
    """Offsets alone would say that all is well."""
    partition = _reading()
    _deliver(partition, 10)
    partition.take(_answer(10, 12, b"new", HEARD + 5_000))

    with pytest.raises(LogCut):
        partition.take(_answer(partition.ask(), 12, b"new", HEARD + 5_000))


def test_a_mark_that_was_compacted_away_proves_nothing() -> None:
    """A later record of its key took its place."""
    partition = _reading()
    partition.start_at(10, Mark(9, 1))
    start = partition.ask()

    later = partition.take(Answer(start, _records(12, 14), 14, HEARD, 14))

    assert [record.offset for record in later] == [12, 13]


def test_a_mark_survives_as_the_metadata_of_a_commit() -> None:
    """And text that others have left there is no mark."""
    mark = Mark.of(_records(7, 8)[0])

    assert Mark.parse(mark.note()) == mark
    assert [Mark.parse(note) for note in (None, "", "x", "12", Mark(3, None).note())] == [None] * 5


def test_what_is_unfinished_is_told_by_the_last_answer_that_counted() -> None:
    """The client may know of a newer one, whose records nobody has been given yet."""
    partition = _reading(5)
    assert (partition.heard_ms, partition.log_end) == (None, None)

    batch = partition.deliver(partition.take(_answer(5, 10)), 10)

    assert (partition.heard_ms, partition.log_end, partition.finished) == (HEARD, 10, 5)
    partition.finish(batch)
    assert partition.finished == 10


# -- parking


def test_a_parked_partition_commits_up_to_where_it_stands_and_no_further() -> None:
    """Batches that were not begun are dropped."""
    partition = _reading()
    done, waiting = _deliver(partition, 10), _deliver(partition, 20)
    partition.finish(done)

    partition.park(None, None)

    assert partition.position == 10
    assert partition.committable is done
    assert not partition.holds(waiting)


def test_a_partition_is_parked_within_a_batch() -> None:
    """Its first records are durable, the rest is not to be read."""
    partition = _reading()
    _deliver(partition, 10)

    partition.park(4, Mark(3, 77))

    assert partition.position == 4
    assert partition.committable is not None
    assert partition.committable.mark == (3, 77)


def test_a_partition_is_read_on_at_a_later_offset_which_is_committed() -> None:
    """Or it would come back to the records that were skipped."""
    partition = _reading()
    partition.park(None, None)

    partition.unpark(50)

    assert partition.position == 50
    assert partition.committable is not None
    assert partition.committable.mark.offset == 49
