"""The connection that gives way if there is no room for another."""

from __future__ import annotations

from dataclasses import dataclass, field

from walmart_stream.web.connections import Connections


@dataclass(eq=False)
class Caller:
    is_at_work: bool = False
    only_probes: bool = False
    has_left: bool = False
    others: list[Caller] = field(default_factory=list)

    def leave(self) -> None:
        self.has_left = True


def test_the_one_that_has_been_idle_longest_gives_way() -> None:
    """It can connect again; whoever asked lately goes on."""
    connections = Connections(most=2, share=2, probes=1)
    first, second, third = Caller(), Caller(), Caller()
    for caller in (first, second):
        connections.admit(caller, "a")
    connections.touch(first)

    assert connections.admit(third, "b")

    assert (first.has_left, second.has_left, third.only_probes) == (False, True, False)
    assert len(connections) == 2


def test_an_address_with_its_share_gives_way_to_itself_only() -> None:
    """Nobody shuts out the others, and nobody's idle connections are closed by them."""
    connections = Connections(most=10, share=3, probes=0)
    other = Caller()
    connections.admit(other, "b")
    flood = [Caller() for _ in range(50)]

    assert all(connections.admit(caller, "a") for caller in flood)

    assert [caller.has_left for caller in flood] == [True] * 47 + [False] * 3
    assert not other.has_left
    assert len(connections) == 4


def test_who_is_at_work_is_left_alone_and_probes_are_still_taken() -> None:
    """The few connections beyond the limit give way to each other while they are idle."""
    connections = Connections(most=2, share=2, probes=1)
    for _ in range(2):
        connections.admit(Caller(is_at_work=True), "a")
    probe, next_probe = Caller(), Caller()

    assert connections.admit(probe, "b")
    assert connections.admit(next_probe, "b")

    assert (probe.only_probes, probe.has_left) == (True, True)
    next_probe.is_at_work = True
    assert not connections.admit(Caller(), "b")


def test_who_has_left_makes_room() -> None:
    """Also who gave way, was on one of the last connections or was never let in."""
    connections = Connections(most=1, share=1, probes=1)
    callers = [Caller(is_at_work=True) for _ in range(3)]
    for caller in callers:
        connections.admit(caller, "a")

    for caller in callers:
        connections.release(caller)

    assert len(connections) == 0
    assert connections.admit(Caller(), "a")
