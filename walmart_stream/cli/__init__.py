"""The command line; nothing imports it but ``__main__``."""

from walmart_stream.cli.root import cli, main

__all__ = ["cli", "main"]
