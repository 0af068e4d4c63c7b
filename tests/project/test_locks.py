"""The locks: hashed, free of addresses, and one set of versions in all of them."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LOCKS = sorted((ROOT / "requirements").glob("*.lock"))


def pins(lock: Path) -> dict[str, str]:
    """Versions by package name."""
    return dict(re.findall(r"(?m)^([a-z0-9-]+)==([^\s;]+)", lock.read_text(encoding="utf-8")))


def name_of(requirement: str) -> str:
    return re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0].lower()


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_every_package_is_pinned_with_hashes(lock: Path) -> None:
    """pip refuses whatever is not one of the files that were locked."""
    entries = re.split(r"(?m)^(?=[a-z0-9])", lock.read_text(encoding="utf-8"))[1:]

    assert entries
    assert all("==" in entry and "--hash=sha256:" in entry for entry in entries)


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_no_lock_names_an_index(lock: Path) -> None:
    """Each machine installs from the index that it is set up for."""
    text = lock.read_text(encoding="utf-8")

    assert "://" not in text
    assert "-index" not in text
    assert "--find-links" not in text


@pytest.mark.parametrize("lock", ["runtime.lock", "build.lock"])
def test_what_is_shipped_is_what_is_tested(lock: str) -> None:
    """The small locks repeat pins of the one that the suite runs on."""
    tested = pins(ROOT / "requirements" / "all.lock")

    shipped = pins(ROOT / "requirements" / lock)

    assert shipped.items() <= tested.items()


def test_the_lock_covers_all_that_the_project_asks_for() -> None:
    """A dependency added to pyproject.toml without `make lock` is found here."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    asked = [
        *project["build-system"]["requires"],
        *project["project"]["dependencies"],
        *(one for extra in project["project"]["optional-dependencies"].values() for one in extra),
        *(one for group in project["dependency-groups"].values() for one in group),
    ]

    locked = pins(ROOT / "requirements" / "all.lock")

    assert {name_of(requirement) for requirement in asked} <= set(locked)
