"""The OpenAPI 3.1 description, made from the routes and the models of their inputs and outputs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from walmart_stream import __version__
from walmart_stream.domain.alerts.rule_fields import NAME
from walmart_stream.domain.reading.observation import ITEM_ID
from walmart_stream.export.fields import EXPORTED
from walmart_stream.web import outputs
from walmart_stream.web.guard import READS
from walmart_stream.web.routes import Operation, Route

_REF = "#/components/schemas/{model}"

_IN_PATHS: dict[str, dict[str, Any]] = {
    "item_id": {"type": "string", "pattern": f"^{ITEM_ID.pattern}$"},
    "what": {"type": "string", "enum": sorted(EXPORTED)},
    "name": {"type": "string", "pattern": f"^{NAME.pattern}$"},
    "alert_id": {"type": "string", "maxLength": 400},
    "channel": {"type": "string", "pattern": "^[a-z0-9][a-z0-9_-]*$"},
}

# Of bodies that are texts.
_TEXTS = {
    "text/csv": "Columns item_id and note, named in the first row; or item ids alone.",
    "application/toml": "Rules, each under a line [[rule]].",
}

_WEBHOOK_TOKEN: list[dict[str, list[str]]] = [{"webhook_basic": []}]
_WEBHOOK = [*_WEBHOOK_TOKEN, {"webhook_bearer": []}, {"webhook_hmac": []}]


def describe(routes: Iterable[Route]) -> dict[str, Any]:
    """The document."""
    routes = list(routes)
    operations = [operation for route in routes for operation in route.operations.values()]
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "walmart-stream",
            "version": __version__,
            "description": "Prices, shipping and their changes of the watched Walmart items. "
            "Money is in cents, times are UTC. A write is answered when it is durable.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{"token": []}],
        "paths": {route.path: _path(route) for route in routes},
        "components": {
            "schemas": _schemas(operations),
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "WEB_TOKEN; none is needed where none is set.",
                },
                **{
                    f"webhook_{scheme}": {
                        "type": "http",
                        "scheme": scheme,
                        "description": f"{shown} WALMART_WEBHOOK_SECRET.",
                    }
                    for scheme, shown in (
                        ("basic", "The password is"),
                        ("bearer", "A token of /webhooks/walmart/token, or"),
                    )
                },
                "webhook_hmac": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "Authorization",
                    "description": "HMAC-SHA256 of the body by WALMART_WEBHOOK_SECRET, in hex or "
                    "base64; the header is named by WALMART_WEBHOOK_HEADER.",
                },
            },
        },
    }


def _path(route: Route) -> dict[str, Any]:
    path: dict[str, Any] = {
        method.lower(): _operation(route, method, operation)
        for method, operation in route.operations.items()
    }
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": schema}
        for name, schema in _IN_PATHS.items()
        if f"{{{name}}}" in route.path
    ]
    if parameters:
        path["parameters"] = parameters
    return path


def _operation(route: Route, method: str, operation: Operation) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "responses": _responses(route, operation, _refusals(route, method, operation)),
    }
    parameters = list(_parameters(operation.query))
    if parameters:
        described["parameters"] = parameters
    if operation.bodies:
        content = {
            media: {"schema": _body(media, models)} for media, models in operation.bodies.items()
        }
        described["requestBody"] = {"required": True, "content": content}
    if route.is_public:
        described["security"] = []
    if route.is_webhook:
        described["security"] = _WEBHOOK_TOKEN if route.path.endswith("/token") else _WEBHOOK
    return described


def _parameters(model: type[BaseModel]) -> Iterable[dict[str, Any]]:
    described = model.model_json_schema()
    needed = described.get("required", ())
    for name, schema in described["properties"].items():
        parameter = {"name": name, "in": "query", "required": name in needed}
        if "description" in schema:
            parameter["description"] = schema.pop("description")
        schema.pop("title", None)
        yield {**parameter, "schema": _without_null(schema)}


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """An absent parameter is not null: there is no null in a URL."""
    branches = [branch for branch in schema.pop("anyOf", []) if branch != {"type": "null"}]
    if schema.get("default", ...) is None:
        del schema["default"]
    if len(branches) == 1:
        return {**branches[0], **schema}
    return {"anyOf": branches, **schema} if branches else schema


def _body(media: str, models: tuple[type[BaseModel], ...]) -> dict[str, Any]:
    if not models:
        return {
            "type": "string",
            "description": _TEXTS[media],
        }
    return {"anyOf": [_reference(model) for model in models]}


def _any_of(models: Sequence[type[BaseModel]]) -> dict[str, Any]:
    references = [_reference(model) for model in models]
    return references[0] if len(references) == 1 else {"anyOf": references}


def _refusals(route: Route, method: str, operation: Operation) -> set[int]:
    """The statuses of errors that the operation can end with."""
    # What can be read in two ways is refused wherever it leads.
    statuses = {*operation.errors, 400, 500}
    if method not in READS and route.is_page:
        # 403: a form of another server's page.
        statuses |= {403}
    if route.is_public and not route.is_open:
        # The host's name is checked where there is no token, and there may be no room.
        statuses |= {403, 429, 503}
    elif not route.is_open:
        # 503 where too many connections are open.
        statuses |= {429, 503} if route.is_webhook else {401, 403, 429, 503}
    if operation.bodies:
        statuses |= {408, 413, 415}
    elif method not in READS and not route.is_webhook:
        statuses |= {415}
    return statuses


def _responses(route: Route, operation: Operation, refusals: set[int]) -> dict[str, Any]:
    content: dict[str, Any] = {}
    if operation.answer is not None:
        models = [model for model in (operation.answer, operation.or_else) if model is not None]
        content["application/json"] = {"schema": _any_of(models)}
    for media, description in operation.media.items():
        content[media] = {"schema": {"type": "string", "description": description}}
    success: dict[str, Any] = {"description": "OK", "content": content}
    if "text/csv" in operation.media and "cursor" in operation.query.model_fields:
        success["headers"] = {
            "Link": {"schema": {"type": "string"}, "description": 'CSV: the page rel="next".'}
        }
    responses = {} if operation.leads_on and not content else {"200": success}
    if operation.leads_on:
        responses["303"] = {"description": "Done: see the page that Location names.", "content": {}}
    as_page = {"text/html": {"schema": {"type": "string"}}} if route.is_page else {}
    for status in sorted(refusals):
        responses[str(status)] = {
            "description": HTTPStatus(status).phrase,
            "content": {"application/json": {"schema": _reference(outputs.Error)}, **as_page},
        }
    return responses


def _reference(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": _REF.format(model=model.__name__)}


def _schemas(operations: Iterable[Operation]) -> dict[str, Any]:
    modes: dict[type[BaseModel], JsonSchemaMode] = {outputs.Error: "serialization"}
    for operation in operations:
        for answer in (operation.answer, operation.or_else):
            if answer is not None:
                modes[answer] = "serialization"
        for models in operation.bodies.values():
            modes.update((model, "validation") for model in models)
    _, document = models_json_schema(list(modes.items()), ref_template=_REF)
    schemas: dict[str, Any] = document["$defs"]
    return schemas
