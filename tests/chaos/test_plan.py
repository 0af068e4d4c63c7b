"""The attacks of a campaign: as many as asked for, and the same for the same seed."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from tests.chaos import plan
from tests.chaos.plan import Act

SESSION = 6.0


@pytest.mark.parametrize("kills", [0, 1, 100])
def test_workers_are_killed_as_often_as_asked_for(kills: int) -> None:
    """Other attacks come on top."""
    steps = plan.attack_workers(random.Random(1), 3, kills, SESSION)

    assert sum(step.act is Act.KILL for step in steps) == kills


def test_a_long_campaign_has_every_kind_of_attack() -> None:
    """Pauses outlast the session, some kills come in bursts, and every worker is hit."""
    steps = plan.attack_workers(random.Random(1), 3, 200, SESSION)

    assert {step.act for step in steps} == {Act.KILL, Act.TERMINATE, Act.PAUSE, Act.LEAVE}
    assert all(step.seconds > SESSION for step in steps if step.act is Act.PAUSE)
    assert any(step.gap < 1 for step in steps)
    assert {step.target for step in steps} == {0, 1, 2}


def test_the_same_seed_makes_the_same_attacks() -> None:
    """A campaign that found something can be run again."""
    first = plan.attack_workers(random.Random("seed"), 3, 50, SESSION)
    second = plan.attack_workers(random.Random("seed"), 3, 50, SESSION)

    assert first == second


def test_nodes_are_killed_and_paused_as_often_as_asked_for() -> None:
    """In some order; and a plan without pauses stays the one that its seed had before."""
    steps = plan.attack_nodes(random.Random(1), 3, 10, 5)

    assert Counter(step.act for step in steps) == {Act.KILL: 10, Act.PAUSE: 5}
    assert {step.act for step in steps[:10]} == {Act.KILL, Act.PAUSE}
    assert sorted(plan.attack_nodes(random.Random(1), 3, 10), key=repr) == sorted(
        (step for step in steps if step.act is Act.KILL), key=repr
    )


def test_elections_are_as_many_as_asked_for_and_hit_every_node() -> None:
    """Each lasts as long as brokers take to be missed: nothing else is planned for it."""
    steps = plan.attack_elections(random.Random(1), 3, 20)

    assert {step.act for step in steps} == {Act.ELECT}
    assert len(steps) == 20
    assert {step.target for step in steps} == {0, 1, 2}
