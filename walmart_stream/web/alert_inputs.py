"""The inputs about alerts; of rules, :mod:`walmart_stream.domain.alerts` reads every field."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from walmart_stream.domain.alerts.rule_fields import NAME
from walmart_stream.domain.alerts.rules import KINDS
from walmart_stream.domain.watch import ItemId
from walmart_stream.web.inputs import Cursor, Tag, Time
from walmart_stream.web.rule_versions import VERSION

RuleName = f"^{NAME.pattern}$"


class _Input(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, defer_build=True)


class AlertsQuery(_Input):
    """A page of alerts, newest first."""

    state: Literal["open", "acknowledged", "closed"] | None = None
    severity: Literal["info", "warning", "critical"] | None = None
    rule: str | None = Field(None, pattern=RuleName, description="Of this rule only.")
    item: ItemId | None = Field(None, description="Of this item only.")
    tag: Tag | None = Field(None, description="Of items that had this tag when it was raised.")
    cursor: Cursor | None = None
    limit: int = Field(100, ge=1, le=500, description="Alerts a page.")


_VERSION = "The version that the rule must still have; of one rule only."


class VersionQuery(_Input):
    """The version of a rule that is there."""

    version: str | None = Field(None, pattern=VERSION, description=_VERSION)


class RuleQuery(VersionQuery):
    """The rule to remove."""

    name: str = Field(pattern=RuleName, description="The rule's name.")


class RuleOne(BaseModel):
    """A rule; docs/alerts.md has its fields, which are those of a TOML file."""

    model_config = ConfigDict(extra="allow")

    name: str = Field(pattern=RuleName)
    when: str = Field(json_schema_extra={"enum": list(KINDS)})


class RuleMany(_Input):
    """Rules, as a TOML file has them."""

    rule: list[RuleOne] = Field(min_length=1)


class Nothing(_Input):
    """Nothing: {}. Its type keeps forms of foreign pages out."""


class MuteOne(_Input):
    """An item or a rule to mute."""

    item: ItemId | None = None
    rule: str | None = Field(None, pattern=RuleName)
    until: Time | None = Field(None, description="Until this time; null: no longer.")

    @model_validator(mode="before")
    @classmethod
    def _is_one(cls, values: Any) -> Any:
        if isinstance(values, dict) and (
            (values.get("item") is None) is (values.get("rule") is None)
        ):
            raise ValueError("item or rule is due, and not both")
        return values
