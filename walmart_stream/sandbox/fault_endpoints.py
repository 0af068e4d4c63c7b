"""The control endpoints of a side's faults: armed, listed and disarmed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from aiohttp import web
from pydantic import TypeAdapter, ValidationError

from walmart_stream.sandbox.control_answers import (
    bad_request,
    explain,
    fault_json,
    json_response,
    whole_number,
)
from walmart_stream.sandbox.faults import Faults


@dataclass(frozen=True, slots=True)
class FaultEndpoints:
    """The endpoints of *faults*; *reader* reads a fault from its JSON."""

    faults: Faults
    reader: TypeAdapter[Any]

    def add_routes(self, router: web.UrlDispatcher, prefix: str) -> None:
        """Adds the endpoints to *router*, at ``faults`` below *prefix*."""
        for method, handler in (("GET", self.get), ("POST", self.post), ("DELETE", self.delete)):
            router.add_route(method, f"{prefix}/faults", handler)

    async def get(self, request: web.Request) -> web.Response:
        """The armed faults."""
        return json_response({"faults": [fault_json(armed) for armed in self.faults.armed()]})

    async def post(self, request: web.Request) -> web.Response:
        """Arms the fault in the body; answers with its number."""
        try:
            fault = self.reader.validate_json(await request.read())
        except ValidationError as error:
            raise bad_request(explain(error)) from None
        return json_response(fault_json(self.faults.arm(fault)), status=201)

    async def delete(self, request: web.Request) -> web.Response:
        """Disarms all faults, or the one whose number is ``id``."""
        number = whole_number(request, "id", 0, None) if "id" in request.query else None
        return json_response({"disarmed": self.faults.disarm(number)})
