"""The floor plan in tests/project/house.py holds for the imports of every file."""

from __future__ import annotations

import re

from tests.project import house


def test_every_room_is_on_the_floor_plan() -> None:
    """A new package or root module is given its place, which is when its purpose is asked."""
    planned = [room for floor in house.FLOORS for room in floor]

    assert len(planned) == len(set(planned))
    assert set(planned) == house.rooms()


def test_imports_lead_down() -> None:
    """No room imports one of its own floor or of a higher one, so there are no circles."""
    assert house.upward() == []


def test_rooms_with_walls_import_nothing_else() -> None:
    """The domain, the engine and the sandbox can be read, and moved, without the rest."""
    for room, allowed in house.IMPORTS_ONLY.items():
        assert {b for a, b in house.arrows() if a == room} <= allowed, room


def test_rooms_with_a_door_keeper_are_imported_by_nobody_else() -> None:
    """The worker never loads a command, the local stack or the sandbox."""
    for room, allowed in house.IMPORTED_ONLY_BY.items():
        assert {a for a, b in house.arrows() if b == room} <= allowed, room


def test_the_runtime_knows_no_faust() -> None:
    """Everything that has to be known of Faust's internals is in the engine."""
    texts = [file.read_text("utf-8") for file in (house.PACKAGE / "runtime").glob("*.py")]

    assert [
        text for text in texts if re.search(r"^\s*(from|import) (faust|mode)\b", text, re.M)
    ] == []
