"""The results as lines of text."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def _swarm(results: list[dict[str, Any]]) -> list[str]:
    return [
        f"width {row['shape']['width']}, {row['tokens_a_step']} tokens per step: "
        f"transformers {row['transformers_tokens_a_second'] / 1e3:.0f}, "
        f"engine {row['engine_tokens_a_second'] / 1e3:.0f} thousand tokens/s: {row['ratio']['median']} times"
        for row in results
    ]


def _precision(result: dict[str, Any]) -> list[str]:
    return [
        f"bf16 products: noise {result['ratio']['median']} of the seeds' (at most {result['ratio']['largest']}), "
        f"{result['mixtures']} mixtures, {result['seeds']} seeds; {result['speed']['median']} times as fast",
        *(
            f"{name}: bf16 minus fp32 {row['shift']:+.5f} ± {row['noise']:.5f}, between seeds ± {row['seed']:.5f}"
            for name, row in result["domains"].items()
        ),
    ]


def _overheads(result: dict[str, Any]) -> list[str]:
    start, evaluation, saved = result["startup"], result["evaluation"], result["checkpoints"]
    return [
        f"start-up: {start['stage_seconds']['median']} s per stage, {start['stages']} stages: "
        f"{start['share_of_swarm']['median']:.1%} of the swarm's {start['swarm_seconds']['median']} s; imports alone "
        f"{start['import_seconds']['median']} s per stage, {start['imports_of_swarm']['median']:.1%}",
        f"evaluation: trajectories {evaluation['trajectories_of_training']['median']:.1%} of training, "
        f"final losses {evaluation['final_of_training']['median']:.1%}",
        f"checkpoints: {saved['share_of_training']:.2%} of training; of {saved['runs']} runs "
        f"{saved['save_seconds']['median']} s to save, {saved['resume_seconds']['median']} s to resume; one every "
        f"{saved['seconds_between']:.0f} s",
    ]


def _methods(results: dict[str, Any]) -> list[str]:
    lines = []
    for name, times in results.items():
        steered = times.get("train_against_natural")
        more = f", trains {steered['median']} times as long as natural" if steered else ""
        lines.append(f"{name}: planned in {times['plan_seconds']} s{more}")
    return lines


def _growth(result: dict[str, Any]) -> list[str]:
    lines = [
        f"{size} proxies: {times['repro']} s, {1e3 * times['repro'] / int(size):.0f} ms each; "
        f"stages {times['in_stages']} s, DVC {times['dvc']} s; "
        f"nothing to do {times['noop']} s, status {times['status']} s"
        for size, times in result["proxies"].items()
    ]
    slopes = ", ".join(f"{key} {value}" for key, value in result["exponent"].items())
    added = ", ".join(
        f"{key} {' then '.join(map(str, values))}" for key, values in result["added_seconds_a_thousand"].items()
    )
    return [*lines, f"exponent, first size to last: {slopes}", f"seconds a thousand more: {added}"]


def _tokenization(result: dict[str, Any]) -> list[str]:
    whole = result["whole"]
    return [
        f"{whole['chars'] / 1e9:g} billion characters, {result['processes']} processes: "
        f"extracted in {whole['extract_seconds']} s with {whole['extract_peak_mib']} MiB, "
        f"tokenized in {whole['tokenize_seconds']} s with {whole['tokenize_peak_mib']} MiB",
        f"datasets.map with the same tokenizer and processes takes {result['ratio']['median']} times as long",
    ]


def _stages(result: dict[str, Any]) -> list[str]:
    rows = [
        (
            stage,
            *(times[key] for key in ("parts", "seconds", "floor_seconds")),
            f"{times['floor_seconds'] / times['seconds']:.1%}",
        )
        for stage, times in result["stages"].items()
    ]
    rows.append(("DVC's own", "", result["dvc_seconds"], 0.0, "0.0%"))
    share = f"{result['floor_seconds'] / result['seconds']:.1%}"
    rows.append(("in all", "", result["seconds"], result["floor_seconds"], share))
    rates = ", ".join(f"{library} {rate}" for library, rate in result["gemm_gflops_a_second"].items())
    return [
        f"floor: FLOPs of training and scoring at the best rate of large fp32 products, GFLOP/s of all cores: {rates}",
        f"{'stage':20}{'parts':>6}{'seconds':>9}{'floor':>8}{'share':>8}",
        *(
            f"{stage:20}{parts:>6}{seconds:>9.1f}{floor:>8.2f}{share:>8}"
            for stage, parts, seconds, floor, share in rows
        ),
    ]


def _gpu(result: dict[str, Any]) -> list[str]:
    spec, gemm = f"{result['spec_tflops']:.0f}", f"{result['gemm_tflops']:.0f}"
    lines = [f"{result['gpu']}, {result['cuda']}, {result['date']}; TFLOP/s: {spec} stated, {gemm} in large products"]
    for name, rates in result["configurations"].items():
        rate = rates["engine_tokens_a_second"]["median"]
        of_spec, of_gemm = rates["share_of_spec"], rates["share_of_gemm"]
        lines += [
            f"{name}: {rate / 1e3:.0f} thousand tokens/s, {rates['ratio']} times transformers' (micro-batches of "
            f"{rates['transformers_micro_batch']}); {rates['engine_gib']} GiB, "
            f"transformers {rates['transformers_gib']}",
            f"  with the head {of_spec['full']:.1%} of what is stated, {of_gemm['full']:.1%} of large products; "
            f"without {of_spec['attention']:.1%}, {of_gemm['attention']:.1%}",
        ]
    return lines


def _noop(result: dict[str, Any]) -> list[str]:
    return [f"`dvc repro` with nothing to do: {result['median_seconds']} s"]


def _scoring(result: dict[str, Any]) -> list[str]:
    times = {key.removesuffix("_seconds"): value for key, value in result.items() if "seconds" in key}
    listed = ", ".join(f"{key} {value} s" for key, value in times.items())
    return [f"a million candidates, {result['fitted_to']} proxies: {listed}"]


def _acquisitions(result: dict[str, Any]) -> list[str]:
    return [
        f"{name}: loss minus the best mixture's: "
        + "; ".join(f"{rule} {mean:+.4f} ± {half:.4f}" for rule, (mean, half) in _each(rules, "minus_best"))
        for name, rules in result.items()
    ]


def _fewer_proxies(result: dict[str, Any]) -> list[str]:
    return [
        f"{name}, {size} proxies: {', '.join(f'{domain} {weight:.2f}' for domain, weight in row['mixture'].items())}; "
        f"minus all {row['minus_all'][0]:+.4f} ± {row['minus_all'][1]:.4f}"
        for name, sizes in result.items()
        for size, row in sizes.items()
    ]


def _acquisitions_published(result: dict[str, Any]) -> list[str]:
    regrets = [
        f"{name}, regret at {size} runs: "
        + "; ".join(f"{rule} {mean:.4f} ± {half:.4f}" for rule, (mean, half) in _each(rules, size))
        for name, rules in result["regret"].items()
        for size in list(next(iter(rules.values())))[1:]
    ]
    regrets += [
        f"{measure} minus that of bootstrap: "
        + "; ".join(f"{rule} {mean:+.4f} ± {half:.4f}" for rule, (mean, half) in rules.items())
        for measure, rules in result["minus_bootstrap"].items()
    ]
    stops = [
        f"stop where {measure} is at most {threshold}: {row['runs']} runs, {row['cost'][0]:+.4f} ± {row['cost'][1]:.4f}"
        for measure, by_threshold in result["stopping"].items()
        for threshold, row in by_threshold.items()
    ]
    return regrets + stops


def _each(rules: dict[str, Any], key: str) -> list[tuple[str, Any]]:
    return [(rule, numbers[key]) for rule, numbers in rules.items()]


def _optimum(result: dict[str, Any]) -> list[str]:
    lines = []
    for name, gained in result["gained"].items():
        parts = ", ".join(f"{nats} nats with {count}" for count, nats in gained.items())
        lines.append(f"{name}: predicted loss plus risk lower by {parts} candidates")
    return [*lines, f"a law is fitted to 512 runs over 17 domains in {result['law_milliseconds']} ms"]


LINES: dict[str, Callable[[Any], list[str]]] = {
    "swarm_against_transformers": _swarm,
    "swarm_against_transformers_avx2": _swarm,
    "precision": _precision,
    "overheads": _overheads,
    "methods": _methods,
    "growth": _growth,
    "tokenization": _tokenization,
    "stages": _stages,
    "gpu": _gpu,
    "acquisitions": _acquisitions,
    "fewer_proxies": _fewer_proxies,
    "acquisitions_published": _acquisitions_published,
    "noop_repro": _noop,
    "optimum": _optimum,
    "scoring": _scoring,
    "scoring_published": _scoring,
}
