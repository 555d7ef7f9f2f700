"""The schema of ablations/params.yaml: which swarms and targets are trained, and what is compared.

A *variant* is a swarm under changes to the root's params.yaml; a *comparison* is a table of methods whose targets are
trained in a variant for one objective. The file states both briefly; this module expands them.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import Field

from regmix.core import dotted_keys, plugins
from regmix.core.errors import InputError
from regmix.core.faults import unknown
from regmix.core.files import read_yaml
from regmix.core.settings import Count, Kind, Name, NonNegative, Positive, Strict
from regmix.engine.settings import Training
from regmix.objectives import Tasks, counted
from regmix.params import Params, parse

FILE = "ablations/params.yaml"
Trained = TypeVar("Trained", bound=Training)  # with the settings of targets, where it has them
BASELINE = "natural"  # every comparison trains it
OBJECTIVE_ONLY = "objective_only"
# Variants share the root's tokenized corpus and tasks, and `machine` changes no number.
CHANGEABLE = ("corpus.validation_only", "objectives", "proxy", "swarm", "regressors", "mixture", "target")


class Proxies(Strict):
    """A part of a swarm to learn from: its first ``random`` and ``switched`` runs of these kinds, and all anchors."""

    random: NonNegative
    switched: NonNegative


class Fits(Strict):
    """Stepwise regressors to test on unseen runs: all combinations of the lists."""

    proxies: list[Name]
    regressor: list[Name]
    label: list[Literal["loss", "drop"]]
    granularity: list[Count]


class Variant(Strict):
    """``unseen`` are shards that no method learns from; ``fits`` are judged on ``objective``."""

    changes: dict[str, Any]
    unseen: list[str]
    objective: Name
    proxies: Annotated[dict[Name, Proxies], Field(min_length=1)]
    fits: list[Fits]


class Entry(Strict):
    """A method of the root's params.yaml, once for each part of the swarm and each combination of ``options``."""

    method: Name
    proxies: Annotated[list[Name], Field(min_length=1)]
    options: dict[Name, Annotated[list[Any], Field(min_length=1)]]


class Comparison(Strict):
    """``root_methods``: the part of the swarm that all methods of the root's params.yaml learn from, or null: none."""

    variant: Name
    objective: Name
    root_methods: Name | None
    methods: dict[Name, Entry]


class Size(Strict):
    """A model that trains like the ``proxy`` or the ``target``, except for ``changes`` to that section."""

    like: Literal["proxy", "target"]
    changes: dict[str, Any]


class Ranks(Strict):
    """The same mixtures at every size and budget. A budget multiplies the steps; ``evaluated`` is a size."""

    mixtures: Annotated[int, Field(ge=4)]
    seeds: Count
    sizes: Annotated[dict[Name, Size], Field(min_length=2)]
    budgets: Annotated[list[Positive], Field(min_length=1)]
    evaluated: Name


class Ablations(Strict):
    audits: dict[Name, Kind]  # a kind is a file in regmix/audits
    changes: dict[str, Any]
    variants: dict[Name, Variant]
    comparisons: dict[Name, Comparison]
    ranks: Ranks

    @classmethod
    def load(cls, path: Path = Path(FILE)) -> Self:
        """Raises InputError for what does not fit the schema."""
        return plugins.checked(cls, read_yaml(path), str(path))

    def _faults(self) -> Iterator[str]:
        for name, variant in self.variants.items():
            for fits in variant.fits:
                yield from unknown(fits.proxies, variant.proxies, f"variants.{name}.fits", "part of the swarm")
        for name, comparison in self.comparisons.items():
            yield from unknown(comparison.variant, self.variants, f"comparisons.{name}.variant", "variant")
            if comparison.variant in self.variants:
                parts = [part for entry in comparison.methods.values() for part in entry.proxies]
                parts += [comparison.root_methods] if comparison.root_methods else []
                yield from unknown(
                    parts, self.variants[comparison.variant].proxies, f"comparisons.{name}", "part of the swarm"
                )
        yield from unknown(self.ranks.evaluated, self.ranks.sizes, "ranks.evaluated", "size")
        if 1 not in self.ranks.budgets:
            yield "ranks.budgets: without 1, at which targets are evaluated; add it"


@dataclass(frozen=True)
class Spelled:
    """A comparison with its grids expanded.

    ``methods`` maps a part of the swarm to the methods that learn from it; methods with the same options and
    part occur once. ``rows`` has one row per requested combination: ``method`` (its name in ``methods``), ``entry``,
    ``proxies``, ``kind`` and the options. ``dropped`` are methods that do not apply to this objective.
    """

    methods: dict[str, dict[str, Kind]] = field(default_factory=dict)
    rows: list[dict[str, Any]] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)


def parse_ablations(values: object, name: str = FILE) -> Ablations:
    """``values`` (a mapping) as Ablations. Raises InputError with one line."""
    return plugins.checked(Ablations, values, name)


def variant_params(params: Params, settings: Ablations, name: str) -> Params:
    """The root's params with the changes for all variants and for this one. Raises InputError."""
    values = params.model_dump()
    own = settings.variants[name].changes
    for where, changes in (("changes", settings.changes), (f"variants.{name}.changes", own)):
        for key in changes:
            if not any(key == allowed or key.startswith(f"{allowed}.") for allowed in CHANGEABLE):
                raise InputError(f"{FILE}: {where}: {key} cannot differ here; change only {', '.join(CHANGEABLE)}")
        dotted_keys.apply(values, changes, f"{FILE}: {where}")
    changed = parse(values, f"{FILE}: variants.{name}")
    unknown = set(settings.variants[name].unseen) - set(changed.swarm.shards)
    if unknown:
        raise InputError(
            f"{FILE}: variants.{name}.unseen: {min(unknown)} is not a shard of the variant; add it to the shards"
        )
    objective = settings.variants[name].objective
    if objective not in changed.objectives:
        raise InputError(f"{FILE}: variants.{name}.objective = {objective}: no such objective")
    if isinstance(changed.objectives[objective], Tasks):
        raise InputError(
            f"{FILE}: variants.{name}.objective = {objective}: trajectories contain only losses; choose an objective "
            "made of losses"
        )
    return changed


def with_methods(params: Params, methods: dict[str, Kind]) -> Params:
    """``params`` with other target.methods. Raises InputError."""
    values = params.model_dump()
    values["target"]["methods"] = {name: method.model_dump() for name, method in methods.items()}
    return parse(values, FILE)


def spell(params: Params, settings: Ablations, name: str) -> Spelled:
    """The comparison ``name`` expanded, under its variant's ``params``.

    Raises InputError for an unknown method, an option that it does not have, or an invalid value.
    """
    comparison, root = settings.comparisons[name], params.target.methods
    out = Spelled()
    names: dict[tuple[str, str, str], str] = {}
    first = next(iter(settings.variants[comparison.variant].proxies))
    natural = next((key for key, method in root.items() if method.kind == BASELINE), None)
    if natural is None:
        raise InputError(
            f"params.yaml: target.methods: none of kind {BASELINE}, the baseline of all comparisons; add one"
        )
    entries = {
        BASELINE: Entry(method=natural, proxies=[comparison.root_methods or first], options={})
    } | comparison.methods
    if comparison.root_methods:
        template = Entry(method=natural, proxies=[comparison.root_methods], options={})
        rest = {key: template.model_copy(update={"method": key}) for key in root if root[key].kind != BASELINE}
        entries |= {key: entry for key, entry in rest.items() if key not in entries}
    for label, entry in entries.items():
        key = f"comparisons.{name}.methods.{label}"
        if entry.method not in root:
            raise InputError(f"{FILE}: {key}: unknown method {entry.method!r}; use one of {', '.join(root)}")
        kind, base = root[entry.method].kind, root[entry.method].extras
        if "objective" in base:
            base["objective"] = comparison.objective
        if kind == OBJECTIVE_ONLY and not set(
            counted(params.objectives[comparison.objective], params.corpus.trained)
        ) & set(params.corpus.trained):
            out.dropped.append(label)
            continue
        grid = {"proxies": entry.proxies, **entry.options}
        for values in itertools.product(*grid.values()):
            part, *rest_values = values
            options = base | dict(zip(entry.options, rest_values, strict=True))
            plugins.options(plugins.load("methods", kind, key, FILE), options, key, FILE)
            varied = [str(v) for v, choices in zip(values, grid.values(), strict=True) if len(choices) > 1]
            method = re.sub(r"[^a-z0-9]+", "_", "_".join([label, *varied]).lower()).strip("_")
            same = (kind, part, repr(sorted(options.items())))
            if same not in names and method in names.values():
                raise InputError(f"{FILE}: {key}: two methods would be named {method}; rename the entry")
            method = names.setdefault(same, method)
            out.methods.setdefault(part, {}).setdefault(method, Kind(kind=kind, **options))
            out.rows.append({"method": method, "entry": label, "proxies": part, "kind": kind, **options})
    return out


def with_steps(training: Trained, budget: float, where: str) -> Trained:
    """``training`` for ``budget`` times the steps. Raises InputError if these are too few."""
    values = training.model_dump()
    values["recipe"]["steps"] = round(training.recipe.steps * budget)
    return plugins.checked(type(training), values, FILE, where)


def size_training(params: Params, settings: Ablations, name: str, budget: float) -> Training:
    """How a model of size ``name`` trains with ``budget`` times the steps. Raises InputError."""
    size = settings.ranks.sizes[name]
    values = params.model_dump()[size.like]
    where = f"{FILE}: ranks.sizes.{name}"
    dotted_keys.apply(values, size.changes, f"{where}.changes", of=f"params.yaml's {size.like}")
    training = {key: values[key] for key in ("shape", "recipe", "validation")}
    where = f"ranks.sizes.{name}"
    return with_steps(plugins.checked(Training, training, FILE, where), budget, where)
