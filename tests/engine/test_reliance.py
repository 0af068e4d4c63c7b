"""What the engine relies on in Faust is named in one place."""

from __future__ import annotations

import ast
from importlib.metadata import version
from pathlib import Path

import pytest

from walmart_stream.engine import reliance

ENGINE = Path(reliance.__file__).parent
NAMED = {
    name for classes in reliance.RELIANCES.values() for names in classes.values() for name in names
}


def test_everything_that_is_relied_on_is_there() -> None:
    """In the version that is installed, which is the one that was read."""
    assert version("faust-streaming") == reliance.FAUST
    assert reliance.missing() == []


def test_no_private_name_of_faust_is_used_that_is_not_named() -> None:
    """Private names that the engine neither makes nor lists are Faust's, or a library's."""
    used, own = set[str](), set[str]()
    for file in ENGINE.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                own.add(node.name)
            elif isinstance(node, ast.Attribute) and node.attr.startswith("_"):
                (own if isinstance(node.ctx, ast.Store) else used).add(node.attr)
    not_faust = {
        "__class__",
        "__name__",
        "__qualname__",
        "__code__",
        "__dict__",
        "__mro__",
        "__init__",
        "_exit",
    }

    assert used - own - not_faust - NAMED == set()


def test_another_version_of_faust_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may do something else under the same name, and nobody would notice before data is lost."""
    monkeypatch.setattr(reliance, "FAUST", "0.15.4")

    with pytest.raises(ImportError, match=r"relies on internals of faust-streaming 0\.15\.4"):
        reliance.check()
