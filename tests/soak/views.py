"""The web views alone, in a process of their own: ``python -m tests.soak.views FOLDER TOKEN``.

Prints their port, and ends when its standard input does.
"""

from __future__ import annotations

import logging
import sys
from pathlib import Path

from tests.web.served import Served
from walmart_stream.logs import CountingHandler
from walmart_stream.runtime.memory import look_for_garbage_seldom
from walmart_stream.web.limits import Limits


def main() -> None:
    folder, token = sys.argv[1:]
    logging.basicConfig(level=logging.INFO, handlers=[CountingHandler()])
    # As a worker has it: nothing may wait for the collector.
    look_for_garbage_seldom()
    with Served(Path(folder), Limits(), web_token=token) as served:
        print(served.port, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
