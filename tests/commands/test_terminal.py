"""A command that takes its time says so on a terminal, and nowhere else."""

from __future__ import annotations

import asyncio

import pytest

from walmart_stream.commands.terminal import Note


async def kept(note: Note) -> None:
    """Keep *note* until the loop has run for it some times."""
    keeping = asyncio.create_task(note.keep(patience=0))
    for _ in range(10):
        await asyncio.sleep(0)
    keeping.cancel()
    note.clear()


async def test_a_note_stands_until_something_else_is_shown(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """On standard error alone, without a line end."""
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)

    await kept(Note())

    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("\r0 s …\r")
    assert "\n" not in err


async def test_no_note_in_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    """As of a timer job's mail."""
    await kept(Note())

    assert capsys.readouterr() == ("", "")


async def test_no_note_beside_a_bar(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would be in its way."""
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    note = Note()
    note.is_off = True

    await kept(note)

    assert capsys.readouterr().err == ""
