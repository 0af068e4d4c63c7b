"""The internals of Faust that the engine relies on are named in one place."""

from __future__ import annotations

import ast
import importlib
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest

from walmart_stream.engine import reliance
from walmart_stream.runtime import unpacking

ENGINE = Path(reliance.__file__).parent
RELIED_ON = [(owner, name) for owner, names in reliance.RELIANCES.items() for name in names.split()]
NAMED = {name for _, name in RELIED_ON}

# There were 92 at the first release: adding one has to be a decision.
MOST = 72


def test_the_names_that_are_relied_on_become_no_more(capsys: pytest.CaptureFixture[str]) -> None:
    """Each is work at the next release of Faust, mode or aiokafka."""
    names = [f"{owner}.{name}" for owner, name in RELIED_ON]

    with capsys.disabled():
        print(f"\nthe engine relies on {len(names)} internals of {len(reliance.RELIANCES)} classes")

    assert len(names) == len(set(names)) <= MOST


def test_everything_that_is_relied_on_is_there() -> None:
    """In the versions that are installed, which are the ones that were read."""
    assert {name: version(name) for name in reliance.VERSIONS} == reliance.VERSIONS
    assert [one for one in RELIED_ON if not _exists(*one)] == []


def _exists(path: str, name: str) -> bool:
    module, _, class_name = path.partition(":")
    owner = getattr(importlib.import_module(module), class_name)
    inits = [vars(one)["__init__"] for one in owner.__mro__ if "__init__" in vars(one)]
    set_at_start = [init.__code__.co_names for init in inits if hasattr(init, "__code__")]
    return hasattr(owner, name) or any(name in names for names in set_at_start)


def test_no_private_name_of_faust_is_used_that_is_not_named() -> None:
    """Private names that the engine neither makes nor lists are Faust's, or a library's."""
    used, own = set[str](), set[str]()
    for file in (*ENGINE.glob("*.py"), Path(unpacking.__file__)):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                own.add(node.name)
            elif isinstance(node, ast.Attribute) and node.attr.startswith("_"):
                (own if isinstance(node.ctx, ast.Store) else used).add(node.attr)
    not_faust = {
        "__class__",
        "__name__",
        "__qualname__",
        "__dict__",
        "_exit",
    }

    assert used - own - not_faust - NAMED == set()


@pytest.mark.parametrize("name", ["faust-streaming", "mode-streaming", "aiokafka"])
def test_another_version_of_any_of_the_three_is_refused(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """It may do something else under the same name, and nobody would notice before data is lost."""
    monkeypatch.setitem(reliance.VERSIONS, name, "0.0.1")

    with pytest.raises(ImportError, match=f"relies on internals of {name} 0.0.1"):
        reliance.check()


def test_the_versions_that_are_checked_are_the_ones_that_are_installed_by_default() -> None:
    """Or an installation by pip would end in an ImportError."""
    project = tomllib.loads((ENGINE.parents[1] / "pyproject.toml").read_text("utf-8"))

    pinned = {f"{name}=={tested}" for name, tested in reliance.VERSIONS.items()}

    assert pinned <= set(project["project"]["dependencies"])
