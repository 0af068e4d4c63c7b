"""Paths of the API with something in the place of their parameters."""

from __future__ import annotations

EXAMPLES = {
    "item_id": "42",
    "what": "changes",
    "name": "cheap",
    "channel": "ops",
    "alert_id": "cheap:42:own:5",
}
# Bodies that are right, of operations that do not take an item.
BODIES = {
    "add_alert_rules": {"name": "cheap", "all": True, "when": "unpublished"},
    "mute_alerts": {"rule": "cheap"},
    "acknowledge": {},
    "try_alert_channel": {},
}
# Parameters of operations that need one.
NEEDED = {"remove_alert_rule": {"name": "cheap"}}


def body_of(name: str) -> dict[str, object]:
    """A body that the operation *name* takes."""
    return BODIES.get(name, {"item_id": "43"})


def filled(path: str) -> str:
    """*path* with an example of each parameter."""
    for name, example in EXAMPLES.items():
        path = path.replace(f"{{{name}}}", example)
    return path
