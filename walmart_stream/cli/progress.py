"""Progress on standard error, for commands that take longer than a moment."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from walmart_stream.commands.terminal import note


@contextmanager
def progress(what: str) -> Iterator[Callable[[int, int | None], None]]:
    """A bar on standard error with the rate and the time left, where that is a terminal.

    It yields a function of the records done, and of those in all as far as they are known.
    """
    from rich.console import Console
    from rich.progress import MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (*Progress.get_default_columns()[:2], MofNCompleteColumn(), TimeRemainingColumn())
    started = time.monotonic()
    rate = TextColumn("{task.fields[rate]}")
    console = Console(stderr=True)
    note.is_off = True
    with Progress(*columns, rate, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task(what, total=None, rate="")

        def show(done: int, total: int | None) -> None:
            rate = done / (time.monotonic() - started)
            bar.update(task, completed=done, total=total, rate=f"{rate:,.0f}/s")

        try:
            yield show
        finally:
            note.is_off = False
