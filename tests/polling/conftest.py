"""Pipelines for workers that poll."""

from __future__ import annotations

from tests.pipeline.conftest import make_pipeline

__all__ = ["make_pipeline"]
