"""docker/compose.secure.yaml as it is read: services, what they are given, what they may."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

DOCKER = Path(__file__).resolve().parents[2] / "docker"
FILE = DOCKER / "compose.secure.yaml"
FOLDER = "${DEPLOY_DIR:?}"


def read() -> dict[str, Any]:
    """The whole file, with its anchors merged."""
    compose: dict[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return compose


def given(service: dict[str, Any], kind: str) -> dict[str, str]:
    """The ``secrets`` or ``configs`` (*kind*) of a service: source by path there."""
    found = {}
    for entry in service.get(kind, ()):
        source = entry if isinstance(entry, str) else entry["source"]
        target = source if isinstance(entry, str) else entry["target"]
        if not target.startswith("/"):
            target = f"/run/secrets/{target}" if kind == "secrets" else f"/{target}"
        found[target] = source
    return found


def mounted(service: dict[str, Any]) -> dict[str, str]:
    """Folders of the host that a service sees: source by path there, without ``:ro``."""
    found = {}
    for volume in service.get("volumes", ()):
        source, target = volume.removesuffix(":ro").rsplit(":", 1)
        found[target] = source
    return found
