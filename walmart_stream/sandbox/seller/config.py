"""Configuration of the sandbox's seller side: its seller, its delays and its oddities."""

from __future__ import annotations

import secrets
import uuid
from dataclasses import dataclass, field
from typing import Any, Literal

HeaderStyle = Literal["ms", "seconds", "iso", "none", "mixed"]
ErrorShape = Literal["error", "errors", "single", "mixed"]
FileFormat = Literal["zip", "gzip", "plain", "mixed"]
ColumnStyle = Literal["documented", "legacy", "mixed"]
HmacEncoding = Literal["hex", "base64", "mixed"]
# Real seconds. Scaled times below these could not be kept to by any client on a busy machine.
SHORTEST_TOKEN_LIFE = 20.0
SHORTEST_CURSOR_LIFE = 1.0


@dataclass(frozen=True, kw_only=True)
class SellerConfig:
    """Everything about the seller side.

    ``skus`` is how many items of the catalogue the seller offers (all of them, if it has fewer).
    Delays are ``(shortest, longest)`` seconds of market time, so that the sandbox's speed
    scales them. ``token_seconds`` is real: 900 s scaled, at least 20 s, unless given. "mixed"
    takes a different form each time.
    """

    client_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    client_secret: str = field(default_factory=lambda: secrets.token_urlsafe(48), repr=False)
    seller_name: str = "Sandbox Seller"
    partner_id: str = "10001234567"
    skus: int = 300
    token_seconds: float | None = None
    # One production client saw 400 and others 401; expired tokens likewise.
    bad_credentials_status: Literal[400, 401, "mixed"] = 400
    expired_token_status: Literal[400, 401, "mixed"] = 401
    error_shape: ErrorShape = "error"
    limit_headers: HeaderStyle = "ms"
    read_back_seconds: tuple[float, float] = (0.0, 300.0)
    feed_seconds: tuple[float, float] = (60.0, 900.0)
    report_seconds: tuple[float, float] = (900.0, 2700.0)
    cursor_seconds: float = 120.0
    file_format: FileFormat = "zip"
    column_style: ColumnStyle = "documented"
    # Whether a GET is refused (415) for the type of a body that it does not have: some clients
    # were, others were not.
    strict_types: bool = False
    wrapped_insights: Literal[True, False, "mixed"] = True
    hmac_encoding: HmacEncoding = "hex"
    # Adds WM_SEC.TIMESTAMP and WM_SEC.SIGNATURE, which only some of the documentation has.
    signed_timestamp: bool = False
    webhook_retry_seconds: tuple[float, ...] = (300.0, 900.0, 2700.0)
    webhook_timeout: float = 10.0
    # A sandbox has no business on the network.
    webhooks_to_loopback_only: bool = True
    # How many records of its ground truth, and of its webhooks, are kept.
    truth_capacity: int = 300_000

    @classmethod
    def with_every_trap(cls, **changes: Any) -> SellerConfig:
        """All forms that answers were ever seen in, mixed; *changes* win."""
        traps: dict[str, Any] = {
            "bad_credentials_status": "mixed",
            "expired_token_status": "mixed",
            "error_shape": "mixed",
            "limit_headers": "mixed",
            "file_format": "mixed",
            "column_style": "mixed",
            "strict_types": True,
            "wrapped_insights": "mixed",
            "hmac_encoding": "mixed",
        }
        return cls(**(traps | changes))
