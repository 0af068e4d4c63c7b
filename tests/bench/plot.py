"""Draws a report's throughput: ``python -m tests.bench.plot REPORT.json PLOT.svg``.

In an environment of its own, which has matplotlib.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from statistics import median

import matplotlib

matplotlib.use("svg")

import matplotlib.pyplot as plt
from matplotlib.ticker import MaxNLocator

from tests.bench.figures import cpu_per_100k, of_subject, per_second

OURS, OTHERS = "#0053e2", "#9aa5b1"


def main(report_file: Path, plot_file: Path) -> None:
    """Bars of observations a second and of CPU seconds, one row of them for each broker."""
    report = json.loads(report_file.read_text(encoding="utf-8"))
    runs = report["throughput"]
    titles = report["titles"]
    brokers = list(dict.fromkeys(run["broker"] for run in runs))
    # Text stays text, and the same figures give the same file.
    plt.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "walmart-stream"})
    figure, rows = plt.subplots(
        len(brokers), 2, figsize=(11, 0.6 + 3.2 * len(brokers)), squeeze=False
    )
    for (left, right), broker in zip(rows, brokers, strict=True):
        of_broker = [run for run in runs if run["broker"] == broker]
        names = list(dict.fromkeys(run["subject"] for run in of_broker))[::-1]
        colours = [OURS if name.startswith("walmart-stream") else OTHERS for name in names]
        for axes, of, what, form in (
            (left, per_second, "observations/s", "{:,.0f}"),
            (right, cpu_per_100k, "CPU seconds per 100,000", "{:.1f}"),
        ):
            values = [of(of_subject(of_broker, name)) for name in names]
            middles = [median(its) for its in values]
            spread = [
                [middle - min(its) for middle, its in zip(middles, values, strict=True)],
                [max(its) - middle for middle, its in zip(middles, values, strict=True)],
            ]
            bars = axes.barh(
                [titles[name] for name in names], middles, xerr=spread, color=colours, ecolor="#444"
            )
            axes.bar_label(bars, [form.format(middle) for middle in middles], padding=6)
            axes.set_title(f"{what}, {broker} broker", fontsize=10)
            axes.margins(x=0.18)
            axes.xaxis.set_major_locator(MaxNLocator(4))
            axes.xaxis.set_major_formatter("{x:,.0f}")
            axes.spines[["top", "right"]].set_visible(False)
        right.set_yticklabels([])
    figure.tight_layout()
    figure.savefig(plot_file, metadata={"Date": None})


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
