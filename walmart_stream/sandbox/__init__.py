"""A Walmart to practise on: behaves like the real APIs, moves its prices, keeps the truth."""

from __future__ import annotations

from walmart_stream.sandbox.keys import generate_keypair
from walmart_stream.sandbox.seller.config import SellerConfig
from walmart_stream.sandbox.server import RunningSandbox, SandboxConfig, build_app, serve

__all__ = [
    "RunningSandbox",
    "SandboxConfig",
    "SellerConfig",
    "build_app",
    "generate_keypair",
    "serve",
]
