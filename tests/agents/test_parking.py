"""Parking a partition: its time, its place, and the steps before."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest
from faust.types import TP

from walmart_stream import topics
from walmart_stream.agents.dead_letters import CUT, KEPT_OF_LARGE, DeadLetters, add_dead_letter
from walmart_stream.agents.parking import Parking
from walmart_stream.domain.errors import MalformedJson, Unprocessable
from walmart_stream.engine.agent import Batch, Park
from walmart_stream.kafka.clients import MAX_DEAD_LETTER_BYTES
from walmart_stream.kafka.partition_states import PartitionState, decode, encode
from walmart_stream.kafka.placement import Place
from walmart_stream.metrics import Metrics

RAW = topics.RAW.name
PLACE = (RAW, 3)
NOW = 1_800_000_000_000


class Record(NamedTuple):
    offset: int
    value: bytes | None = b"good"
    key: bytes | None = b"1"
    timestamp: int = NOW
    headers: tuple[tuple[str, bytes], ...] = ()


class Outbox:
    """Keeps what is added."""

    def __init__(self) -> None:
        self.records: list[tuple[str, bytes | None, bytes | None, dict[str, bytes]]] = []

    def add(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        *,
        partition: int,
        headers: Any = (),
    ) -> None:
        self.records.append((topic, key, value, dict(headers)))

    async def flush(self) -> None:
        pass


class App:
    """The engine's app and its consumer, as far as parking uses them."""

    def __init__(self) -> None:
        self.consumer = self
        self.rebalancing_count = 1
        self.box = Outbox()
        self.parked: dict[TP, Any] = {}
        self.unparked: list[tuple[TP, int | None]] = []

    def outbox(self) -> Outbox:
        return self.box

    def owned(self, topic: str) -> set[int]:
        return {0, 1, 2, 3}

    def park(self, tp: TP, reason: str, at: int | None = None) -> None:
        self.parked[tp] = at

    def unpark(self, tp: TP, offset: int | None = None) -> None:
        self.parked.pop(tp, None)
        self.unparked.append((tp, offset))


class Worker:
    """A parking with everything that it was given, and a handler as an agent's."""

    def __init__(self, settings: Any, limit: int = 10) -> None:
        self.app = App()
        self.letters = DeadLetters(Metrics())
        self.states: dict[Place, PartitionState] = {}
        self.done: list[int] = []
        self.parking = Parking(
            self.app,  # type: ignore[arg-type]
            settings.model_copy(update={"bad_input_limit": limit}),
            Metrics(),
            self.letters,
            read=self.read,
            clock=lambda: NOW,
        )
        self.handle = self.parking.guard(self._handle)

    async def read(self) -> dict[Place, PartitionState]:
        return dict(self.states)

    @property
    def written(self) -> list[PartitionState]:
        found = [decode(record[2] or b"") for record in self.app.box.records if record[0] != "x"]
        return [state for state in found if state is not None]

    async def _handle(self, batch: Batch) -> None:
        outbox: Any = Outbox()
        for record in batch.records:
            if record.value == b"poison":
                try:
                    raise ZeroDivisionError
                except ZeroDivisionError as exc:
                    raise Unprocessable from exc
            if record.value == b"bad":
                self.letters.add(outbox, batch, record, "process", MalformedJson("not JSON"))
        self.done += [record.offset for record in batch.records]


@pytest.fixture
def worker(make_unreachable_settings: Any) -> Worker:
    return Worker(make_unreachable_settings())


def batch(*values: bytes, first: int = 0) -> Batch:
    records = [Record(first + number, value) for number, value in enumerate(values)]
    return Batch(*PLACE, records)


async def test_a_partition_is_parked_after_the_batch_that_exceeds_the_limit(worker: Worker) -> None:
    """The batch is done: what waits is behind it."""
    await worker.handle(batch(*[b"bad"] * 9))

    with pytest.raises(Park) as parked:
        await worker.handle(batch(*[b"bad"] * 4, first=9))

    assert parked.value.offset == 13
    [state] = worker.written
    assert (state.place, state.parked, state.offset) == (PLACE, True, 13)
    assert len(worker.done) == 13


async def test_each_partition_has_a_limit_of_its_own(worker: Worker) -> None:
    """Bad input in some does not stop the others."""
    for partition in range(4):
        for first in range(0, 9, 3):
            records = [Record(first + number, b"bad") for number in range(3)]
            await worker.handle(Batch(RAW, partition, records))

    assert worker.written == []


async def test_a_parked_partition_is_not_handled(worker: Worker) -> None:
    """Its new owner parks it at the same offset, and writes nothing."""
    worker.states[PLACE] = PartitionState(*PLACE, True, 40, "why", "when")

    with pytest.raises(Park) as parked:
        await worker.handle(batch(b"good", first=38))

    assert parked.value.offset == 40
    assert (worker.done, worker.written) == ([], [])


async def test_a_record_that_makes_the_program_fail_parks_its_partition_before_it(
    worker: Worker,
) -> None:
    """Everything before it is done, nothing behind it."""
    with pytest.raises(Park) as parked:
        await worker.handle(batch(b"good", b"bad", b"good", b"poison", b"good", first=70))

    assert parked.value.offset == 73
    assert sorted(set(worker.done)) == [70, 71, 72]
    [state] = worker.written
    assert state.reason == "offset 73 cannot be processed (ZeroDivisionError)"


async def test_a_person_may_pass_over_bad_input_up_to_an_offset(worker: Worker) -> None:
    """It is neither a dead letter nor counted, nor does what fails stop it; the good is done."""
    known = PartitionState(*PLACE, True, 0, "why", "when").resumed("then", 30)
    worker.states[PLACE] = known

    await worker.handle(batch(*[b"bad"] * 28, b"poison", b"good"))
    assert worker.letters.count(PLACE) == 0
    assert 29 in worker.done
    with pytest.raises(Park):
        await worker.handle(batch(*[b"bad"] * 40, first=30))

    assert worker.written[0].skipped == ((0, 30),)


async def test_a_partition_goes_on_when_a_person_said_so(worker: Worker) -> None:
    """Where it stood, with a limit that counts anew."""
    with pytest.raises(Park):
        await worker.handle(batch(*[b"bad"] * 10))
    [parked] = worker.written
    assert [one["offset"] for one in worker.parking.parked()] == [10]

    worker.states[PLACE] = parked
    await worker.parking.tick()
    assert worker.app.unparked == []
    worker.states[PLACE] = parked.resumed("then")
    await worker.parking.tick()

    assert worker.app.unparked == [(TP(*PLACE), 10)]
    assert worker.parking.parked() == []
    await worker.handle(batch(*[b"bad"] * 9, first=10))


def test_a_state_is_read_as_it_was_written() -> None:
    """And what somebody else has written is none."""
    state = PartitionState(*PLACE, True, 7, "why", "2026-11-22T18:00:00.000Z", ((1, 2), (3, 5)))

    assert decode(encode(state)) == state
    assert decode(encode(state.resumed("then"))) == state.resumed("then")
    for other in (b"", b"[]", b"{}", b'{"schema":2}', b"\xff", b'{"schema":1,"state":"parked"}'):
        assert decode(other) is None


@pytest.mark.parametrize("field", ["key", "value"])
def test_what_fits_no_dead_letter_is_cut_and_says_so(field: str) -> None:
    """Compressed, a record of the raw topic can be far larger than any that can be written."""
    outbox: Any = Outbox()
    record = Record(5, headers=(("h", b"x" * 10),))._replace(
        **{field: b"x" * MAX_DEAD_LETTER_BYTES}
    )

    add_dead_letter(outbox, RAW, 3, record, "process", MalformedJson("not JSON"))

    [(_, key, value, headers)] = outbox.records
    assert len((key if field == "key" else value) or b"") == KEPT_OF_LARGE
    assert headers[CUT] == (
        b"key %d, value %d" % (len(record.key or b""), len(record.value or b""))
    )
    assert "h" not in headers
