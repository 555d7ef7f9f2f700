"""What a profile will cost, before anything runs: python -m profiles.plan [NAME] [--device NAME ...] [--json FILE].

Prints one row per stage of dvc.yaml, or with --audits per audit. Without NAME it plans params.yaml as it is. Only FILE
is written.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from profiles import own, progress, switch
from profiles.table import Row, figures, rows, show, storage, total
from regmix import params as schema
from regmix.ablations import settings as ablations
from regmix.ablations.audit import audit_of
from regmix.ablations.settings import Ablations
from regmix.checks import plug_ins
from regmix.core.errors import InputError
from regmix.core.files import parse_yaml, read_text, write_json
from regmix.params import Params
from regmix.planning import device_rates, memory, planner
from regmix.planning.device_rates import Device
from regmix.planning.disk import checkpoints, disk
from regmix.planning.feasibility import Text, infeasible
from regmix.planning.stage_work import StageWork

PILE = Path("published/tables/regmix_1_pile.csv")
MEASURED = Path("benchmarks/results.json")
TOKENS_PER_BYTE = 0.29  # the Pile with GPT-2's tokenizer (Gao et al. 2021); assumed for GPT-NeoX's


def pile(params: Params, table: Path) -> Text | None:
    """Estimated sizes of a corpus whose domains are all in the table of the Pile (domain, gib); None for any other."""
    if not table.is_file():
        return None
    with table.open(encoding="utf-8", newline="") as file:
        gib = {row["domain"]: float(row["gib"]) for row in csv.DictReader(file)}
    corpus = params.corpus
    if not set(corpus.domains) <= set(gib):
        return None
    sizes = {name: min(gib[name] * 2**30, corpus.chars_of(name)) for name in corpus.domains}
    train = {name: round(size * (1 - corpus.valid_fraction) * TOKENS_PER_BYTE) for name, size in sizes.items()}
    valid = {name: round(size * corpus.valid_fraction * TOKENS_PER_BYTE) for name, size in sizes.items()}
    how = (
        f"estimated from {table}, effective sizes (text that the Pile repeats two or three times counts as often), at "
        f"{TOKENS_PER_BYTE} tokens per byte"
    )
    return Text(train, valid, sum(sizes.values()), how, False)


def main(name: str | None, only: Sequence[str], out: Path | None, root: Path) -> int:
    """Print the plan; return 1 if it is infeasible. Raises InputError."""
    present = schema.Params.load(root / "params.yaml")
    current = read_text(root / "params.yaml")
    mine = own.Own.read(root / own.FILE)
    params = present if name is None else _params(switch.apply(current, name, replace=True, own_file=mine)[0])
    plug_ins.check(params)
    chosen = _devices(only, root)
    here = progress.text_of(params, root)
    if (present.corpus, present.tokenizer) != (params.corpus, params.tokenizer):
        here = None
    text, vocab = here or (pile(params, root / PILE), params.tokenizer.vocab_size)
    fault = None if text is None else infeasible(params, text)
    todo = planner.works(params, vocab, None if fault else text)
    pipeline = progress.stages(root)
    running, stored = None, {}
    if params == present:
        stale = progress.stale_stages(root)
        running = None if stale is None else progress.unfinished(pipeline, stale)
    if here and not fault:
        stored = progress.stored(params, root, set() if running is None else set(pipeline) - running)
    space = disk(params, vocab, text, todo)
    table = rows(params.machine, list(pipeline), todo, space, chosen, stored, running)
    table.append(total(table))
    lines = notes(params, name, text, vocab, todo, chosen, running, fault)
    if params == _params(switch.apply(current, switch.BASE, replace=True, own_file=mine)[0]):
        lines += against_measured(table[-1], chosen, root / MEASURED)
    print(show(table, chosen))
    print("\n".join(f"- {line}" for line in lines))
    if out is not None:
        value = {"profile": name, "vocab": vocab, "rows": [asdict(row) for row in table], "notes": lines}
        write_json(out, _finite(value))
    return 1 if fault else 0


def audits(only: Sequence[str], root: Path) -> int:
    """Print what each audit of ablations/params.yaml will train. Raises InputError."""
    params, settings = schema.Params.load(root / "params.yaml"), Ablations.load(root / ablations.FILE)
    domains = len(params.corpus.trained)
    learnt = params.swarm.learnt(params.swarm.learn_from, domains)
    sizes = {}
    for name in settings.audits:
        module, options = audit_of(settings, name)
        size = module.size(options, learnt, domains)
        sizes[name] = (size.proxies, size.targets)
    text, vocab = progress.text_of(params, root) or (None, params.tokenizer.vocab_size)
    todo, chosen = planner.audits(params, vocab, text, sizes), _devices(only, root)
    table = rows(params.machine, list(sizes), todo, {}, chosen, {}, None)
    print(show([*table, total(table)], chosen))
    print(
        "- at most: runs that audits share (order, downstream and learning_rate; phases and warm_start) are counted at "
        "each, and what .runs has is not trained again"
    )
    return 0


def _params(text: str) -> Params:
    return schema.parse(parse_yaml(text))


def _finite(value: Any) -> Any:
    """``value`` with null for unknown numbers, for JSON."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _devices(only: Sequence[str], root: Path) -> list[Device]:
    devices = device_rates.load(root / "profiles/devices.yaml", root)
    for name in only:
        if name not in devices:
            raise InputError(f"--device {name}: not in profiles/devices.yaml; use one of {', '.join(devices)}")
    return [devices[name] for name in only or devices]


def notes(
    params: Params,
    name: str | None,
    text: Text | None,
    vocab: int,
    todo: Sequence[StageWork],
    chosen: Sequence[Device],
    running: set[str] | None,
    fault: str | None,
) -> list[str]:
    """The assumptions behind the table, one per line."""
    out = [f"infeasible, as far as the corpus is known: {fault}"] if fault else []
    size = sum(text.train.values()) if text else 0
    out.append(
        f"corpus: {text.how}; {figures(size)} training tokens, {size / params.target.train_tokens:.3g} targets' worth"
        if text
        else "corpus: not built yet, so its sizes are unknown; one anchor per domain is counted, the maximum"
    )
    if text and not text.exact and any(d.extras.get("first") for d in params.corpus.domains.values()):
        out.append("this is an upper bound: domains read only their `first` documents")
    out.append(
        f"vocabulary {vocab}; a proxy trains on {figures(params.proxy.train_tokens)} tokens, a target on "
        f"{figures(params.target.train_tokens)}; a scored token costs a third of a trained one (forward pass only)"
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
            f"{device.name}: {device.about}; rates {device.origin} ({sources}); hours are for one device; "
            "~: extrapolated to another size or precision"
        )
    largest = max(todo, key=lambda w: w.memory(params.machine))
    training = largest.training(params.machine)
    kinds = dict.fromkeys(work.training(params.machine).compute for work in todo if work.engine)
    out.append(
        f"memory is an estimate for all processes: {'; '.join(memory.ABOUT[kind] for kind in kinds)}; "
        f"{memory.BATCHES}; largest: a run of "
        f"{largest.stage}, {storage(training.state)} and {storage(training.activations)} per process; libraries take "
        "0.1 to 0.4 GB a stage beside it, those of target_evaluate 1 GB"
    )
    out.append(
        f"disk: checkpoints during training take {storage(checkpoints(params, todo))} more; .dvc/cache takes as much "
        "again as data/ where the file system cannot share blocks"
    )
    if params.corpus.domain_chars > 1e9:
        out.append(
            f"corpus_extract sorts a domain on disk: about {storage(3 * params.corpus.domain_chars)} more at most; "
            "corpus_tokenize stores all tokens twice while it runs"
        )
    out.append("not timed: fetching, tokenization, regressors, simulation, lm-eval (its tokens at most), the report")
    if running is not None:
        out.append("done: the stage and all before it are up to date in DVC")
    else:
        out.append(
            f"DVC: {'not checked, since params.yaml has other values' if name else 'cannot say what is up to date'}"
        )
    out.append("stored: runs in .runs; ? where corpus or schedules are not known yet")
    return out


def against_measured(whole: Row, chosen: Sequence[Device], path: Path) -> list[str]:
    """How the hours on the device with measured rates compare with the pipeline as `make bench` measured it.

    Empty without such a measurement, if it is of another profile, or if the rates are of runs trained since.
    """
    device = next((d for d in chosen if d.origin == "measured"), None)
    if device and any(point.source.startswith(device_rates.STORE) for point in device.points):
        return []
    try:
        results = json.loads(path.read_text(encoding="utf-8"))
        pipeline, machine = results["stages"], results["machines"]["stages"]
        minutes, place = pipeline["seconds"] / 60, f"{machine['cpu']}, {machine['cores']} cores"
    except (OSError, ValueError, KeyError, TypeError):
        return []
    if device is None or pipeline.get("profile") not in (None, switch.BASE):
        return []
    planned = 60 * (whole.hours[device.name] or 0)
    return [
        f"measured: the whole pipeline took {minutes:.1f} min on {place} ({MEASURED}); the training planned on "
        f"{device.name} takes {planned:.1f} min, {planned / minutes:.0%} of it; the rest is not timed, or due to "
        "errors in the rates"
    ]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="profiles.plan", description=__doc__)
    parser.add_argument("name", nargs="?")
    parser.add_argument("--device", action="append", default=[])
    parser.add_argument("--json", type=Path)
    parser.add_argument("--audits", action="store_true", help="of ablations/params.yaml instead")
    flags = parser.parse_args()
    try:
        sys.exit(audits(flags.device, Path()) if flags.audits else main(flags.name, flags.device, flags.json, Path()))
    except InputError as error:
        sys.exit(f"error: {error}")
