"""The page of a recommendation: one file without scripts, to open and to send."""

from __future__ import annotations

import html
from typing import Any

from regmix.statistics.digits import decimals

LISTED = 0.005  # weights below it share a row
WIDTH, ROW, LETTER = 420, 24, 8.5  # of the figure, pixels

STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --faint: #667; --paper: #fff; --bar: #2a6fb0; --prior: #b5bcc6; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8eaed; --faint: #9aa; --paper: #14171a; --prior: #556; } }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 46rem;
  margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin-bottom: 0.2rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
.lead { font-size: 1.1rem; } .faint { color: var(--faint); }
table { border-collapse: collapse; } td, th { padding: 0.2rem 0.9rem 0.2rem 0; text-align: right; }
td:first-child, th:first-child { text-align: left; } svg { max-width: 100%; height: auto; }
svg text { fill: var(--ink); font: 14px system-ui, sans-serif; }
"""


def render(result: dict[str, Any], notes: tuple[str, ...]) -> str:
    """The page of what ``regmix recommend --json`` prints."""
    sentence = result["about"].removeprefix("regmix recommend: ")
    decision, _, reason = sentence.partition(": ")
    ranks = [(name, "–" if value is None else f"{value:.2f}") for name, value in result["regressors"].items()]
    near = result["distance"]
    parts = [
        f"<h1>{html.escape(decision.capitalize())}</h1>",
        f'<p class="lead">{html.escape(reason[:1].upper() + reason[1:])}</p>',
        *(f'<p class="faint">{html.escape(note)}</p>' for note in notes),
        "<h2>Weights</h2>",
        _figure(result),
        '<p class="faint">Shares of training tokens: the recommended weight, its standard deviation over refits to '
        "part of the runs, and the prior in grey.</p>",
        "<h2>Metrics</h2>",
        _table(("metric", "predicted", "at the prior"), metric_rows(result["metrics"])),
        '<p class="faint">± half a 95 % interval of a run at the mixture. The mixture is the best of many predictions: '
        "train a run at it and one at the prior before believing the gain.</p>",
        "<h2>What it rests on</h2>",
        f"<p>{result['runs']} runs. The nearest lies {near['nearest_run']:.2f} away (L1), runs {near['typical']:.2f} "
        "from each other.</p>",
        _table(("regressor", "rank correlation, cross-validated"), ranks),
        _bounds(result["bounds"]),
        f'<p class="faint">regmix {result["versions"]["regmix-workbench"] or "from source"}</p>',
    ]
    head = '<meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    head += f"<title>{html.escape(decision)}</title>"
    return (
        f'<!doctype html>\n<html lang="en"><head>{head}<style>{STYLE}</style></head>\n<body>\n'
        + "\n".join(part for part in parts if part)
        + "\n</body></html>\n"
    )


def _figure(result: dict[str, Any]) -> str:
    """Bars of the weights, with spread, and the prior; small ones together."""
    order = sorted(result["weights"], key=lambda name: -result["weights"][name])
    rows = [(name, *(result[column][name] for column in ("weights", "spread", "prior"))) for name in order]
    shown, rest = [row for row in rows if row[1] >= LISTED], [row for row in rows if row[1] < LISTED]
    if rest:
        shown.append((f"{len(rest)} others", sum(row[1] for row in rest), 0.0, sum(row[3] for row in rest)))
    label = round(LETTER * max(len(row[0]) for row in shown)) + 16
    top = max(max(weight + spread, prior) for _, weight, spread, prior in shown)
    scale, height = (WIDTH - 20) / top, ROW * len(shown)
    parts = []
    for i, (name, weight, spread, prior) in enumerate(shown):
        y = ROW * i
        low, high = label + max(0.0, weight - spread) * scale, label + (weight + spread) * scale
        parts += [
            f'<text x="{label - 8}" y="{y + 16}" text-anchor="end">{html.escape(name)}</text>',
            f'<rect x="{label}" y="{y + 14}" width="{prior * scale:.1f}" height="5" fill="var(--prior)"/>',
            f'<rect x="{label}" y="{y + 4}" width="{weight * scale:.1f}" height="10" fill="var(--bar)"/>',
            f'<line x1="{low:.1f}" x2="{high:.1f}" y1="{y + 9}" y2="{y + 9}" stroke="var(--ink)"/>' if spread else "",
            f'<text x="{label + WIDTH}" y="{y + 16}">{weight:.3f}{f" ± {spread:.3f}" if spread else ""}</text>',
        ]
    size = f'viewBox="0 0 {label + WIDTH + 110} {height}" width="{label + WIDTH + 110}"'
    return f'<svg {size} role="img" aria-label="weights by domain">{"".join(parts)}</svg>'


def metric_rows(metrics: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Each metric's name, its prediction with half an interval, and that at the prior."""
    rows = []
    for name, metric in metrics.items():
        digits = decimals(metric["half_interval"])
        predicted = f"{metric['predicted']:.{digits}f} ± {metric['half_interval']:.{digits}f}"
        rows.append((name, predicted, f"{metric['at_prior']:.{digits}f}"))
    return rows


def _table(head: tuple[str, ...], rows: list[Any]) -> str:
    cells = ["".join(f"<td>{html.escape(str(cell))}</td>" for cell in row) for row in rows]
    title = "".join(f"<th>{cell}</th>" for cell in head)
    return f"<table><tr>{title}</tr>{''.join(f'<tr>{row}</tr>' for row in cells)}</table>"


def _bounds(bounds: dict[str, float] | None) -> str:
    tight = {name: value for name, value in (bounds or {}).items() if value < 1}
    if not tight:
        return "<p>No weight was bounded.</p>"
    return _table(("domain", "largest weight allowed"), [(name, f"{value:.3f}") for name, value in tight.items()])
