"""The charts' colours: seen on both themes, and told apart by the colour-blind."""

from __future__ import annotations

import re
from itertools import combinations
from pathlib import Path

import pytest

import walmart_stream.web

CSS = (Path(walmart_stream.web.__file__).parent / "static" / "chart.css").read_text()
SERIES = ("s0", "s1", "s2", "s3", "s4")
# Cards and grounds of the pages.
GROUNDS = {"light": ("#ffffff", "#f5f6f8"), "dark": ("#181c22", "#0f1216")}

# Viénot, Brettel & Mollon, "Digital video colourmaps for checking the legibility of displays by
# dichromats" (1999), in linear RGB.
BLINDNESS = {
    "none": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protan": ((0.11238, 0.88762, 0), (0.11238, 0.88762, 0), (0.00401, -0.00401, 1)),
    "deutan": ((0.29275, 0.70725, 0), (0.29275, 0.70725, 0), (-0.02234, 0.02234, 1)),
}


def themes():
    """Theme -> variable -> colour; dark ones stand twice, and must be the same."""
    blocks = [dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", block)) for block in CSS.split("}")]
    light, first, second = [block for block in blocks if "s0" in block]
    assert first == second
    return {"light": light, "dark": first}


def linear(colour):
    """The colour's red, green and blue as amounts of light, 0–1."""
    values = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    return [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in values]


def contrast(one, other):
    """WCAG 2's ratio."""
    light = sorted(
        sum(w * v for w, v in zip((0.2126, 0.7152, 0.0722), linear(c), strict=True)) + 0.05
        for c in (one, other)
    )
    return light[1] / light[0]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_lines_and_text_are_seen(theme) -> None:
    """3:1 for lines and hatches, 4.5:1 for text."""
    colours = themes()[theme]

    for ground in GROUNDS[theme]:
        for name in (*SERIES, "chart-hatch", "box-own", "box-edge"):
            assert contrast(colours[name], ground) >= 3, (name, ground)
        for name in ("chart-text", "chart-strong", *SERIES):
            assert contrast(colours[name], ground) >= 4.5, (name, ground)
    assert contrast(colours["box-own-text"], colours["box-own"]) >= 4.5
    assert contrast(colours["box-rival-text"], colours["box-rival"]) >= 4.5
    assert contrast(colours["box-own"], colours["box-rival"]) >= 3


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("blindness", BLINDNESS)
def test_the_first_three_lines_differ_for_the_colour_blind(theme, blindness) -> None:
    """Those that are shown at first, by CIE 1976; the others differ by their signs at least."""
    colours = themes()[theme]

    for one, other in combinations(SERIES[:3], 2):
        a, b = (lab(seen(colours[name], blindness)) for name in (one, other))
        assert sum((x - y) ** 2 for x, y in zip(a, b, strict=True)) ** 0.5 >= 20, (one, other)


def seen(colour, blindness):
    rgb = linear(colour)
    return [
        max(0.0, sum(w * v for w, v in zip(row, rgb, strict=True))) for row in BLINDNESS[blindness]
    ]


def lab(rgb):
    """CIE L*a*b* of linear sRGB."""
    rows = (
        (0.4124 / 0.95047, 0.3576 / 0.95047, 0.1805 / 0.95047),
        (0.2126, 0.7152, 0.0722),
        (0.0193 / 1.08883, 0.1192 / 1.08883, 0.9505 / 1.08883),
    )
    x, y, z = (
        v ** (1 / 3) if v > 0.008856 else 7.787 * v + 16 / 116
        for v in (sum(w * c for w, c in zip(row, rgb, strict=True)) for row in rows)
    )
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)
