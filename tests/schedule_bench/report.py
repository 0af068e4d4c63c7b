"""The figures as Markdown tables, and as a plot in plain SVG."""

from __future__ import annotations

from collections.abc import Mapping

Groups = Mapping[str, Mapping[str, Mapping[str, float]]]

COLOURS = {
    "even": "#9aa5b1",
    "tiers": "#c9a227",
    "proportional": "#b3541e",
    "learning": "#0053e2",
    "optimum": "#2a8703",
}
BAR, GAP, LEFT, WIDE = 11, 14, 170, 560


def table(groups: Groups, heading: str) -> str:
    """Rows of groups, columns of policies: mean time unseen as a share of even polling's."""
    policies = list(next(iter(groups.values())))
    lines = [
        f"| {heading} | {' | '.join(policies)} | to the optimum |",
        f"|---|{'---|' * (len(policies) + 1)}",
    ]
    for group, its in groups.items():
        shares = " | ".join(f"{its[policy]['to_even']:.2f}" for policy in policies)
        lines.append(f"| {group} | {shares} | {its['learning']['to_optimum']:.2f} |")
    return "\n".join(lines)


def details(groups: Groups) -> str:
    """Rows of groups: p95, share seen and calls, of even polling and of learning."""
    lines = [
        "| world | mean unseen, even | learning | p95, even | learning | seen, even | learning "
        "| calls, even | learning |",
        f"|---|{'---|' * 8}",
    ]
    for group, its in groups.items():
        even, learning = its["even"], its["learning"]
        cells = [f"{one['unseen_mean_s'] / 60:.0f} min" for one in (even, learning)]
        cells += [f"{one['unseen_p95_s'] / 60:.0f} min" for one in (even, learning)]
        cells += [f"{one['changes_seen_share']:.0%}" for one in (even, learning)]
        cells += [f"{one['calls']:,.0f}" for one in (even, learning)]
        lines.append(f"| {group} | {' | '.join(cells)} |")
    return "\n".join(lines)


def plot(groups: Groups) -> str:
    """Bars for each world: mean time unseen as a share of even polling's, up to twice it."""
    policies = list(next(iter(groups.values())))
    high = len(policies) * BAR + GAP
    scale = (WIDE - 20) / 2
    parts = []
    for row, (group, its) in enumerate(groups.items()):
        top = 40 + row * high
        middle = top + len(policies) * BAR / 2 + 4
        parts.append(f'<text x="{LEFT - 10}" y="{middle:.0f}" text-anchor="end">{group}</text>')
        for number, policy in enumerate(policies):
            share = its[policy]["to_even"]
            y = top + number * BAR
            parts.append(
                f'<rect x="{LEFT}" y="{y}" width="{min(2.0, share) * scale:.1f}" '
                f'height="{BAR - 2}" fill="{COLOURS[policy]}"><title>{policy}: {share}</title>'
                "</rect>"
            )
            at = LEFT + min(2.0, share) * scale + 4
            parts.append(f'<text x="{at:.1f}" y="{y + 8}" font-size="9">{share:.2f}</text>')
    for number, policy in enumerate(policies):
        x = LEFT + number * 105
        parts.append(f'<rect x="{x}" y="14" width="10" height="10" fill="{COLOURS[policy]}"/>')
        parts.append(f'<text x="{x + 14}" y="23">{policy}</text>')
    bottom = 40 + len(groups) * high
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {LEFT + WIDE + 30} {bottom}" '
        'font-family="sans-serif" font-size="11">\n'
        f'<rect width="100%" height="100%" fill="#fff"/>\n{body}\n</svg>\n'
    )
