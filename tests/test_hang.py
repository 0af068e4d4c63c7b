"""A test that hangs is ended, and it is said what it waited for."""

from __future__ import annotations

import asyncio

import pytest

from tests.hang import limited


async def test_what_a_test_and_its_tasks_wait_for_is_told(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async def never_told() -> None:
        await asyncio.Event().wait()

    async def hangs() -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(never_told(), name="the task")

    with pytest.raises(TimeoutError):
        await limited(hangs, limit=0.01)()

    told = capsys.readouterr().err
    _, _, of_the_task = told.partition("the task waits in")
    assert "never_told" in of_the_task
    assert "Event.wait" in of_the_task
    assert ".hangs" in told
