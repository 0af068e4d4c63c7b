"""Charts as SVG: pure functions of a series, the same on pages and in reports.

There is neither style nor script in them: ``static/chart.css`` has the colours, for both themes.
"""

from walmart_stream.web.chart.marks import Svg
from walmart_stream.web.chart.picture import chart
from walmart_stream.web.chart.small import mini_ribbon, sign, sparkline
from walmart_stream.web.chart.words import TableRow, legend, summary, table

__all__ = [
    "Svg",
    "TableRow",
    "chart",
    "legend",
    "mini_ribbon",
    "sign",
    "sparkline",
    "summary",
    "table",
]
