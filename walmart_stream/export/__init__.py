"""Stored documents, taken out: as CSV, NDJSON or Parquet, of any length, with a manifest."""
