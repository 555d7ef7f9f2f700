"""The README's picture: chosen weights beside natural ones, and what targets gained, as one SVG.

Its background follows the reader's light or dark theme, and it uses the reader's fonts.
"""

from __future__ import annotations

import html
from collections.abc import Sequence

from regmix.page import drawings
from regmix.page.drawings import text
from regmix.page.frame import style
from reports.run.answer import CLASSES, WIDTH, Answer, bars

SHOWN = 3  # objectives
PAD, GAP, HEAD, FOOT = 22, 34, 62, 24  # pixels: around, between columns, above the drawings, below them
FONT = 'system-ui, "Segoe UI", Roboto, Helvetica, Arial, sans-serif'
LEGEND = "Bars: chosen weights, with ± their spread over refits; grey: natural. Dots: larger models; left is better"
STYLE = f"""svg {{ font-family: {FONT}; }}
.drawing .name {{ font-size: 15px; font-weight: 600; }}
.drawing .decision {{ font-weight: 600; fill: var(--same); }}
.drawing .use {{ fill: var(--better); }} .drawing .warn {{ fill: var(--worse); }}
.page {{ fill: var(--paper); stroke: var(--line); }}
"""


def picture(all_answers: Sequence[Answer]) -> str:
    """A column for each of the first objectives, those with targets if there are any."""
    shown = ([answer for answer in all_answers if answer.gains] or list(all_answers))[:SHOWN]
    above = [bars(answer) for answer in shown]
    below = [drawings.differences(answer.gains, WIDTH) if answer.gains else None for answer in shown]
    middle = PAD + HEAD + max(drawing.height for drawing in above) + 28
    height = middle + max((drawing.height for drawing in below if drawing), default=-28) + PAD + FOOT
    width = 2 * PAD + len(shown) * (WIDTH + GAP) - GAP
    parts = [f'<rect class="page" x="0.5" y="0.5" width="{width - 1}" height="{height - 1}" rx="8"/>']
    for i, (answer, upper, lower) in enumerate(zip(shown, above, below, strict=True)):
        x, word = PAD + i * (WIDTH + GAP), answer.decision.word
        parts += [
            text(x, PAD + 14, answer.name, kind="name"),
            text(x, PAD + 31, answer.aim.split(",")[0], kind="faint"),
            text(x, PAD + 48, word.capitalize(), kind=f"decision {CLASSES.get(word, '')}"),
            upper.at(x, PAD + HEAD - 6),
        ]
        if lower:
            parts += [
                text(x, middle - 8, f"loss minus that of rivals, {answer.unit}", kind="faint"),
                lower.at(x, middle),
            ]
    parts.append(text(PAD, height - PAD + 4, LEGEND, kind="faint"))
    caption = "; ".join(f"{answer.name}: {answer.decision}" for answer in shown)
    size = f'viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" class="drawing" {size} role="img">',
            f"<title>{html.escape(caption)}</title>",
            f"<style>{style('drawings')}{STYLE}</style>",
            *parts,
            "</svg>\n",
        ]
    )
