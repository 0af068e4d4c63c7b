"""Output of commands: whatever it holds, it steers no terminal."""

from __future__ import annotations

import click

from walmart_stream.domain.plain import plain_lines


def echo(shown: object = "", *, err: bool = False) -> None:
    """Print a line, or several, on standard output or standard error."""
    click.echo(plain_lines(str(shown)), err=err)
