"""Answers of Walmart in the metrics: how long they took, and when the last success was."""

from __future__ import annotations

import pytest
from aiohttp import web

from walmart_stream.metrics import Metrics
from walmart_stream.walmart.errors import ConnectionLost
from walmart_stream.walmart.measured import MeasuredTransport
from walmart_stream.walmart.transport import AiohttpTransport


class Clock:
    """Seconds, a quarter more at each look."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 0.25
        return self.now


def value(metrics: Metrics, name: str) -> float | None:
    return metrics.registry.get_sample_value(name, {"api": "seller"})


@pytest.fixture
async def measured():
    metrics = Metrics()
    transport = MeasuredTransport(
        AiohttpTransport(),
        Clock(),
        lambda seconds, success: metrics.report_answer("seller", seconds, success),
    )
    yield transport, metrics
    await transport.close()


@pytest.mark.parametrize("status", [200, 202, 404, 429, 503])
async def test_every_answer_is_timed_and_a_success_has_its_time(measured, serve_once, status):
    """An error is an answer, too, and no success."""
    transport, metrics = measured

    async def handle(request):
        return web.Response(body=b"{}", status=status)

    response = await transport.request("GET", await serve_once(handle), headers={}, timeout=30.0)

    assert response.status == status
    assert value(metrics, "walmart_request_seconds_count") == 1
    assert value(metrics, "walmart_request_seconds_sum") == 0.25
    last = value(metrics, "walmart_last_success_timestamp_seconds")
    assert (last is not None) is (status < 300)
    assert last is None or last > 1_700_000_000


async def test_a_call_without_an_answer_is_not_timed(measured):
    """Its timeout would say nothing about how fast Walmart is."""
    transport, metrics = measured

    with pytest.raises(ConnectionLost):
        await transport.request("GET", "http://127.0.0.1:1/", headers={}, timeout=30.0)

    assert value(metrics, "walmart_request_seconds_count") is None
