"""Times and amounts in sentences."""

from __future__ import annotations

_UNITS = (("day", 86_400), ("h", 3_600), ("min", 60), ("s", 1))


def ago(seconds: float) -> str:
    """A length of time in its largest unit, rounded up: "4 min" has not gone by yet."""
    for name, unit in _UNITS:
        if seconds > unit or unit == 1:
            count = max(1, -(-int(seconds) // unit))
            return f"{count} {name}{'s' if name == 'day' and count > 1 else ''}"
    raise AssertionError


def dollars(cents: int) -> str:
    """For example ``$1,234.50``."""
    return f"${cents // 100:,}.{cents % 100:02}"
