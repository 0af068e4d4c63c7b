"""The channels that ALERT_CHANNELS names."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

from walmart_stream.credentials.channels import WEBHOOK, channels_of
from walmart_stream.notify.channel import Channel
from walmart_stream.notify.people import People
from walmart_stream.notify.webhook import Webhook
from walmart_stream.settings import Settings, SettingsError


def open_channels(settings: Settings, clock: Callable[[], float]) -> dict[str, Channel]:
    """Name -> channel. *clock* gives epoch seconds.

    Raises:
        SettingsError: a channel's URL is of no service; the message has no part of it.
    """
    if settings.alert_channels is None:
        return {}
    faults: list[str] = []
    channels: dict[str, Channel] = {}
    for name, url in channels_of(settings.alert_channels.get_secret_value()).items():
        try:
            if urlsplit(url).scheme.lower() in WEBHOOK:
                private = settings.alert_private_addresses
                channels[name] = Webhook(url, clock, private=private)
            else:
                channels[name] = People(url)
        except ValueError as exc:
            faults.append(f"ALERT_CHANNELS: {name}: {exc}")
    if faults:
        raise SettingsError(faults)
    return channels
