"""The configuration of a process: the registry of settings, and how it is read."""

from walmart_stream.settings.loading import (
    SettingsError,
    doubtful_names,
    load_settings,
    read_env_file,
)
from walmart_stream.settings.registry import LOOPBACK_HOSTS, SECRETS, SETTING_NAMES, Settings

__all__ = [
    "LOOPBACK_HOSTS",
    "SECRETS",
    "SETTING_NAMES",
    "Settings",
    "SettingsError",
    "doubtful_names",
    "load_settings",
    "read_env_file",
]
