"""The states of a rule on an item."""

from __future__ import annotations

from pathlib import Path

import pytest

from walmart_stream.domain.alerts.machine import TRANSITIONS, Action, Input, Machine, State

PAGE = Path(__file__).parents[3] / "docs" / "alerts.md"


def table() -> list[tuple[str, str, str, str]]:
    """State, input, next state and action of each cell of the page's table."""
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith("| state | true"))
    inputs = [cell.strip() for cell in lines[first].strip("|").split("|")][1:]
    found = []
    for line in lines[first + 2 :]:
        if not line.startswith("|"):
            break
        state, *cells = [cell.strip() for cell in line.strip("|").split("|")]
        for said, cell in zip(inputs, cells, strict=True):
            following, _, action = cell.partition(", ")
            found.append((state, said, following, action))
    return found


@pytest.mark.parametrize(("state", "said", "following", "action"), table())
def test_machine_does_what_the_page_says(
    state: str, said: str, following: str, action: str
) -> None:
    """docs/alerts.md has the table of states and transitions; the code does just that."""
    machine = Machine("print", "featured", "info", State[state.upper()])

    done = machine.take(Input(said))

    assert (machine.state, done) == (State[following.upper()], Action(action))


def test_the_page_has_every_pair() -> None:
    """No state and input is left out."""
    pairs = {(State[state.upper()], Input(said)) for state, said, _, _ in table()}

    assert pairs == set(TRANSITIONS) == {(state, said) for state in State for said in Input}
