"""Flow control that does not throw away what is already queued."""

from __future__ import annotations

from mode.utils.queues import FlowControlEvent


class SteadyFlow(FlowControlEvent):
    """``resume()`` clears every queue in Faust, also when flow is active already (#596)."""

    def resume(self) -> None:
        if not self.is_active():
            super().resume()
