"""What was measured, in lines to read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def _swarm(results: list[dict[str, Any]]) -> list[str]:
    return [
        f"width {one['shape']['width']}, {one['tokens_a_step']} tokens a step: "
        f"transformers {one['transformers_tokens_a_second'] / 1e3:.0f}, "
        f"engine {one['engine_tokens_a_second'] / 1e3:.0f} thousand tokens/s: {one['ratio']['median']} times"
        for one in results
    ]


def _precision(result: dict[str, Any]) -> list[str]:
    return [
        f"bf16 products: noise {result['ratio']['median']} of the seeds' (at most {result['ratio']['largest']}), "
        f"{result['mixtures']} mixtures, {result['seeds']} seeds; {result['speed']['median']} times as fast",
        *(
            f"{name}: bf16 less fp32 {one['shift']:+.5f} ± {one['noise']:.5f}, between seeds ± {one['seed']:.5f}"
            for name, one in result["domains"].items()
        ),
    ]


def _overheads(result: dict[str, Any]) -> list[str]:
    start, evaluation, saved = result["startup"], result["evaluation"], result["checkpoints"]
    return [
        f"start-up: {start['stage_seconds']['median']} s a stage, {start['stages']} stages: "
        f"{start['share_of_swarm']['median']:.1%} of the swarm's {start['swarm_seconds']['median']} s; imports alone "
        f"{start['import_seconds']['median']} s a stage, {start['imports_of_swarm']['median']:.1%}",
        f"evaluation: trajectories {evaluation['trajectories_of_training']['median']:.1%} of training, "
        f"final losses {evaluation['final_of_training']['median']:.1%}",
        f"checkpoints: {saved['share_of_training']:.2%} of training; of {saved['runs']} runs "
        f"{saved['save_seconds']['median']} s to save, {saved['resume_seconds']['median']} s to go on; one every "
        f"{saved['seconds_between']:.0f} s",
    ]


def _methods(results: dict[str, Any]) -> list[str]:
    lines = []
    for name, one in results.items():
        steered = one.get("train_against_natural")
        more = f", trains {steered['median']} times as long as natural" if steered else ""
        lines.append(f"{name}: planned in {one['plan_seconds']} s{more}")
    return lines


def _growth(result: dict[str, Any]) -> list[str]:
    lines = [
        f"{size} proxies: {one['repro']} s, {1e3 * one['repro'] / int(size):.0f} ms each; stages {one['in_stages']} s"
        f", DVC {one['dvc']} s; nothing to do {one['noop']} s, status {one['status']} s"
        for size, one in result["proxies"].items()
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
        (stage, one["parts"], one["seconds"], one["floor_seconds"], f"{one['floor_seconds'] / one['seconds']:.1%}")
        for stage, one in result["stages"].items()
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
    for name, one in result["configurations"].items():
        rate, of_spec, of_gemm = one["engine_tokens_a_second"]["median"], one["share_of_spec"], one["share_of_gemm"]
        lines += [
            f"{name}: {rate / 1e3:.0f} thousand tokens/s, {one['ratio']} times transformers' (micro-batches of "
            f"{one['transformers_micro_batch']}); {one['engine_gib']} GiB, transformers {one['transformers_gib']}",
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
        f"{name}, {size} proxies: {', '.join(f'{domain} {weight:.2f}' for domain, weight in one['mixture'].items())}; "
        f"minus all {one['minus_all'][0]:+.4f} ± {one['minus_all'][1]:.4f}"
        for name, sizes in result.items()
        for size, one in sizes.items()
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
        f"stop where {measure} is at most {threshold}: {one['runs']} runs, {one['cost'][0]:+.4f} ± {one['cost'][1]:.4f}"
        for measure, by_threshold in result["stopping"].items()
        for threshold, one in by_threshold.items()
    ]
    return regrets + stops


def _each(rules: dict[str, Any], key: str) -> list[tuple[str, Any]]:
    return [(rule, one[key]) for rule, one in rules.items()]


LINES: dict[str, Callable[[Any], list[str]]] = {
    "swarm_against_transformers": _swarm,
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
    "scoring": _scoring,
    "scoring_published": _scoring,
}
