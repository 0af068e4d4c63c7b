"""The sandbox's control endpoints are this machine's, and not those of pages open on it."""

from __future__ import annotations

import pytest

FAULT = b'{"kind":"5xx"}'
JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (JSON, 201),
        ({**JSON, "Host": "localhost:1"}, 201),
        ({**JSON, "Host": "[::1]:80"}, 201),
        ({**JSON, "Host": "evil.example"}, 403),
        ({**JSON, "Host": "127.0.0.1.evil.example"}, 403),
        ({**JSON, "Origin": "https://evil.example"}, 403),
        ({**JSON, "Origin": "null"}, 403),
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": "application/x-www-form-urlencoded"}, 415),
        ({"Content-Type": ""}, 415),
    ],
    ids=str,
)
@pytest.mark.parametrize("path", ["faults", "seller/faults"])
async def test_a_page_cannot_control_the_sandbox(open_sandbox, path, headers, status) -> None:
    """By a name that leads to loopback, or by a body that needs no permission to be sent."""
    caller = await open_sandbox()

    url = f"{caller.sandbox.control_url}/{path}"
    async with caller.http.post(url, data=FAULT, headers=headers) as response:
        answered = response.status
    async with caller.http.get(url) as response:
        armed = (await response.json())["faults"]

    assert answered == status
    assert len(armed) == (status == 201)


async def test_a_page_cannot_read_the_truth(open_sandbox) -> None:
    """It would have to come under its own name."""
    caller = await open_sandbox()

    url = f"{caller.sandbox.control_url}/truth"
    async with caller.http.get(url, headers={"Host": "evil.example"}) as response:
        assert response.status == 403
