"""Progress on standard error, for commands that take longer than a moment."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def progress(what: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on stderr with the rate; what it yields is called with records done and in all."""
    from rich.console import Console
    from rich.progress import MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (*Progress.get_default_columns()[:2], MofNCompleteColumn(), TimeRemainingColumn())
    started = time.monotonic()
    rate = TextColumn("{task.fields[rate]}")
    with Progress(*columns, rate, console=Console(stderr=True)) as bar:
        task = bar.add_task(what, total=None, rate="")

        def show(done: int, total: int) -> None:
            rate = done / (time.monotonic() - started)
            bar.update(task, completed=done, total=total, rate=f"{rate:,.0f}/s")

        yield show
