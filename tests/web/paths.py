"""Paths of the API with something in the place of their parameters."""

from __future__ import annotations

EXAMPLES = {"item_id": "42", "what": "changes"}


def filled(path: str) -> str:
    """*path* with an example of each parameter."""
    for name, example in EXAMPLES.items():
        path = path.replace(f"{{{name}}}", example)
    return path
