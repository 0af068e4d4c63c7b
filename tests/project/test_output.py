"""Everything that a command prints goes through the one place that makes it safe to look at."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[2] / "walmart_stream"
PLACE = PACKAGE / "commands" / "terminal.py"


def prints(path: Path) -> Iterator[str]:
    """Where *path* prints something by itself."""
    for node in ast.walk(ast.parse(path.read_text())):
        match node:
            case ast.Call(func=ast.Name(id="print")):
                yield f"{path.name}:{node.lineno}"
            case ast.Call(func=ast.Attribute(value=ast.Name(id="click"), attr="echo" | "secho")):
                yield f"{path.name}:{node.lineno}"


def test_nothing_is_printed_elsewhere() -> None:
    """Names of sellers, messages of servers and notes would steer the terminal."""
    found = [place for path in PACKAGE.rglob("*.py") if path != PLACE for place in prints(path)]

    assert found == []
    assert list(prints(PLACE))
