"""The oracle: what MongoDB must hold, recomputed from the raw topic, and how it differs.

It runs beside live workers or at rest. What retention has deleted is neither guessed nor called
wrong: it cannot be told.
"""

from walmart_stream.audit.report import Comparison, Report, Verdict, report_lines
from walmart_stream.kafka.placement import partition_of

__all__ = ["Comparison", "Report", "Verdict", "partition_of", "report_lines"]
