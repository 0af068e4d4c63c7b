"""Secrets: the files that hold them, and what keeps them out of everything printed."""
