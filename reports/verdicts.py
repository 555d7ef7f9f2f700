"""Print what one audit found: python -m reports.verdicts FOLDER, with the answers of stages.ablations.audit."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from reports.ablation_study.audits import measured


def main(folder: Path) -> str:
    """A line for each statement, with its verdict first and its numbers below."""
    answers = json.loads((folder / "answers.json").read_text(encoding="utf-8"))
    return "\n".join(
        f"{answer['verdict']}: {answer['says']}\n  {measured(answer)}: {answer['why']}" for answer in answers
    )


if __name__ == "__main__":
    print(main(Path(sys.argv[1])))
