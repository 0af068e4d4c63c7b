"""The plan of attacks on a running pipeline: pure, and the same for the same seed."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from enum import StrEnum

# Between two attacks, log-uniform: most come before the one before is over.
SHORTEST_GAP = 1.0
LONGEST_GAP = 30.0

# The gaps within a burst of kills.
BURST_GAPS = (0.1, 1.0)


class Act(StrEnum):
    """An attack on a target."""

    KILL = "kill -9"
    TERMINATE = "SIGTERM"
    PAUSE = "SIGSTOP, SIGCONT"
    LEAVE = "leave, join"
    FAIL = "fail"
    FLOOD = "flood"
    CUT = "kill -9 and cut logs"
    ELECT = "unclean election"
    DELETE = "delete old records"


@dataclass(frozen=True, slots=True)
class Step:
    """After *gap* seconds do *act* to target number *target*; it lasts *seconds*.

    For a kill of a server: how long until it is started again.
    """

    gap: float
    act: Act
    target: int
    seconds: float = 0.0


def gap(rng: random.Random, longest: float = LONGEST_GAP) -> float:
    """Seconds to the next attack."""
    return math.exp(rng.uniform(math.log(SHORTEST_GAP), math.log(longest)))


def attack_workers(
    rng: random.Random, workers: int, kills: int, session: float, longest_gap: float = LONGEST_GAP
) -> list[Step]:
    """*kills* kills, alone and in bursts, and among them every other way to lose a worker.

    Pauses are longer than the *session* (seconds): who wakes up has been replaced.
    """
    steps: list[Step] = []
    left = kills
    while left > 0:
        kind = rng.random()
        target = rng.randrange(workers)
        pause = gap(rng, longest_gap)
        if kind < 0.6:
            steps.append(Step(pause, Act.KILL, target))
            left -= 1
        elif kind < 0.82:
            for number in range(min(left, rng.randint(2, 4))):
                between = rng.uniform(*BURST_GAPS) if number else pause
                steps.append(Step(between, Act.KILL, rng.randrange(workers)))
                left -= 1
        elif kind < 0.9:
            steps.append(Step(pause, Act.TERMINATE, target))
        elif kind < 0.95:
            seconds = session * rng.uniform(1.2, 2.5)
            steps.append(Step(pause, Act.PAUSE, target, seconds))
        else:
            steps.append(Step(pause, Act.LEAVE, target, rng.uniform(1, 15)))
    return steps


def attack_nodes(rng: random.Random, nodes: int, kills: int, pauses: int = 0) -> list[Step]:
    """*kills* and *pauses* of broker nodes, one at a time: of three, two have to be in sync.

    Whoever is hit may lead partitions, the group or the controllers. Who is paused keeps its
    connections and says nothing; mostly it has been replaced when it wakes up.
    """
    steps = [
        Step(gap(rng, 15), Act.KILL, rng.randrange(nodes), rng.choice([0.0, rng.uniform(0, 12)]))
        for _ in range(kills)
    ]
    steps += [
        Step(gap(rng, 15), Act.PAUSE, rng.randrange(nodes), rng.uniform(5, 30))
        for _ in range(pauses)
    ]
    if pauses:
        rng.shuffle(steps)
    return steps


def attack_logs(rng: random.Random, cuts: int) -> list[Step]:
    """*cuts* power cuts of all nodes at once, after which the raw topic lacks its end."""
    return [Step(gap(rng, 30) + 10, Act.CUT, 0, rng.uniform(0, 3)) for _ in range(cuts)]


def attack_elections(rng: random.Random, nodes: int, elections: int) -> list[Step]:
    """*elections* of a node that lacks what its neighbour acknowledged."""
    return [Step(gap(rng, 20) + 5, Act.ELECT, rng.randrange(nodes)) for _ in range(elections)]


def attack_retention(rng: random.Random, deletions: int) -> list[Step]:
    """*deletions* of the oldest records of the raw topic."""
    return [Step(gap(rng, 20) + 5, Act.DELETE, 0) for _ in range(deletions)]


def attack_database(rng: random.Random, kills: int) -> list[Step]:
    """*kills* kills of mongod, some with an outage of up to 30 s, and clean stops among them."""
    steps: list[Step] = []
    for _ in range(kills):
        outage = 30.0 if rng.random() < 0.1 else rng.uniform(0, 4)
        steps.append(Step(gap(rng, 20), Act.KILL, 0, outage))
        if rng.random() < 0.2:
            steps.append(Step(gap(rng, 20), Act.TERMINATE, 0, rng.uniform(0, 3)))
    return steps


def attack_partitions(rng: random.Random, partitions: int, floods: int) -> list[Step]:
    """*floods* of bad input, each in one partition, which stays parked for up to 15 s."""
    return [
        Step(gap(rng, 15), Act.FLOOD, rng.randrange(partitions), rng.uniform(0, 15))
        for _ in range(floods)
    ]


def attack_walmart(rng: random.Random, outages: int, seconds: float) -> list[Step]:
    """*outages* of the Walmart API, *seconds* long each, one kind of fault after the other."""
    return [Step(gap(rng), Act.FAIL, number, seconds) for number in range(outages)]
