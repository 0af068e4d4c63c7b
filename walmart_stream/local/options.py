"""Arguments of ``walmart-stream local``, and the pace that follows from them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

# Seconds. A measured run polls an item every second and closes windows while one looks on.
MEASURED = {
    "POLL_INTERVAL_MIN": "1",
    "POLL_INTERVAL_MAX": "60",
    "WINDOW_SIZE": "10",
    "SELLER_POLL_INTERVAL": "30",
    "SELLER_REPORT_INTERVAL": "60",
    "SELLER_INSIGHTS_INTERVAL": "60",
}
MEASURED_SPEED = 1000.0

# Without an end the stack is there to be looked at. The embedded broker keeps all that it is sent
# in memory, 6 KB for an observation with all that follows from it, so its pace decides how long it
# can stand: 1.5 a second and windows of five minutes filled 41 MB an hour, which is too much for a
# day beside the 480 MB that everything else takes. The speed of the market decides how many of the
# sellers' events come beside the polls.
SHOWN_OBSERVATIONS_PER_SECOND = 0.2
SHOWN_WINDOW = "900"
SHOWN_SPEED = 30.0

# Megabytes of the embedded broker at which a run ends.
MOST_BROKER_MB = 2048

Broker = Literal["embedded", "kafka"]


@dataclass(frozen=True, slots=True)
class Options:
    """Arguments of ``local``.

    ``seconds``: stop after this time; ``None``: at Ctrl-C. ``speed``: of the sandbox's market, by
    itself the one for a measured or a shown run. ``port``: of the first worker; WEB_PORT if unset.
    ``keep``: data outlive the run. ``broker_mb``: the size of the embedded broker, in megabytes of
    memory, at which the run ends. ``mix_sandbox``: the sandbox's items may go to a Kafka and a
    MongoDB that this run did not start.
    """

    workers: int
    items: int
    seconds: float | None
    seed: int
    speed: float | None
    report: Path | None
    port: int | None = None
    broker: Broker = "embedded"
    keep: bool = False
    mix_sandbox: bool = False
    broker_mb: int = MOST_BROKER_MB

    @property
    def pace(self) -> float:
        """The speed of the market."""
        if self.speed is not None:
            return self.speed
        return SHOWN_SPEED if self.seconds is None else MEASURED_SPEED

    @property
    def is_shown(self) -> bool:
        """Whether it is there to be looked at; a run with an end or a pace of its own is measured.

        Only then does the sandbox post its seller's events: what is measured is polling.
        """
        return self.seconds is None and self.speed is None

    @property
    def intervals(self) -> dict[str, str]:
        """The default settings of polling and windows."""
        if not self.is_shown:
            return MEASURED
        shortest = max(5.0, self.items / SHOWN_OBSERVATIONS_PER_SECOND)
        return {
            "POLL_INTERVAL_MIN": f"{shortest:.0f}",
            "POLL_INTERVAL_MAX": f"{5 * shortest:.0f}",
            "WINDOW_SIZE": SHOWN_WINDOW,
            "SELLER_POLL_INTERVAL": f"{2 * shortest:.0f}",
            "SELLER_REPORT_INTERVAL": f"{10 * shortest:.0f}",
            "SELLER_INSIGHTS_INTERVAL": f"{10 * shortest:.0f}",
        }


class CannotStart(Exception):
    """The stack cannot run as it was asked; the message says what would be right."""
