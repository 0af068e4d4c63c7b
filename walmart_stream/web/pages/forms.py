"""Forms that browsers send, checked like every other input."""

from __future__ import annotations

from typing import Any, TypeVar

from aiohttp import web
from aiohttp.http_exceptions import BadHttpMessage
from aiohttp.web import FileField
from pydantic import BaseModel

from walmart_stream.web.errors import BadRequest
from walmart_stream.web.inputs import check

M = TypeVar("M", bound=BaseModel)

# Bytes of a form without a file: the longest target, token and note, percent-encoded.
MAX_FIELDS = 64_000


async def read_form(request: web.Request, model: type[M]) -> M:
    """The fields of a form as a *model*; a file's content is bytes. Empty fields are left out.

    Raises:
        BadRequest: it is not a form, or a field is unknown, given twice or wrong.
        HTTPRequestEntityTooLarge: it is larger than such a form can be.
    """
    if request.content_type == "application/x-www-form-urlencoded":
        size = len(await request.read())
        if size > MAX_FIELDS:
            raise web.HTTPRequestEntityTooLarge(MAX_FIELDS, size)
    try:
        fields = await request.post()
    except (ValueError, LookupError, AssertionError, BadHttpMessage):
        raise BadRequest("the body: must be the fields of a form") from None
    values: dict[str, Any] = {}
    for name, given in fields.items():
        if name in values:
            raise BadRequest(f"{name[:40]}: given more than once")
        value = given.file.read() if isinstance(given, FileField) else given
        if value:
            values[name] = value
    return check(model, values)
