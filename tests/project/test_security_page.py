"""SECURITY.md claims nothing by the name of a test that is not there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "SECURITY.md").read_text(encoding="utf-8")


def test_every_test_that_it_names_exists() -> None:
    """A test that was renamed or dropped must not go on standing for a promise."""
    named = set(re.findall(r"`((?:\w+/)*test_\w+\.py)`", PAGE))

    assert len(named) > 10
    assert {name for name in named if not list((ROOT / "tests").glob(f"**/{name}"))} == set()


def test_every_threat_says_what_is_not_defended() -> None:
    """Each paragraph on somebody who could be after it ends with what they can do."""
    threats = PAGE.partition("## Who could be after it")[2].split("\n\n**")[1:]

    assert len(threats) >= 10
    lines = [" ".join(threat.split()) for threat in threats]
    assert [line[:40] for line in lines if "*Not defended:*" not in line] == []
