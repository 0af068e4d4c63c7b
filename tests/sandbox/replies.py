"""Shared by all callers of a sandbox: a clock moved by hand, and replies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson

CONSUMER = "3c1f7a52-5d0e-4a55-9f4e-0d1b2c3d4e5f"
NOON = 1_795_348_800.0


@dataclass
class HandClock:
    """Epoch seconds that move when told to."""

    now: float = NOON

    def __call__(self) -> float:
        return self.now


@dataclass
class Reply:
    status: int
    headers: Any
    body: bytes

    def json(self) -> Any:
        return orjson.loads(self.body)

    @property
    def description(self) -> str:
        return self.json()["details"]["Description"]
