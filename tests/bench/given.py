"""The parameters of a subject's process, through its environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from walmart_stream import topics

RAW = topics.RAW.name
RESULTS = topics.RESULTS.name

# As the program has it by default.
PARTITIONS = 12


class Given(NamedTuple):
    """*group*: of consumers, and the prefix of changelogs (APP_ID). *folder*: for local state.

    *session*: seconds until the group gives up a silent member. *total*: observations that there
    will be; who cannot notice the end of the work may count.
    """

    brokers: str
    group: str
    session: float
    folder: Path
    total: int

    @property
    def states(self) -> str:
        """The changelog of items' states."""
        return f"{self.group}-offers-changelog"

    @property
    def windows(self) -> str:
        """The changelog of windows' rows."""
        return f"{self.group}-price-windows-changelog"

    def environment(self) -> Mapping[str, str]:
        """As variables."""
        return {f"BENCH_{name.upper()}": str(value) for name, value in self._asdict().items()}


def given() -> Given:
    """The parameters of this process."""
    told = {name: os.environ[f"BENCH_{name.upper()}"] for name in Given._fields}
    return Given(
        told["brokers"],
        told["group"],
        float(told["session"]),
        Path(told["folder"]),
        int(told["total"]),
    )
