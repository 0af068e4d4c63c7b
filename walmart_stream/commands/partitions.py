"""``walmart-stream partitions``: which partitions are parked, and letting them go on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from walmart_stream.domain.time import to_iso
from walmart_stream.kafka.partition_states import PartitionState, read_states, write_state
from walmart_stream.kafka.placement import Place
from walmart_stream.kafka.reading import end_offsets
from walmart_stream.settings import Settings


class NotParked(Exception):
    """The partition to resume is not parked; the message names those that are."""


class BadOffset(Exception):
    """An offset to skip to that is not between the parked offset and the partition's end."""


@dataclass(frozen=True, slots=True)
class ParkedPartition:
    """A parked partition and the *end* of its log (the offset after its last record)."""

    state: PartitionState
    end: int

    def fields(self) -> dict[str, Any]:
        """As JSON."""
        state = self.state
        return {
            "topic": state.topic,
            "partition": state.partition,
            "offset": state.offset,
            "end": self.end,
            "waiting": max(0, self.end - state.offset),
            "since": state.at,
            "reason": state.reason,
        }

    def __str__(self) -> str:
        state = self.state
        waiting = max(0, self.end - state.offset)
        return (
            f"{state.topic}:{state.partition}  parked at offset {state.offset} since {state.at}, "
            f"{waiting} records wait: {state.reason}"
        )


async def parked(settings: Settings) -> list[ParkedPartition]:
    """The parked partitions of this consumer group, by topic and number.

    Raises:
        KafkaError, TimeoutError: the topics cannot be read.
    """
    states = sorted(state for state in (await read_states(settings)).values() if state.parked)
    ends = {topic: await end_offsets(settings, topic) for topic in {one.topic for one in states}}
    return [ParkedPartition(one, ends[one.topic].get(one.partition, 0)) for one in states]


async def resume(
    settings: Settings,
    names: Sequence[str],
    *,
    skip_bad_until: int | None = None,
    clock: Callable[[], int],
) -> list[PartitionState]:
    """Have partitions go on: those of *names*, else all that are parked.

    A name is ``topic:partition``, or the number alone where that is clear. Bad input before the
    offset *skip_bad_until* is passed over: no dead letter is made of it, and it is not counted.
    Returns when the brokers have acknowledged it; the owner looks every other second. *clock*
    gives epoch milliseconds.

    Raises:
        NotParked, BadOffset: nothing was changed.
        KafkaError, TimeoutError: the topics cannot be read or written.
    """
    there = await parked(settings)
    chosen = _chosen(there, names)
    if skip_bad_until is not None:
        if len(chosen) != 1:
            raise BadOffset("an offset belongs to one partition: name it (topic:partition)")
        _check(chosen[0], skip_bad_until)
    at = to_iso(clock())
    resumed = [one.state.resumed(at, skip_bad_until) for one in chosen]
    for state in resumed:
        await write_state(settings, state)
    return resumed


def _chosen(there: Sequence[ParkedPartition], names: Sequence[str]) -> list[ParkedPartition]:
    if not there:
        raise NotParked("no partition is parked")
    if not names:
        return list(there)
    chosen: dict[Place, ParkedPartition] = {}
    for name in names:
        found = [one for one in there if name in (_name(one), str(one.state.partition))]
        if len(found) != 1:
            known = ", ".join(map(_name, there))
            problem = "not parked" if not found else "parked in several topics"
            raise NotParked(f"{name} is {problem}; parked partitions: {known}")
        chosen[found[0].state.place] = found[0]
    return list(chosen.values())


def _name(one: ParkedPartition) -> str:
    return f"{one.state.topic}:{one.state.partition}"


def _check(one: ParkedPartition, until: int) -> None:
    if not one.state.offset < until <= one.end:
        raise BadOffset(
            f"--skip-bad-until {until}: {_name(one)} is parked at {one.state.offset} and ends at "
            f"{one.end}; give an offset between these"
        )
