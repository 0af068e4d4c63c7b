"""Surroundings that the tests of commands share."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tables are as wide as the terminal that a run has, if it has one."""
    monkeypatch.setenv("COLUMNS", "140")
