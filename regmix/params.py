"""The schema of params.yaml: every knob, typed, frozen, without defaults. The comments there say units.

Values are checked here once, before any work; a stage then reads only the sections that dvc.yaml
names for it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, TypeVar

import yaml
from pydantic import ConfigDict, Field, ValidationError, model_validator

from regmix import plugins
from regmix.errors import InputError
from regmix.plugins import Strict

Count = Annotated[int, Field(ge=1)]
NonNegative = Annotated[int, Field(ge=0)]
Positive = Annotated[float, Field(gt=0)]
Share = Annotated[float, Field(ge=0, le=1)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
S = TypeVar("S", bound=Strict)


class Archive(Strict):
    version: str
    file: Annotated[str, Field(pattern=r"^[^/\\]+$")]
    sdist: bool
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Plugin(Strict):
    """An entry whose further keys belong to a file named by ``kind`` or ``reader``."""

    model_config = ConfigDict(frozen=True, extra="allow")


class Domain(Plugin):
    reader: str
    path: str


class Kind(Plugin):
    kind: str


class Corpus(Strict):
    domain_chars: Count
    valid_fraction: Annotated[float, Field(gt=0, lt=1)]
    split_salt: str
    workers: Count
    validation_only: list[Name]
    archives: dict[str, Archive]
    domains: dict[Name, Domain]

    @property
    def trained(self) -> list[str]:
        """The domains a mixture weighs, in the order of params.yaml."""
        return [name for name in self.domains if name not in self.validation_only]


class Tokenizer(Strict):
    source: str
    vocab_size: Annotated[int, Field(ge=257, le=1 << 32)]
    domain_chars: Count


class Shape(Strict):
    """A Llama-shaped model; ``vocab`` comes from the tokenizer."""

    layers: Count
    heads: Count
    width: Count
    ffn: Count
    context: Annotated[int, Field(ge=2)]

    @model_validator(mode="after")
    def _heads(self) -> Shape:
        if self.width % (2 * self.heads):
            raise ValueError(f"width {self.width} must be a multiple of 2 x heads ({2 * self.heads})")
        return self


class Recipe(Strict):
    """How a run trains."""

    sequences: Count
    steps: Count
    lr: Positive
    lr_schedule: Literal["cosine", "constant"]
    lr_final: Share
    warmup: Share
    betas: tuple[Annotated[float, Field(ge=0, lt=1)], Annotated[float, Field(ge=0, lt=1)]]
    weight_decay: Annotated[float, Field(ge=0)]
    clip: Positive
    precision: Literal["fp32", "bf16"]


class Validation(Strict):
    """Tokens of validation text a domain, and how often the losses are logged."""

    final_tokens: Count
    logged_tokens: Count
    logged: Count

    @model_validator(mode="after")
    def _nested(self) -> Validation:
        if self.logged_tokens > self.final_tokens:
            raise ValueError("logged_tokens must not exceed final_tokens")
        return self


class Training(Strict):
    shape: Shape
    recipe: Recipe
    validation: Validation

    @model_validator(mode="after")
    def _steps(self) -> Training:
        if self.validation.logged > self.recipe.steps:
            raise ValueError(f"validation.logged must not exceed recipe.steps ({self.recipe.steps})")
        return self

    @property
    def logged_steps(self) -> list[int]:
        """The steps after which the losses are logged; the last is the end."""
        steps, count = self.recipe.steps, self.validation.logged
        return [round(steps * (i + 1) / count) for i in range(count)]

    @property
    def train_tokens(self) -> int:
        """Tokens that one run trains on."""
        return self.recipe.steps * self.recipe.sequences * self.shape.context


class LogGrid(Strict):
    low: Positive
    high: Positive
    points: Count


class Repeats(Strict):
    mixtures: NonNegative
    seeds: NonNegative


class Swarm(Strict):
    seed: NonNegative
    shards: Annotated[
        list[Annotated[str, Field(pattern=r"^(random-\d+|switched-\d+|anchors|heldout|repeats)$")]],
        Field(min_length=1),
    ]
    per_shard: Count
    switches: Count
    heldout: NonNegative
    repeats: Repeats
    temperature: Positive
    strength: LogGrid
    min_weight: Share
    max_epochs: Positive
    max_tries: Count

    @model_validator(mode="after")
    def _shards(self) -> Swarm:
        if len(set(self.shards)) < len(self.shards):
            raise ValueError("shards repeats a name; name each once")
        if self.repeats.mixtures > self.heldout:
            raise ValueError(f"repeats.mixtures must not exceed heldout ({self.heldout})")
        return self


class Curve(Strict):
    proxies: list[Count]
    subsets: Count


class Regression(Strict):
    folds: Annotated[int, Field(ge=2)]
    bootstrap: Count
    interval: Annotated[float, Field(gt=0, lt=1)]
    top_k: Count
    curve: Curve
    seed: NonNegative


class Refits(Strict):
    count: Annotated[int, Field(ge=2)]
    candidates: Count


class Confirm(Strict):
    seeds: Count


class Mixture(Strict):
    mode: Literal["paper", "risk_aware"]
    paper_regressor: str
    ensemble: Annotated[list[str], Field(min_length=1)]
    risk: Annotated[float, Field(ge=0)]
    candidates: Count
    top_k: Count
    seed: NonNegative
    refits: Refits
    confirm: Confirm
    refit: bool


class Trajectory(Strict):
    """Which regressors of a loss's next value are judged, at which granularities (RegMix-D's N)."""

    objective: Name
    granularities: Annotated[list[Count], Field(min_length=1)]
    regressors: Annotated[list[Name], Field(min_length=1)]
    label: Literal["loss", "drop"]
    seed: NonNegative


class Target(Training):
    seeds: Count
    methods: dict[Name, Kind]


class Evaluation(Strict):
    last_word: list[Name]
    continuation: list[Name]
    items: Count
    choices: Annotated[int, Field(ge=2)]
    shots: Annotated[list[NonNegative], Field(min_length=1)]
    tasks: list[str]
    batch_size: Count
    seed: NonNegative


class Machine(Strict):
    processes: Count
    stack: Count
    checkpoint_seconds: Positive
    sharded: NonNegative
    device: Literal["cpu", "cuda"]
    launcher: Kind


class Params(Strict):
    corpus: Corpus
    tokenizer: Tokenizer
    objectives: dict[Name, dict[Name, Positive] | Literal["trained"]]
    proxy: Training
    swarm: Swarm
    regression: Regression
    regressors: dict[Name, Kind]
    mixture: Mixture
    trajectory: Trajectory
    target: Target
    evaluation: Evaluation
    machine: Machine

    @model_validator(mode="after")
    def _names(self) -> Params:
        """Every name that one section uses of another must exist there."""
        domains, trained = self.corpus.domains, self.corpus.trained
        for name in self.corpus.validation_only:
            _known(name, domains, "corpus.validation_only", "domain")
        if len(trained) < 2:
            raise ValueError("corpus.domains: fewer than two domains are trained on; a mixture needs two")
        for objective, weights in self.objectives.items():
            for name in weights if isinstance(weights, dict) else ():
                _known(name, domains, f"objectives.{objective}", "domain")
        for key in ("last_word", "continuation"):
            for name in getattr(self.evaluation, key):
                _known(name, domains, f"evaluation.{key}", "domain")
        for name in self.mixture.ensemble:
            _known(name, self.regressors, "mixture.ensemble", "regressor")
        _known(self.mixture.paper_regressor, self.regressors, "mixture.paper_regressor", "regressor")
        for name in self.trajectory.regressors:
            _known(name, self.regressors, "trajectory.regressors", "regressor")
        _known(self.trajectory.objective, self.objectives, "trajectory.objective", "objective")
        for name, method in self.target.methods.items():
            aim = (method.model_extra or {}).get("objective")
            if aim is not None:
                _known(str(aim), self.objectives, f"target.methods.{name}", "objective")
        return self

    @model_validator(mode="after")
    def _shared(self) -> Params:
        if self.machine.sharded > self.target.recipe.sequences:
            raise ValueError(
                f"machine.sharded must not exceed target.recipe.sequences ({self.target.recipe.sequences})"
            )
        return self

    def objective_weights(self, name: str) -> dict[str, float]:
        """The objective as weights over domains that sum to 1."""
        given = self.objectives[name]
        weights = dict.fromkeys(self.corpus.trained, 1.0) if isinstance(given, str) else given
        return {domain: weight / sum(weights.values()) for domain, weight in weights.items()}


def _known(name: str, among: dict, key: str, what: str) -> None:
    if name not in among:
        raise ValueError(f"{key}: unknown {what} {name!r}; use one of {', '.join(among)}")


def parse(values: object, name: str = "params.yaml") -> Params:
    """``values`` (a mapping) as Params. Raises InputError with one line."""
    return _parse(Params, values, name)


def _parse(model: type[S], values: object, name: str) -> S:
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise InputError(plugins.describe(error).replace("params.yaml", name, 1)) from None


def check_plugins(params: Params) -> None:
    """Check the further keys of every reader, regressor and method, and of the launcher. Raises InputError."""
    entries = [("readers", d.reader, f"corpus.domains.{n}", d.model_extra) for n, d in params.corpus.domains.items()]
    entries += [("regressors", r.kind, f"regressors.{n}", r.model_extra) for n, r in params.regressors.items()]
    entries += [("methods", m.kind, f"target.methods.{n}", m.model_extra) for n, m in params.target.methods.items()]
    launcher = params.machine.launcher
    entries += [("launchers", launcher.kind, "machine.launcher", launcher.model_extra)]
    for package, kind, key, extra in entries:
        plugins.options(plugins.load(package, kind, key), extra or {}, key)


def load(path: Path) -> Params:
    """Read and check a params file. Raises InputError."""
    return parse(read_yaml(path), path.name)


def read_yaml(path: Path) -> object:
    """Raises InputError if there is no such file, or none of YAML."""
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError(f"{path}: cannot be read as YAML ({' '.join(str(error).split())}); mend the file") from None
