"""Pipelines for workers that hear of the seller's own items."""

from __future__ import annotations

from tests.pipeline.conftest import make_pipeline

__all__ = ["make_pipeline"]
