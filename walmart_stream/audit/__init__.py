"""The oracle: what MongoDB must hold, recomputed from the raw topic, and how it differs.

It presumes a log at rest; what arrived after the log was read is told apart (``later``) where it
can be. What retention has deleted cannot be recomputed: the report says so (``truncated``).
"""

from walmart_stream.audit.dead_letters import DeadLetterCheck
from walmart_stream.audit.differences import compare
from walmart_stream.audit.expected import Expected, Recomputation, expected_results
from walmart_stream.audit.report import Comparison, Report, report_lines
from walmart_stream.kafka.placement import partition_of

__all__ = [
    "Comparison",
    "DeadLetterCheck",
    "Expected",
    "Recomputation",
    "Report",
    "compare",
    "expected_results",
    "partition_of",
    "report_lines",
]
