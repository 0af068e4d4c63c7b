"""Output of commands: whatever it holds, it steers no terminal."""

from __future__ import annotations

import asyncio
import sys

import click

from walmart_stream.domain.plain import plain_lines

# Seconds after which people ask themselves whether anything happens.
PATIENCE = 2.0


class Note:
    """The seconds that a command has been at work, on standard error if that is a terminal.

    It stands alone on the last line, and goes before anything else is printed. ``is_off`` where
    something else shows the progress.
    """

    def __init__(self) -> None:
        self.is_off = False
        self._is_shown = False

    async def keep(self, patience: float = PATIENCE) -> None:
        """Show it after *patience* seconds, until this is cancelled."""
        if not sys.stderr.isatty():
            return
        seconds = patience
        await asyncio.sleep(patience)
        while True:
            if not self.is_off:
                click.echo(f"\r{seconds:.0f} s …", nl=False, err=True)
                self._is_shown = True
            await asyncio.sleep(1)
            seconds += 1

    def clear(self) -> None:
        """Take it away."""
        if self._is_shown:
            click.echo("\r\x1b[K", nl=False, err=True)
            self._is_shown = False


note = Note()


def echo(shown: object = "", *, err: bool = False) -> None:
    """Print a line, or several, on standard output or standard error."""
    note.clear()
    click.echo(plain_lines(str(shown)), err=err)


def echo_json_line(value: object) -> None:
    """Print *value* as JSON on one line of standard output."""
    from walmart_stream.storage.rows import to_json

    echo(to_json(value).decode())


def echo_json(value: object) -> None:
    """Print *value* as JSON on standard output; times in it as ISO 8601 in UTC."""
    from walmart_stream.storage.rows import to_json

    echo(to_json(value, indented=True).decode())
