"""What a profile will cost, before anything starts: python -m profiles.plan [NAME] [--device NAME ...] [--json FILE].

A row a stage of dvc.yaml. Without NAME it plans params.yaml as it is. Nothing is written but FILE.
"""

from __future__ import annotations

import argparse
import csv
import math
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml

from profiles import progress, switch
from regmix import params as schema
from regmix.core.errors import InputError
from regmix.core.files import write_json
from regmix.params import Params
from regmix.planning import device_rates as rates
from regmix.planning import memory, planner
from regmix.planning.device_rates import Device
from regmix.planning.planner import Text, Work

PILE = Path("published/tables/regmix_1_pile.csv")
TOKENS_A_BYTE = 0.29  # of the Pile by GPT-2's tokenizer (Gao et al. 2021); assumed for GPT-NeoX's


@dataclass(frozen=True)
class Row:
    """One stage: counts are sums over its parts, memory is the most of a part; None: not known or not counted."""

    stage: str
    runs: int
    stored: int | None
    trained: float
    scored: float
    body: float
    full: float
    hours: dict[str, float | None]
    far: dict[str, bool]  # whether a device's hours are extrapolated
    memory: float
    disk: float | None
    done: bool | None


def rows(
    params: Params, names: Sequence[str], todo: Sequence[Work], space: Mapping[str, float], chosen: Sequence[Device],
    held: Mapping[tuple[str, str], int], running: set[str] | None,
) -> list[Row]:  # fmt: skip
    """A row for each of the stages ``names``. ``held`` counts stored runs, ``running`` are those that will run."""
    machine, out = params.machine, []
    for stage in names:
        works = [work for work in todo if work.stage == stage]
        flops = [work.flops() for work in works]
        counted = [held.get((work.stage, work.part)) for work in works]
        hours: dict[str, float | None] = {}
        for device in chosen:
            trains = [work for work in works if work.engine]
            hours[device.name] = sum(_hours(work, device) for work in trains) if trains else None
        out.append(
            Row(
                stage=stage,
                runs=sum(work.runs for work in works),
                stored=None if None in counted or not works else sum(n for n in counted if n is not None),
                trained=sum(work.trained for work in works),
                scored=sum(work.evaluated + work.scored for work in works),
                body=sum(f["body"] for f in flops),
                full=sum(f["full"] for f in flops),
                hours=hours,
                far={d.name: any(not d.near(w.shape, w.precision) for w in works if w.engine) for d in chosen},
                memory=max((work.memory(machine) for work in works), default=0),
                disk=space.get(stage),
                done=None if running is None else stage not in running,
            )
        )
    return out


def _hours(work: Work, device: Device) -> float:
    """Training, and scoring at three times its speed; a process that has no run to train waits."""
    tokens = work.trained + (work.evaluated + work.scored) / 3
    return tokens / device.speed(work.shape, work.step) * work.idle(device.processes) / 3600


def pile(params: Params, table: Path) -> Text | None:
    """An estimate of a corpus whose domains are all in the table of the Pile (domain, gib); None for any other."""
    if not table.is_file():
        return None
    with table.open(encoding="utf-8", newline="") as file:
        gib = {row["domain"]: float(row["gib"]) for row in csv.DictReader(file)}
    corpus = params.corpus
    if not set(corpus.domains) <= set(gib):
        return None
    sizes = {name: min(gib[name] * 2**30, corpus.domain_chars) for name in corpus.domains}
    train = {name: round(size * (1 - corpus.valid_fraction) * TOKENS_A_BYTE) for name, size in sizes.items()}
    valid = {name: round(size * corpus.valid_fraction * TOKENS_A_BYTE) for name, size in sizes.items()}
    how = (
        f"estimated from {table}, effective sizes (text that the Pile weighs two or three times counts as often), at "
        f"{TOKENS_A_BYTE} tokens a byte"
    )
    return Text(train, valid, sum(sizes.values()), how, False)


def measured_repro(readme: str) -> float | None:
    """Seconds of `make repro` that the README tells; None if it tells none."""
    found = re.search(r"make repro[^\n]*?(\d+) min(?: (\d+) s)?", readme)
    return None if found is None else 60 * int(found[1]) + int(found[2] or 0)


def main(name: str | None, only: Sequence[str], out: Path | None, root: Path) -> int:
    """Print the plan; 1 if it cannot be carried out. Raises InputError."""
    current = switch.text_of(root / "params.yaml")
    text = current if name is None else switch.apply(current, name, replace=True)[0]
    params = schema.parse(yaml.safe_load(text))
    schema.check_plugins(params)
    chosen = _devices(only, root)
    present = schema.parse(yaml.safe_load(current))
    here = progress.text_of(params, root) if present.corpus == params.corpus else None
    here = here if present.tokenizer == params.tokenizer else None
    known, vocab = here or (pile(params, root / PILE), params.tokenizer.vocab_size)
    fault = None if known is None else planner.infeasible(params, known)
    todo = planner.works(params, vocab, None if fault else known)
    pipeline = progress.stages(root)
    running, held = None, {}
    if params == present:
        stale = progress.stale_stages(root)
        running = None if stale is None else progress.unfinished(pipeline, stale)
    if here and not fault:
        held = progress.stored(params, root, todo, set() if running is None else set(pipeline) - running)
    space = planner.disk(params, vocab, known, todo)
    table = rows(params, list(pipeline), todo, space, chosen, held, running)
    total = Row(
        "total", sum(r.runs for r in table), None, sum(r.trained for r in table), sum(r.scored for r in table),
        sum(r.body for r in table), sum(r.full for r in table),
        {d.name: sum(r.hours[d.name] or 0 for r in table) for d in chosen},
        {d.name: any(r.far[d.name] for r in table) for d in chosen},
        max(r.memory for r in table), sum(r.disk or 0 for r in table), None,
    )  # fmt: skip
    said = notes(params, name, known, vocab, todo, chosen, running, fault)
    base = schema.parse(yaml.safe_load(switch.apply(current, switch.BASE, replace=True)[0]))
    if params == base:
        said += against_readme(total, chosen, (root / "README.md").read_text(encoding="utf-8"))
    print(show([*table, total], chosen))
    print("\n".join(f"- {line}" for line in said))
    if out is not None:
        value = {"profile": name, "vocab": vocab, "rows": [asdict(row) for row in [*table, total]], "notes": said}
        write_json(out, _finite(value))
    return 1 if fault else 0


def _finite(value: Any) -> Any:
    """``value`` with null for what is not known, for JSON."""
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _devices(only: Sequence[str], root: Path) -> list[Device]:
    found = rates.load(root / "profiles/devices.yaml", root)
    for name in only:
        if name not in found:
            raise InputError(f"--device {name}: not in profiles/devices.yaml; use one of {', '.join(found)}")
    return [found[name] for name in only or found]


def notes(
    params: Params, name: str | None, known: Text | None, vocab: int, todo: Sequence[Work], chosen: Sequence[Device],
    running: set[str] | None, fault: str | None,
) -> list[str]:  # fmt: skip
    """What the table rests on, a line each."""
    out = [f"infeasible, as far as the corpus is known: {fault}"] if fault else []
    size = sum(known.train.values()) if known else 0
    out.append(
        f"corpus: {known.how}; {_number(size)} training tokens, {size / params.target.train_tokens:.3g} targets' worth"
        if known
        else "corpus: not there yet; sizes unknown, single-domain anchors at most"
    )
    if known and not known.exact and any((d.model_extra or {}).get("first") for d in params.corpus.domains.values()):
        out.append("at most that: domains look at their `first` documents only")
    out.append(
        f"vocabulary {vocab}; a proxy {_number(params.proxy.train_tokens)} tokens, a target "
        f"{_number(params.target.train_tokens)}; scored tokens cost a third (forward only)"
    )
    swarm = [work for work in todo if work.stage == "swarm_train"]
    target = planner.model(params.target, vocab).flops()
    shares = {
        key: sum(work.flops()[key] for work in swarm) / (target[key] * params.target.train_tokens)
        for key in ("body", "full")
    }
    alone = sum(work.runs for work in swarm if work.part.startswith("random")) / sum(work.runs for work in swarm)
    out.append(
        f"swarm / one target: {shares['body']:.1%} body only, {shares['full']:.1%} in full; its random mixtures alone: "
        f"{alone * shares['body']:.1%} and {alone * shares['full']:.1%}"
    )
    for device in chosen:
        sources = "; ".join(dict.fromkeys(point.source for point in device.points))
        out.append(
            f"{device.name}: {device.about}; rates {device.origin} ({sources}); hours are of one; "
            "~ extrapolated to another size or precision"
        )
    largest = max(todo, key=lambda w: w.memory(params.machine))
    one = largest.training(params.machine)
    kinds = dict.fromkeys(work.training(params.machine).compute for work in todo if work.engine)
    out.append(
        f"memory is of all processes, an estimate: {'; '.join(memory.ABOUT[kind] for kind in kinds)}; "
        f"{memory.BATCHES}; most: a run of "
        f"{largest.stage}, {_bytes(one.state)} and {_bytes(one.activations)} a process"
    )
    out.append(
        f"disk: checkpoints while it trains {_bytes(planner.checkpoints(params, todo))} more; .dvc/cache as much again "
        "as data/ where the file system cannot share blocks"
    )
    if params.corpus.domain_chars > 1e9:
        out.append(
            f"corpus_extract sorts a domain on disk: about {_bytes(3 * params.corpus.domain_chars)} more at most; "
            "corpus_tokenize holds a domain's tokens twice"
        )
    out.append("not timed: fetching, tokenization, regressors, simulation, lm-eval (its tokens at most), the report")
    if running is not None:
        out.append("done: DVC has the stage and all before it up to date")
    else:
        out.append(f"DVC: {'params.yaml has other values, not asked' if name else 'it cannot say what is up to date'}")
    out.append("stored: runs in .runs, looked up where corpus and schedules are known; ? where they are not")
    return out


def against_readme(total: Row, chosen: Sequence[Device], readme: str) -> list[str]:
    """How the hours on the device with measurements of this engine compare with `make repro` as the README tells."""
    told, device = measured_repro(readme), next((d for d in chosen if d.origin == "measured"), None)
    if told is None or device is None:
        return []
    planned = 3600 * (total.hours[device.name] or 0)
    return [
        f"README: `make repro` took {told / 60:.1f} min; the training planned on {device.name} {planned / 60:.1f} min, "
        f"{planned / told:.0%} of it; the rest is what is not timed, and what the rates are off"
    ]


def show(table: Sequence[Row], chosen: Sequence[Device]) -> str:
    head = ["stage", "runs", "stored", "trained", "scored", "body FLOPs", "full FLOPs",
            *(f"{d.name} ({d.origin})" for d in chosen), "memory", "disk", "done"]  # fmt: skip
    lines = [head]
    for row in table:
        lines.append(
            [
                row.stage,
                str(row.runs or ""),
                "" if not row.runs or row.stage == "total" else "?" if row.stored is None else str(row.stored),
                _number(row.trained),
                _number(row.scored),
                _number(row.body),
                _number(row.full),
                *(("~" if row.far[d.name] else "") + _time(row.hours[d.name]) for d in chosen),
                _bytes(row.memory),
                _bytes(row.disk or 0),
                {None: "", True: "yes", False: "no"}[row.done],
            ]
        )
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    text = []
    for stage, *cells in lines:
        text.append("  ".join([stage.ljust(widths[0]), *map(str.rjust, cells, widths[1:])]).rstrip())
    return "\n".join(text)


def _number(value: float) -> str:
    return "?" if math.isnan(value) else f"{value:.3g}".replace("e+", "e") if value else ""


def _time(hours: float | None) -> str:
    if hours is None or not hours:
        return ""
    if math.isnan(hours):
        return "?"
    if hours < 1 / 60:
        return f"{3600 * hours:.2g} s"
    return f"{60 * hours:.1f} min" if hours < 1.5 else f"{hours:,.1f} h" if hours < 100 else f"{hours:,.0f} h"


def _bytes(count: float) -> str:
    if not count or math.isnan(count):
        return "?" if count else ""
    unit, name = next(((u, n) for u, n in ((1e12, "TB"), (1e9, "GB")) if count >= u), (1e6, "MB"))
    return f"{count / unit:.2g} {name}" if count < 10 * unit else f"{count / unit:.0f} {name}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="profiles.plan", description=__doc__)
    parser.add_argument("name", nargs="?")
    parser.add_argument("--device", action="append", default=[])
    parser.add_argument("--json", type=Path)
    flags = parser.parse_args()
    try:
        sys.exit(main(flags.name, flags.device, flags.json, Path()))
    except InputError as error:
        sys.exit(f"error: {error}")
