"""The pages' query parameters and forms, besides those that they share with the API."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from walmart_stream.domain.watch import MAX_NOTE, ItemId
from walmart_stream.web.alert_inputs import RuleName
from walmart_stream.web.inputs import Cursor, Tag
from walmart_stream.web.rule_versions import VERSION

# Characters of the address that a person wanted before signing in.
MAX_TARGET = 4_000


class _Input(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


class StaticQuery(_Input):
    """The version of a static file."""

    v: Annotated[str | None, Field(max_length=64, description="The content's hash.")] = None


class LoginQuery(_Input):
    """The page to go on to."""

    next: Annotated[
        str | None, Field(max_length=MAX_TARGET, description="A path of this server.")
    ] = None


class LoginForm(_Input):
    """The token, typed by a person."""

    token: Annotated[str, Field(max_length=4_096)]
    next: Annotated[str | None, Field(max_length=MAX_TARGET)] = None


class NoForm(_Input):
    """No fields."""


class WatchlistPageQuery(_Input):
    """A page of the watchlist, and the last thing that was done to it."""

    tag: Tag | None = Field(None, description="Items with this tag.")
    cursor: Cursor | None = None
    added: ItemId | None = Field(None, description="Shown as just added.")
    removed: ItemId | None = Field(None, description="Shown as just removed.")
    imported: int | None = Field(None, ge=0, le=10**9, description="Shown as just imported.")


class WatchForm(_Input):
    """An item to add or to remove. The id is checked later, in every form that people paste."""

    action: Literal["add", "remove"]
    item_id: Annotated[str, Field(max_length=2_000)]
    note: Annotated[str | None, Field(max_length=10 * MAX_NOTE)] = None
    tags: Annotated[str | None, Field(max_length=10 * MAX_NOTE)] = None


class ImportForm(_Input):
    """A CSV file, as a file or as text; with ``take`` its good rows are taken."""

    file: bytes | None = None
    text: Annotated[str | None, Field(max_length=1_000_000)] = None
    take: Literal["yes"] | None = None


class SystemQuery(_Input):
    """The system page, and the last thing that was done on it."""

    replayed: int | None = Field(None, ge=0, le=10**9, description="Shown as just put back.")


class ReplayForm(_Input):
    """One dead letter by its name, or all of a class of fault."""

    name: Annotated[str | None, Field(min_length=1, max_length=400)] = None
    fault: Annotated[str | None, Field(min_length=1, max_length=200)] = None


class AcknowledgeForm(_Input):
    """An alert that a person knows of."""

    alert: Annotated[str, Field(min_length=1, max_length=1_000)]


# Characters of a field of a rule: a thousand item ids, each on a line.
MAX_RULE_FIELD = 30_000
_Text = Annotated[str | None, Field(max_length=MAX_RULE_FIELD)]


class RulesQuery(_Input):
    """The rule to change, the last thing that was done, and what is to be muted."""

    edit: str | None = Field(None, pattern=RuleName, description="The rule to change.")
    did: Literal["save", "enable", "disable", "remove", "mute", "end"] | None = None
    name: str | None = Field(None, pattern=RuleName, description="To whom it was done.")
    item: ItemId | None = Field(None, description="To be muted.")
    rule: str | None = Field(None, pattern=RuleName, description="To be muted.")


class RuleForm(_Input):
    """A rule as it is typed: all fields are text.

    ``was`` is the name of the rule to change, and ``version`` the one that was shown of it.
    """

    action: Literal["save", "enable", "disable", "remove"]
    was: Annotated[str | None, Field(pattern=RuleName)] = None
    version: Annotated[str | None, Field(pattern=VERSION)] = None
    name: _Text = None
    items: _Text = None
    tags: _Text = None
    all: Literal["yes", "no"] | None = None
    when: _Text = None
    offer: _Text = None
    value: _Text = None
    by: _Text = None
    by_pct: _Text = None
    within_pct: _Text = None
    direction: _Text = None
    against: _Text = None
    over: _Text = None
    longer_than: _Text = None
    sellers: _Text = None
    not_sellers: _Text = None
    hold: _Text = None
    hysteresis: _Text = None
    cooldown: _Text = None
    severity: _Text = None
    channels: _Text = None
    quiet: _Text = None
    enabled: Literal["yes", "no"] | None = None


class MuteForm(_Input):
    """An item or a rule to mute, or to tell of again."""

    action: Literal["mute", "end"]
    item: Annotated[str | None, Field(max_length=2_000)] = None
    rule: Annotated[str | None, Field(max_length=200)] = None
    until: Annotated[str | None, Field(max_length=100)] = None


class ChannelForm(_Input):
    """A channel to try."""

    channel: Annotated[str, Field(min_length=1, max_length=40)]
