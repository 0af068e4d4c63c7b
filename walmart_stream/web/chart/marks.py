"""The marks that charts are made of: elements of SVG, with all text in them escaped."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from walmart_stream.domain.plain import plain

# Characters of a name in a picture.
LONGEST = 40


class Svg(str):
    """A picture that templates put in as it is: all text in it went through :func:`text_of`."""

    __slots__ = ()

    def __html__(self) -> str:
        return self


def number(value: float) -> str:
    """A coordinate to a hundredth of a pixel."""
    return f"{value:.2f}".rstrip("0").rstrip(".")


def text_of(text: str, longest: int = LONGEST) -> str:
    """*text* from outside, short, without anything that steers a line of text or is markup."""
    shown = plain(text[: longest + 1])
    if len(shown) > longest:
        shown = shown[: longest - 1] + "…"
    return escape(shown, quote=True)


def label(x: float, y: float, words: str, name: str, more: str = "") -> str:
    """Text at a place; *words* are escaped already, *more* are further attributes."""
    return f'<text class="{name}" x="{number(x)}" y="{number(y)}"{more}>{words}</text>'


def line(x1: float, y1: float, x2: float, y2: float, name: str) -> str:
    """A straight line."""
    places = f'x1="{number(x1)}" y1="{number(y1)}" x2="{number(x2)}" y2="{number(y2)}"'
    return f'<line class="{name}" {places}/>'


def box(
    x: float, y: float, width: float, height: float, name: str, more: str = "", inside: str = ""
) -> str:
    """A rectangle; *inside* is its title, escaped already."""
    places = f'x="{number(x)}" y="{number(y)}" width="{number(width)}" height="{number(height)}"'
    title = f"<title>{inside}</title>" if inside else ""
    return f'<rect class="{name}" {places}{more}>{title}</rect>'


def path(steps: Iterable[str], name: str, more: str = "") -> str:
    """A path of commands; nothing where there are none."""
    drawn = "".join(steps)
    return f'<path class="{name}" d="{drawn}"{more}/>' if drawn else ""


# Per series: a disc, a square, a triangle, a diamond, a cross. Lines differ in shape, too.
_GLYPHS = (
    "M{l} {y}A4 4 0 1 1 {r} {y}A4 4 0 1 1 {l} {y}Z",
    "M{l} {t}H{r}V{b}H{l}Z",
    "M{x} {t}L{r} {b}H{l}Z",
    "M{x} {t}L{r} {y}L{x} {b}L{l} {y}Z",
    "M{l} {t}L{r} {b}M{r} {t}L{l} {b}",
)


def glyph(series: int, x: float, y: float) -> str:
    """The sign of the series of that number, around a place."""
    drawn = _GLYPHS[series % len(_GLYPHS)].format(
        x=number(x),
        y=number(y),
        l=number(x - 4),
        r=number(x + 4),
        t=number(y - 4),
        b=number(y + 4),
    )
    return f'<path class="glyph s{series}" d="{drawn}"/>'
