"""Write the page on the audits: what each is about, its statements, and the tables and figures behind them."""

from __future__ import annotations

from pathlib import Path

from regmix.ablations.settings import FILE, Ablations
from regmix.core import plugins
from regmix.core.files import read_json, write_csv, write_metrics
from regmix.core.tables import read_csv
from regmix.params import Params
from reports.ablation_study.audits import Audited, section
from reports.page import render
from stages.common.run import run

TITLE = "Audits of a mixture chosen by proxies"
RULES = """section:first-child td { min-width: 6rem; white-space: normal; }
section:first-child td:nth-child(2), section:first-child td:nth-child(3) { min-width: 15rem; }
"""
OUTS = ("audits.md", "audits.html", "audits")


def audits(params: Params, settings: Ablations, *, answers: Path, headline: Path, out: Path) -> None:
    """Write OUT/audits.{md,html} and OUT/audits/{tables,figures} from ANSWERS/<audit>, and all verdicts to HEADLINE."""
    results = {
        name: Audited(
            read_json(answers / name / "answers.json"),
            {path.stem: read_csv(path) for path in sorted((answers / name).glob("*.csv"))},
            str(plugins.load("audits", entry.kind, f"audits.{name}.kind", FILE).__doc__).partition("\n")[0],
        )
        for name, entry in settings.audits.items()
    }
    page = section(results, params.regression.interval)
    with render.publishing(out, OUTS) as scratch:
        render.write(scratch, [page], write_csv, title=TITLE, name="audits", beside="audits", rules=RULES)
    rows = page.tables["audits"].values[["audit", "says", "verdict", "here"]]
    write_metrics(headline, rows.to_dict("records"))


if __name__ == "__main__":
    run(audits)
