"""Errors of the Marketplace API, in the several shapes that it gives them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from xml.etree.ElementTree import Element, SubElement, tostring

GATEWAY = "GMP_GATEWAY_API"
ITEM_QUERY = "GMP_ITEM_QUERY_API"
PRICE = "GMP_PRICE_API"
FEED = "GMP_FEED_API"
INVENTORY = "GMP_INVENTORY_API"
REPORT = "GMP_REPORT_API"
INSIGHTS = "GMP_INSIGHTS_API"
WEBHOOK = "GMP_NOTIFICATION_API"
RECEIVER = "GMP_RECEIVER_API"
NAMESPACE = "http://walmart.com/"
UNAUTHORIZED_INFO = (
    "Unauthorized token or incorrect authorization header. Please verify correct format: "
    '"Authorization: Basic Base64Encode(clientId:clientSecret)" For more information, see '
    "https://developer.walmart.com/#/apicenter/marketPlace/latest#apiAuthentication"
)


class SellerRefusal(Exception):
    """An error answer before it is written: *code* without the service's suffix."""

    def __init__(
        self,
        status: int,
        code: str,
        description: str,
        *,
        field: str | None = None,
        info: str | None = None,
        service: str = GATEWAY,
        category: str = "DATA",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(f"HTTP {status} {code}")
        self.status = status
        self.code = code
        self.description = description
        self.field = field
        self.info = info
        self.service = service
        self.category = category
        self.headers = dict(headers or {})

    def entry(self) -> dict[str, Any]:
        """The error as Walmart's JSON has it."""
        return {
            "code": f"{self.code}.{self.service}",
            "field": self.field or self.code,
            "description": self.description,
            "info": self.info or self.description,
            "severity": "ERROR",
            "category": self.category,
            "causes": [],
            "errorIdentifiers": {},
        }


class RawRefusal(Exception):
    """An answer that is neither of Walmart's error shapes: *body* as sent."""

    def __init__(self, status: int, body: bytes, content_type: str) -> None:
        super().__init__(f"HTTP {status}")
        self.status = status
        self.body = body
        self.content_type = content_type


def unauthorized() -> SellerRefusal:
    """401 for a token that is missing, unknown or expired."""
    return SellerRefusal(
        401, "UNAUTHORIZED", "Unauthorized", field="UNAUTHORIZED", info=UNAUTHORIZED_INFO
    )


def invalid_token() -> SellerRefusal:
    """400 for an expired token, as one client met it."""
    return SellerRefusal(
        400, "INVALID_TOKEN", "Invalid token", field="WM_SEC.ACCESS_TOKEN", category="REQUEST"
    )


def invalid_param(name: str, description: str, service: str = GATEWAY) -> SellerRefusal:
    """400 that names the parameter at fault."""
    return SellerRefusal(
        400, "INVALID_REQUEST_PARAM", description, field=name, service=service, category="REQUEST"
    )


def invalid_content(name: str, description: str, service: str = GATEWAY) -> SellerRefusal:
    """400 that names the part of the body at fault."""
    return SellerRefusal(400, "INVALID_REQUEST_CONTENT", description, field=name, service=service)


def not_found(description: str, service: str) -> SellerRefusal:
    """404, which empty lists get too."""
    return SellerRefusal(404, "CONTENT_NOT_FOUND", description, service=service)


def error_document(entry: dict[str, Any], shape: str) -> dict[str, Any]:
    """The body around one error: *shape* is "error", "errors" or "single"."""
    if shape == "single":
        return {"error": entry}
    if shape == "errors":
        renamed = {("message" if key == "description" else key): v for key, v in entry.items()}
        return {"errors": [renamed | {"errorIdentifiers": {"entry": []}}]}
    return {"error": [entry]}


def error_xml(entry: Mapping[str, Any]) -> bytes:
    """The XML twin of an error."""
    root = Element("ns2:errors", {"xmlns:ns2": NAMESPACE})
    error = SubElement(root, "ns2:error")
    for key, value in entry.items():
        if isinstance(value, str):
            SubElement(error, f"ns2:{key}").text = value
    return b'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>' + tostring(root)


def as_xml(name: str, document: Any) -> bytes:
    """Any JSON document as XML, for callers that did not say that they want JSON."""
    root = Element(name)
    _fill(root, document)
    return b'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>' + tostring(root)


def _fill(element: Element, value: Any) -> None:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            for one in inner if isinstance(inner, list) else [inner]:
                _fill(SubElement(element, key), one)
    elif isinstance(value, bool):
        element.text = str(value).lower()
    elif value is not None:
        element.text = str(value)
