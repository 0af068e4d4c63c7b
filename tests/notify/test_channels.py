"""The channels that ALERT_CHANNELS names, and messages for them."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import web

from tests.conftest import MakeSettings
from walmart_stream.credentials import channels
from walmart_stream.notify.channel import NotDelivered, message_of, trial
from walmart_stream.notify.channels import open_channels
from walmart_stream.notify.people import People
from walmart_stream.settings import SettingsError

URLS = "ops=https://hooks.example/x?a=1,2&secret=tip-top-secret, mail=mailto://me:pass-word@host.example"


def test_several_channels_and_urls_with_commas() -> None:
    """Only a name with a URL behind it begins the next channel."""
    assert channels.channels_of(f"{URLS}\nchat=slack://a/b/c") == {
        "ops": "https://hooks.example/x?a=1,2&secret=tip-top-secret",
        "mail": "mailto://me:pass-word@host.example",
        "chat": "slack://a/b/c",
    }


def test_every_part_that_must_not_be_shown_is_known() -> None:
    """URLs, secrets and passwords are taken out of whatever is printed."""
    assert channels.secrets(URLS) >= {"tip-top-secret", "pass-word", URLS}


@pytest.mark.parametrize(
    "text",
    [
        "nothing",
        "x ops=https://h/?secret=s",
        "ops=https://h/",
        "ops=https:///x?secret=hidden",
        "ops=https://user:hidden@h/?secret=hidden",
        "ops=https://h:99999/?secret=hidden",
        "OPS=https://h/?secret=hidden",
        "a=https://h/?secret=hidden,a=https://h/?secret=hidden",
        "a=https://h/hid den?secret=hidden",
    ],
)
def test_a_fault_names_the_channel_and_no_part_of_its_url(text: str) -> None:
    """Faults of settings are printed."""
    with pytest.raises(ValueError, match=r"must be|URL|have this name") as caught:
        channels.channels_of(text)

    assert "hid" not in str(caught.value)


def test_a_url_that_no_service_has_stops_the_start(
    make_unreachable_settings: MakeSettings,
) -> None:
    """A channel that could never be told is a fault of the configuration."""
    settings = make_unreachable_settings(alert_channels="x=nosuchservice://hidden")

    with pytest.raises(SettingsError) as caught:
        open_channels(settings, lambda: 0.0)

    assert str(caught.value).endswith("ALERT_CHANNELS: x: apprise does not know such a URL")


async def test_people_are_told_by_any_service(caplog: pytest.LogCaptureFixture) -> None:
    """Title and text reach the service; a failure says nothing of its URL, nor does the log."""
    taken: list[Any] = []
    status = 200

    async def take(request: web.Request) -> web.Response:
        taken.append(await request.json())
        return web.Response(status=status)

    app = web.Application()
    app.router.add_post("/{path:.*}", take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port = runner.addresses[0][1]
    caplog.set_level(logging.DEBUG)
    people = People(f"json://me:hidden-value@127.0.0.1:{port}/")

    await people.send(trial("x", datetime(2026, 1, 1, tzinfo=UTC)))
    status = 500
    with pytest.raises(NotDelivered, match="the service did not take it"):
        await people.send(trial("x", datetime(2026, 1, 1, tzinfo=UTC)))
    await people.close()
    await runner.cleanup()

    assert taken[0]["title"] == "walmart-stream: test"
    assert "hidden-value" not in caplog.text


def alert(number: int, text: str = "it is so") -> dict[str, Any]:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    return {"id": f"r:{number}:own:5", "rule": "r", "item_id": str(number), "severity": "warning",
            "name": "Kettle\x1b[31m", "text": text, "raised_at": at}  # fmt: skip


def test_a_message_has_its_alerts_id_for_programs_and_people() -> None:
    """Whoever gets it twice can tell; control characters of names do not reach terminals."""
    message = message_of([alert(1)])

    fields = json.loads(message.body)
    assert (message.id, fields["id"], fields["type"]) == ("r:1:own:5", "r:1:own:5", "alert")
    assert fields["raised_at"] == "2026-01-01T00:00:00.000Z"
    assert "r:1:own:5" in message.text
    assert "\x1b" not in message.text


def test_a_digest_has_every_id() -> None:
    """People see the first ones, programs all of them; the same alerts are the same digest."""
    many = [alert(number) for number in range(50)]

    message = message_of(many)

    assert [one["id"] for one in json.loads(message.body)["alerts"]] == [one["id"] for one in many]
    assert message.id == message_of(many[::-1]).id
    assert message.title == "50 alerts"
    assert message.text.endswith("and 30 more")
