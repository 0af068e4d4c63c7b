"""The package requires everything that it imports."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def imported() -> Iterator[str]:
    """Top-level modules of others that the package imports, anywhere in its files."""
    for file in (ROOT / "walmart_stream").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                yield from (alias.name.partition(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                yield node.module.partition(".")[0]


def test_every_package_that_is_imported_is_asked_for() -> None:
    """An indirect dependency may be gone with the next version of the direct one."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    asked = {
        re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0].lower()
        for requirement in [
            *project["dependencies"],
            *extras["rocksdb"],
            *extras["parquet"],
            *extras["local"],
        ]
    }
    distributions = defaultdict(list, packages_distributions())

    others = set(imported()) - sys.stdlib_module_names - {"walmart_stream"}

    unasked = {
        module
        for module in others
        if not asked & {re.sub(r"[-_.]+", "-", name).lower() for name in distributions[module]}
    }
    assert unasked == set()
