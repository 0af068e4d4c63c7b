"""Faults on demand: what can be made to go wrong, and whether it does this time.

A fault is armed through the control endpoint. It strikes a matching request with its
probability, at most ``remaining`` times.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, field_validator


class Fault(BaseModel):
    """Fields that all faults share. ``endpoint`` is a name such as ``items``; ``None``: all."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    probability: float = Field(1.0, ge=0, le=1)
    remaining: int | None = Field(None, ge=1)
    endpoint: str | None = None


class Latency(Fault):
    """The answer comes *seconds* later."""

    kind: Literal["latency"]
    seconds: float = Field(ge=0, le=600)


class TooManyRequests(Fault):
    """429; ``retry_after`` is sent as the header if given (seconds or an HTTP date)."""

    kind: Literal["429"]
    retry_after: str | None = Field(None, max_length=64)

    @field_validator("retry_after", mode="before")
    @classmethod
    def _as_text(cls, value: object) -> object:
        return str(value) if isinstance(value, int | float) else value


class ServerError(Fault):
    """A server error with a JSON body."""

    kind: Literal["5xx"]
    status: int = Field(503, ge=500, le=599)


class HtmlPage(Fault):
    """An HTML page instead of JSON; with status 200 it even claims success."""

    kind: Literal["html"]
    status: int = Field(503, ge=200, le=599)


class Truncated(Fault):
    """Half an answer: ``cut`` is a whole HTTP message with half the JSON, ``close`` a hang-up."""

    kind: Literal["truncated"]
    how: Literal["cut", "close"] = "cut"


class MissingFields(Fault):
    """Each of ``fields`` is left out of each item with ``share``; inner ones are dotted."""

    kind: Literal["missing_fields"]
    fields: tuple[str, ...] = Field(
        ("salePrice", "standardShipRate", "bestMarketplacePrice"), min_length=1
    )
    share: float = Field(0.5, ge=0, le=1)

    @field_validator("fields")
    @classmethod
    def _keep_the_item_id(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if "itemId" in value:
            raise ValueError("itemId is never missing")
        return value


class ClockShift(Fault):
    """The server's clock is wrong, in the Date header and in the check of signatures."""

    kind: Literal["clock_shift"]
    milliseconds: int


class UnknownItems(Fault):
    """These items have vanished from the catalogue.

    ``left_out``: lookups leave them out, whatever the sandbox does with other unknown ids.
    """

    kind: Literal["unknown_items"]
    item_ids: frozenset[int] = Field(min_length=1)
    left_out: bool = False


AnyFault = Annotated[
    Latency
    | TooManyRequests
    | ServerError
    | HtmlPage
    | Truncated
    | MissingFields
    | ClockShift
    | UnknownItems,
    Field(discriminator="kind"),
]
FAULT: TypeAdapter[AnyFault] = TypeAdapter(AnyFault)
F = TypeVar("F", bound=Fault)


@dataclass(slots=True)
class ArmedFault:
    """A fault, its number, how often it has struck and how often it still may."""

    number: int
    fault: Fault
    remaining: int | None
    struck: int = 0


class Faults:
    """The armed faults. *random* decides, so that a seed repeats a run."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._armed: dict[int, ArmedFault] = {}
        self._last = 0

    def arm(self, fault: Fault) -> ArmedFault:
        """Arms *fault* from now on."""
        self._last += 1
        armed = ArmedFault(self._last, fault, fault.remaining)
        self._armed[armed.number] = armed
        return armed

    def disarm(self, number: int | None = None) -> int:
        """Disarms one fault, or all of them; returns how many."""
        if number is not None:
            return 0 if self._armed.pop(number, None) is None else 1
        count = len(self._armed)
        self._armed.clear()
        return count

    def armed(self) -> list[ArmedFault]:
        """All faults that can still strike."""
        return [fault for fault in self._armed.values() if fault.remaining != 0]

    def strike(self, kind: type[F], endpoint: str) -> F | None:
        """The first armed fault of this *kind* that strikes a request to *endpoint*, if any."""
        for armed in self.armed():
            fault = armed.fault
            if not isinstance(fault, kind) or fault.endpoint not in (None, endpoint):
                continue
            if fault.probability < 1 and self._random.random() >= fault.probability:
                continue
            armed.struck += 1
            if armed.remaining is not None:
                armed.remaining -= 1
            return fault
        return None

    def missing(self, fault: MissingFields) -> frozenset[str]:
        """The fields that *fault* takes from one item."""
        return frozenset(name for name in fault.fields if self._random.random() < fault.share)
