"""The one reader of CSV: reports of Walmart, watchlists of people. Pure.

RFC 4180 in the dialects that spreadsheets write: comma, semicolon, tab or bar between the cells,
any line end, any common encoding, a ``sep=`` line first. A quote that is never closed, a row with
too few or too many cells, or one that is too long spoils its own line: reading goes on at the next.
So does a quote that a later row happens to close, where the reader knows what a row looks like.
"""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from walmart_stream.domain.errors import WrongShape
from walmart_stream.domain.reading.seller_values import spelling

# In the order of preference where a header fits several.
DELIMITERS = ",;\t|"

# Characters of a record. A row of the largest report has some thousand; a spreadsheet's cell holds
# 32,767 at most.
MAX_RECORD = 40_000

# Characters that are looked through in vain for the ends of quotes, over a whole file. After these,
# a quote is looked for in its own line only: stray ones must not cost a worker seconds.
MAX_LOOKED_THROUGH = 4_000_000

# Columns of a header. Walmart's widest report has some sixty.
MAX_COLUMNS = 1_000

# Records of a file: three times the largest report that is known. A row costs a worker some 400
# bytes.
MAX_RECORDS = 300_000

# Lines of a file, blank and malformed ones too. Each takes a microsecond or ten.
MAX_LINES = 1_000_000

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_SEPARATOR_LINE = re.compile(r"\ufeff?\"?sep=(.)\"?", re.IGNORECASE)
_LINE_END = re.compile(r"\r\n?|\n")
_PIECE = 1024 * 1024


class Record(NamedTuple):
    """One row. ``line`` is where it begins, from 1.

    ``cells`` has the cells by the ``spelling`` of their columns, without blanks around them, each
    run of control characters one blank, empty ones left out. ``delivered`` has all cells by the
    headers, as they stand in the file.
    """

    line: int
    cells: dict[str, str]
    delivered: dict[str, str]


class RecordFault(NamedTuple):
    """A line that is not a row: ``reason`` says why, ``text`` is its beginning as it stands."""

    line: int
    reason: str
    text: str


class _Shape(NamedTuple):
    """The look of a record; see :func:`read_csv`."""

    delimiter: str
    columns: int
    short_rows: bool
    is_row: Callable[[Sequence[str]], bool] | None


class NoHeader(WrongShape):
    """The first row names none of the columns that must be there."""


def decode(content: bytes) -> str:
    """The text of a file: by its byte order mark, else UTF-8, else Windows' Western encoding.

    UTF-16 without a mark is known by the zero bytes of its first characters.
    """
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16", "replace")
    if content[1:4:2] == b"\0\0":
        return content.decode("utf-16-le", "replace")
    if content[:3:2] == b"\0\0":
        return content.decode("utf-16-be", "replace")
    if _is_utf8(content):
        return content.decode("utf-8-sig")
    return content.decode("cp1252", "replace")


def read_csv(
    text: str,
    header_of: Callable[[Sequence[str]], Sequence[str] | None],
    *,
    short_rows: bool = False,
    is_row: Callable[[Sequence[str]], bool] | None = None,
) -> Iterator[Record | RecordFault]:
    """The rows of *text* that have anything in them, and the lines that are not rows.

    *header_of* is asked with the cells of the first row: the names of the columns, or ``None`` if
    these cells are not a header in this dialect. Where it accepts no dialect the first row is
    asked for again with an empty sequence: names of columns for a file that has none, or ``None``.
    *short_rows* may leave out cells at their end; cells beyond the header must be empty. *is_row*
    says of cells, as many as the header has, whether they surely are a row: a record of several
    lines is a fault if one of them is, since then a stray quote has taken it in.

    Raises:
        NoHeader: *header_of* accepts nothing.
        WrongShape: more than ``MAX_COLUMNS`` columns, ``MAX_RECORDS`` rows or ``MAX_LINES`` lines.
    """
    lines = _Lines(text)
    lines.skip_separator_line()
    header, delimiter = _header(lines, header_of)
    columns = [spelling(name) for name in header]
    shape = _Shape(delimiter, len(columns), short_rows, is_row)
    count = 0
    while (number := lines.next_number()) is not None:
        found = _record(lines, shape)
        if isinstance(found, RecordFault):
            yield found
            continue
        cells: dict[str, str] = {}
        for name, cell in zip(columns, found, strict=False):
            if plain := _CONTROL.sub(" ", cell).strip():
                cells.setdefault(name, plain)
        if not cells:
            continue
        count += 1
        if count > MAX_RECORDS:
            raise WrongShape(f"the file has more than {MAX_RECORDS} rows")
        yield Record(number, cells, dict(zip(header, found, strict=False)))


def beginning(line: str) -> str:
    """The first characters of a line, for messages."""
    line = line.rstrip("\n")
    return line if len(line) <= 60 else f"{line[:60]}…"


class _Lines:
    """The lines of a text with their numbers; some may be looked at before they are taken."""

    def __init__(self, text: str) -> None:
        self._lines = _lines_of(text.removeprefix("\ufeff"))
        # Those before ``_start`` have been taken.
        self._ahead: list[str] = []
        self._start = 0
        self._taken = 0
        #: Characters that may still be looked through for the ends of quotes.
        self.to_look_through = MAX_LOOKED_THROUGH
        #: Characters that were read for the last record, some of them several times.
        self.looked_through = 0

    def next_number(self) -> int | None:
        """The number of the next line that is not blank, from 1; ``None`` at the end."""
        while (line := self.ahead(0)) is not None:
            if line.strip():
                return self._taken + 1
            self.take(1)
        return None

    def ahead(self, place: int) -> str | None:
        """The line at that *place* behind the next one; ``None`` behind the end."""
        place += self._start
        missing = place + 1 - len(self._ahead)
        if missing > 0:
            self._ahead.extend(islice(self._lines, missing))
        return self._ahead[place] if place < len(self._ahead) else None

    def take(self, count: int) -> None:
        """Passes over lines that have been looked at.

        Raises:
            WrongShape: they are more than ``MAX_LINES``.
        """
        self._taken += count
        if self._taken > MAX_LINES:
            raise WrongShape(f"the file has more than {MAX_LINES} lines")
        self._start += count
        if 2 * self._start > len(self._ahead):
            del self._ahead[: self._start]
            self._start = 0

    def skip_separator_line(self) -> None:
        """Passes over ``sep=;``, which spreadsheets write and read; the header shows it anyway."""
        first = self.ahead(0)
        if first is not None and _SEPARATOR_LINE.fullmatch(first.rstrip("\n")):
            self.take(1)


def _lines_of(text: str) -> Iterator[str]:
    """The lines, each with a newline as its end: no copy of a text of many megabytes is made."""
    start = 0
    for end in _LINE_END.finditer(text):
        yield text[start : end.start()] + "\n"
        start = end.end()
    if start < len(text):
        yield text[start:]


def _header(
    lines: _Lines, header_of: Callable[[Sequence[str]], Sequence[str] | None]
) -> tuple[Sequence[str], str]:
    number = lines.next_number()
    first = "" if number is None else lines.ahead(0) or ""
    if len(first) > MAX_RECORD:
        raise WrongShape(f"line {number} has more than {MAX_RECORD} characters")
    # The delimiter that makes most columns of it comes first.
    for delimiter in sorted(DELIMITERS, key=first.count, reverse=True):
        cells, count = _cells(lines, delimiter)
        if not cells:
            continue
        if len(cells) > MAX_COLUMNS:
            raise WrongShape(f"the header has more than {MAX_COLUMNS} columns")
        accepted = header_of([_CONTROL.sub(" ", cell).strip() for cell in cells])
        if accepted is not None:
            lines.take(count)
            return accepted, delimiter
    accepted = header_of(())
    if accepted is None:
        raise NoHeader(f"the first row names none of the columns: {beginning(first)!r}")
    return accepted, max(DELIMITERS, key=first.count)


def _record(lines: _Lines, shape: _Shape) -> Sequence[str] | RecordFault:
    """The cells of the next record, which is then taken; of a fault, one line is taken."""
    number = lines.next_number()
    first = lines.ahead(0)
    assert number is not None
    assert first is not None
    cells, count = _cells(lines, shape.delimiter)
    if cells is None:
        reason = "a quote is opened and never closed"
        if len(first) > MAX_RECORD:
            reason = f"longer than {MAX_RECORD} characters"
    elif not cells:
        reason = "text follows a closing quote"
    elif not _fits(cells, shape):
        # Over several lines, a stray quote has met another one: no reason of its own.
        reason = f"{len(cells)} cells instead of {shape.columns}"
        if count > 1:
            reason = "a quote is opened and never closed"
    elif any(_is_row(lines.ahead(place) or "", shape) for place in range(1, count)):
        reason = "a quote is opened and not closed before the next row"
    else:
        lines.take(count)
        return cells
    if count > 1:
        lines.to_look_through -= lines.looked_through
    lines.take(1)
    return RecordFault(number, reason, beginning(first))


def _fits(cells: list[str], shape: _Shape) -> bool:
    """Whether they are as many as there are columns, empty ones behind the last left out."""
    while len(cells) > shape.columns and not cells[-1].strip():
        cells.pop()
    return len(cells) == shape.columns or (len(cells) < shape.columns and shape.short_rows)


def _is_row(line: str, shape: _Shape) -> bool:
    """Whether a *line* of a record is a row by itself."""
    if shape.is_row is None:
        return False
    cells = _split(line, shape.delimiter)
    return cells is not None and _fits(cells, shape) and shape.is_row(cells)


def _cells(lines: _Lines, delimiter: str) -> tuple[list[str] | None, int]:
    """The cells of the next record and its number of lines.

    No cells are there if a quote is misplaced, and ``None`` if one is not closed, or not before
    the record is too long.
    """
    text = ""
    length = tried = count = 0
    more: list[str] = []
    cells: list[str] | None = None
    while (line := lines.ahead(count)) is not None:
        count += 1
        length += len(line)
        if length > MAX_RECORD:
            break
        more.append(line)
        # Inside a cell, two quotes are one of its text: only a single one can close it.
        if count == 1 or '"' in line.replace('""', ""):
            tried += length
            if count > 1 and tried > lines.to_look_through:
                break
            text += "".join(more)
            more.clear()
            cells = _split(text, delimiter)
            if cells is not None:
                break
        if length > lines.to_look_through:
            break
    lines.looked_through = tried + length
    return cells, count


def _split(record: str, delimiter: str) -> list[str] | None:
    """The cells; empty if a quote is misplaced, ``None`` if one is still open."""
    reader = csv.reader(
        [record.removesuffix("\n")], delimiter=delimiter, strict=True, skipinitialspace=True
    )
    try:
        cells = next(reader, [])
    except csv.Error as exc:
        return None if "unexpected end" in str(exc) else []
    return cells


def _is_utf8(content: bytes) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for start in range(0, len(content), _PIECE):
            decoder.decode(content[start : start + _PIECE])
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True
