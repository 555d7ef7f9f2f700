"""The page of a recommendation: one file to open and to send."""

from __future__ import annotations

import html
from typing import Any

from regmix.page.drawings import Bar, weights
from regmix.page.frame import document
from regmix.statistics.digits import decimals

LISTED = 0.005  # weights below it share a row
WIDTH = 480  # of the drawing, pixels
CLASSES = {"use it": "use", "extrapolates": "warn"}


def render(result: dict[str, Any], notes: tuple[str, ...], explorer: str = "") -> str:
    """The page of what ``regmix recommend --json`` prints, with a section of HTML to explore other mixtures."""
    sentence = result["about"].removeprefix("regmix recommend: ")
    decision, _, reason = sentence.partition(": ")
    ranks = [(name, "–" if value is None else f"{value:.2f}") for name, value in result["regressors"].items()]
    near = result["distance"]
    parts = [
        f'<section class="answer {CLASSES.get(decision, "")}">',
        f'<p class="decision"><strong>{html.escape(decision.capitalize())}</strong>: {html.escape(reason)}</p>',
        f"<p>{html.escape(aimed_at(result['objective']))}</p>",
        *(f'<p class="faint">{html.escape(note)}</p>' for note in notes),
        _drawing(result),
        '<p class="faint">Shares of training tokens: the recommended weight, a line of ± one standard deviation over '
        "refits to part of the runs, and the prior in grey.</p></section>",
        "<section><h2>Metrics</h2>",
        _table(("metric", "predicted", "at the prior"), metric_rows(result["metrics"])),
        '<p class="faint">± half a 95% interval of a run at the mixture. The mixture is the best of many predictions: '
        "train a run at it and one at the prior before believing the gain.</p></section>",
        explorer,
        "<section><h2>What it rests on</h2>",
        f"<p>{result['runs']} runs. The nearest lies {near['nearest_run']:.2f} away (L1), runs {near['typical']:.2f} "
        "from each other.</p>",
        _table(("regressor", "rank correlation, cross-validated"), ranks),
        _bounds(result["bounds"]),
        f'<p class="faint">regmix {result["versions"]["regmix-workbench"] or "from source"}</p></section>',
    ]
    return document("A mixture to train on", parts)


def aimed_at(objective: dict[str, float]) -> str:
    """The objective in a line."""
    names = list(objective)
    alike = len(set(objective.values())) == 1
    parts = names if alike else [f"{weight:g} {name}" for name, weight in objective.items()]
    shown = ", ".join(parts[:4]) + (f" and {len(parts) - 4} more" if len(parts) > 4 else "")
    return f"objective: {shown if len(names) == 1 else f'mean of {shown}'}"


def _drawing(result: dict[str, Any]) -> str:
    """The weights with spread beside the prior; small ones together."""
    order = sorted(result["weights"], key=lambda name: -result["weights"][name])
    rows = [(name, result["weights"][name], result["spread"][name], result["prior"][name]) for name in order]
    shown, rest = [row for row in rows if row[1] >= LISTED], [row for row in rows if row[1] < LISTED]
    if rest:
        shown.append((f"{len(rest)} others", sum(row[1] for row in rest), 0.0, sum(row[3] for row in rest)))
    bars = [
        Bar(name, weight, spread, prior, (f"{weight:.3f} ± {spread:.3f}" if spread else f"{weight:.3f}",))
        for name, weight, spread, prior in shown
    ]
    return weights(bars, WIDTH).element("Weights by domain")


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
    body = "".join(f"<tr>{row}</tr>" for row in cells)
    return f'<figure class="table"><table><thead><tr>{title}</tr></thead><tbody>{body}</tbody></table></figure>'


def _bounds(bounds: dict[str, float] | None) -> str:
    tight = {name: value for name, value in (bounds or {}).items() if value < 1}
    if not tight:
        return "<p>No weight was bounded.</p>"
    return _table(("domain", "largest weight allowed"), [(name, f"{value:.3f}") for name, value in tight.items()])
