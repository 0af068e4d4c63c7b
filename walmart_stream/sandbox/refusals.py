"""Walmart's refusals, with the documented statuses and bodies."""

from __future__ import annotations

from typing import Any

import orjson


class Refusal(Exception):
    """An answer other than data: HTTP *status*, *body* as sent, and its content type."""

    def __init__(
        self,
        status: int,
        body: bytes,
        content_type: str = "application/json",
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(f"HTTP {status}")
        self.status = status
        self.body = body
        self.content_type = content_type
        self.headers = headers or {}


def gateway_refusal(
    status: int, description: str, headers: dict[str, str] | None = None
) -> Refusal:
    """A refusal by the API proxy in front of the service."""
    details = {
        "Description": description,
        "wm_svc.version": "2.0.0",
        "wm_svc.name": "affil-product",
        "wm_svc.env": "prod",
    }
    return Refusal(status, orjson.dumps({"details": details}), headers=headers)


def application_refusal(status: int, code: int, message: str) -> Refusal:
    """A refusal by the service itself."""
    return Refusal(status, error_body(code, message))


def error_body(code: int, message: str) -> bytes:
    """The service's error document, which some endpoints send with status 200."""
    errors: list[dict[str, Any]] = [{"code": code, "message": message}]
    return orjson.dumps({"errors": errors})


def invalid_item_id() -> Refusal:
    """The answer to an item id that is unknown or no number."""
    return application_refusal(400, 4002, "Invalid itemId")


def too_many_requests(retry_after: str | None = None) -> Refusal:
    """The answer beyond the quota; Walmart documents neither body nor ``Retry-After``."""
    headers = {} if retry_after is None else {"Retry-After": retry_after}
    return gateway_refusal(429, "Too many requests: the request quota is exceeded", headers)


def html_page(status: int) -> Refusal:
    """The page of a content delivery network in front of a service that is down."""
    page = (
        "<!DOCTYPE html><html><head><title>Service Unavailable</title></head><body>"
        "<h1>We'll be right back</h1><p>Reference #18.2d351ab8.1557333295.a4e16ab</p></body></html>"
    )
    return Refusal(status, page.encode(), content_type="text/html")
