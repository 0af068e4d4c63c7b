"""The environments of templates: whatever is put into them is text unless it says otherwise."""

from __future__ import annotations

import jinja2


def templates(folder: str) -> jinja2.Environment:
    """The templates in *folder* of the package ``walmart_stream.web``."""
    return jinja2.Environment(
        loader=jinja2.PackageLoader("walmart_stream.web", folder),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
