"""Output of commands: whatever it holds, it steers no terminal."""

from __future__ import annotations

import click

from walmart_stream.domain.plain import plain_lines


def echo(shown: object = "", *, err: bool = False) -> None:
    """Print a line, or several, on standard output or standard error."""
    click.echo(plain_lines(str(shown)), err=err)


def echo_json_line(value: object) -> None:
    """Print *value* as JSON on one line of standard output."""
    from walmart_stream.storage.rows import to_json

    echo(to_json(value).decode())


def echo_json(value: object) -> None:
    """Print *value* as JSON on standard output; times in it as ISO 8601 in UTC."""
    from walmart_stream.storage.rows import to_json

    echo(to_json(value, indented=True).decode())
