""".env.example is the settings, written out: same names, same order, same defaults."""

from __future__ import annotations

import textwrap
from pathlib import Path

from pydantic.fields import FieldInfo

from walmart_stream.settings import SECRETS, Settings, load_settings

EXAMPLE = Path(__file__).resolve().parents[2] / ".env.example"
NEEDED = {
    "KAFKA_BROKERS": "unreachable.invalid:9092",
    "MONGODB_URI": "mongodb://unreachable.invalid",
}


def default_text(field: FieldInfo) -> str:
    """The default as it stands in the environment; nothing where there is none."""
    if field.is_required() or field.default is None:
        return ""
    if isinstance(field.default, bool):
        return str(field.default).lower()
    return str(field.default)


def block(name: str, field: FieldInfo) -> str:
    """The block of one setting: the description as a comment, and the default."""
    needed = " Required." if field.is_required() else ""
    comment = textwrap.fill(
        f"{field.description}{needed}", 98, initial_indent="# ", subsequent_indent="# "
    )
    return f"{comment}\n{name.upper()}={default_text(field)}\n"


def test_every_setting_stands_in_the_example_with_description_and_default() -> None:
    """Each setting has its block, word for word as the settings have it."""
    text = EXAMPLE.read_text(encoding="utf-8")

    missing = [
        expected
        for name, field in Settings.model_fields.items()
        if (expected := block(name, field)) not in text
    ]

    assert not missing, "put into .env.example:\n" + "\n".join(missing)


def test_nothing_else_stands_in_the_example() -> None:
    """A name that the settings do not know would be believed and do nothing."""
    lines = EXAMPLE.read_text(encoding="utf-8").splitlines()

    names = [line.partition("=")[0] for line in lines if line and not line.startswith("#")]

    assert names == [name.upper() for name in Settings.model_fields]


def test_a_copy_of_the_example_configures_what_no_file_at_all_does(tmp_path: Path) -> None:
    """`cp .env.example .env` changes nothing until a value is filled in."""
    nothing = load_settings(dict(NEEDED), tmp_path / "absent")

    copied = load_settings(dict(NEEDED), EXAMPLE)

    assert copied.model_dump() == nothing.model_dump()


def test_the_example_holds_no_secret() -> None:
    """Every secret is there by name and empty."""
    lines = EXAMPLE.read_text(encoding="utf-8").splitlines()

    assert {f"{name}=" for name in SECRETS} <= set(lines)
