"""The package's structure in figures, read from its imports.

``python -m tests.project.house`` prints them. A room is a package directly under
``walmart_stream/`` or a module beside them; an arrow is one room that imports another.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[2] / "walmart_stream"

# From the ground up: a room imports rooms of lower floors only.
FLOORS: tuple[tuple[str, ...], ...] = (
    ("credentials", "domain", "metrics", "runtime", "sandbox", "topics"),
    ("engine", "settings"),
    ("logs", "notify", "storage", "tables", "walmart"),
    ("export", "kafka"),
    ("web",),
    ("agents", "audit"),
    ("bootstrap",),
    ("app", "local"),
    ("commands",),
    ("cli",),
    ("__main__",),
)

# Rooms with walls: all that they import, whatever floor it is on.
IMPORTS_ONLY: dict[str, set[str]] = {
    "credentials": set(),
    "domain": set(),
    "engine": {"runtime"},
    "notify": {"credentials", "domain", "settings"},
    "export": {"domain", "storage"},
    "runtime": set(),
    "sandbox": set(),
    "settings": {"credentials"},
    "storage": {"credentials", "domain", "settings"},
}

# Rooms with a door-keeper: all that may import them.
IMPORTED_ONLY_BY: dict[str, set[str]] = {
    "app": {"cli"},
    "cli": {"__main__"},
    "commands": {"cli"},
    "local": {"cli", "commands"},
    "sandbox": {"commands", "local"},
}


def modules() -> list[Path]:
    """The package's files of Python code."""
    return sorted(PACKAGE.rglob("*.py"))


def room_of(path: Path) -> str:
    """The room that a file of the package is in."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported_rooms(path: Path) -> Iterator[str]:
    """The rooms that a file imports, wherever in it the import stands."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            parts = name.split(".")
            if parts[0] == "walmart_stream" and len(parts) > 1 and parts[1] in rooms():
                yield parts[1]


@cache
def rooms() -> frozenset[str]:
    """All rooms, the package's own ``__init__`` not counted."""
    return frozenset(room_of(path) for path in modules()) - {"__init__"}


@cache
def arrows() -> frozenset[tuple[str, str]]:
    """Pairs of rooms of which the first imports the second."""
    return frozenset(
        (room_of(path), target)
        for path in modules()
        for target in imported_rooms(path)
        if target != room_of(path)
    )


def upward() -> list[tuple[str, str]]:
    """Arrows to the same floor or a higher one."""
    floor = {room: number for number, floor in enumerate(FLOORS) for room in floor}
    return sorted((a, b) for a, b in arrows() if floor[b] >= floor[a])


def main() -> None:
    files = modules()
    lines = sum(len(path.read_text(encoding="utf-8").splitlines()) for path in files)
    root = [path for path in files if path.parent == PACKAGE and path.name != "__init__.py"]
    figures = {
        "modules at the root": len(root),
        "rooms": len(rooms()),
        "floors": len(FLOORS),
        "import arrows": len(arrows()),
        "import arrows upward": len(upward()),
        "files": len(files),
        "lines": lines,
    }
    for name, value in figures.items():
        print(f"{name:22}{value:8,}")


if __name__ == "__main__":
    main()
