"""How fast a device trains, from rates that someone measured, published or assumed: profiles/devices.yaml.

A rate is tokens per second at one shape and step size. Rates are converted to full FLOPs, interpolated between shapes
(both axes logarithmic), and constant beyond the last shape.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import Field

from regmix.core.errors import InputError
from regmix.core.files import read_yaml
from regmix.core.model_shape import ModelShape
from regmix.core.plugins import checked
from regmix.core.settings import Count, Positive, Strict
from regmix.engine.store import rates
from regmix.engine.store.keys import processor

STORE = ".runs"
FAR = 2.0  # a shape whose cost per token is off by more than this factor counts as extrapolated
Origin = Literal["measured", "published", "assumed"]


class FullShape(Strict):
    layers: Count
    heads: Count
    width: Count
    ffn: Count
    context: Count
    vocab: Count


class Rate(Strict):
    """``devices`` of one kind trained on ``tokens`` in ``seconds``; ``step`` is tokens per optimiser step."""

    shape: FullShape
    step: Count
    tokens: Positive
    seconds: Positive
    devices: Count
    precision: Literal["fp32", "bf16"]
    origin: Origin
    source: str


class Entry(Strict):
    """``engine``: the file of this engine's measurements on this machine, by benchmarks.bench, or null."""

    about: str
    processes: Count
    engine: str | None
    rates: list[Rate]


class Devices(Strict):
    devices: dict[str, Entry] = Field(min_length=1)


@dataclass(frozen=True)
class Point:
    """Tokens per second of one device at one shape."""

    shape: ModelShape
    step: int
    speed: float
    precision: str
    origin: str
    source: str


@dataclass(frozen=True)
class Device:
    """``processes`` train side by side on it; its rates are with all of them busy."""

    name: str
    about: str
    processes: int
    points: Sequence[Point]

    @property
    def origin(self) -> str:
        """measured, published or assumed, joined by "and" if several."""
        return " and ".join(sorted({point.origin for point in self.points}))

    def speed(self, shape: ModelShape, step: int) -> float:
        """Training speed in tokens per second at this shape with ``step`` tokens per step.

        Raises InputError if the device has no rate.
        """
        if not self.points:
            raise InputError(
                f"profiles/devices.yaml: devices.{self.name}.rates: none; add one, with its origin and source"
            )
        by_shape: dict[ModelShape, list[Point]] = {}
        for point in self.points:
            by_shape.setdefault(point.shape, []).append(point)
        shapes = sorted(by_shape, key=_cost)
        achieved = []
        for each in shapes:
            points = sorted(by_shape[each], key=lambda point: point.step)
            achieved.append(
                math.log(_cost(each)) + float(np.interp(
                    math.log(step), [math.log(p.step) for p in points], [math.log(p.speed) for p in points]
                ))
            )  # fmt: skip
        flops = math.exp(np.interp(math.log(_cost(shape)), [math.log(_cost(each)) for each in shapes], achieved))
        return flops / _cost(shape)

    def near(self, shape: ModelShape, precision: str) -> bool:
        """Whether the shape is within the range of the rates of this precision, give or take a factor of FAR."""
        costs = [_cost(point.shape) for point in self.points if point.precision == precision]
        return bool(costs) and min(costs) / FAR <= _cost(shape) <= max(costs) * FAR


def load(path: Path, root: Path) -> dict[str, Device]:
    """The devices of a file, by name; ``root`` holds the files of measurements. Raises InputError."""
    devices = checked(Devices, {"devices": read_yaml(path)}, str(path)).devices
    return {name: _device(name, entry, root) for name, entry in devices.items()}


def _device(name: str, entry: Entry, root: Path) -> Device:
    points = [
        Point(ModelShape(**rate.shape.model_dump()), rate.step, rate.tokens / rate.seconds / rate.devices,
              rate.precision, rate.origin, rate.source)
        for rate in entry.rates
    ]  # fmt: skip
    about = entry.about
    if entry.engine is not None:
        own = _trained(root / STORE)
        points += own or _measured(root / entry.engine)
        about = "this machine, as it trained the runs in .runs" if own else about
    return Device(name, about, entry.processes, points)


def _trained(store: Path) -> list[Point]:
    """The rates of the runs in ``store`` that this machine's processor trained."""
    return [
        Point(ModelShape(**row["shape"]), row["step"], row["tokens"] / row["seconds"], row["precision"], "measured",
              f"{STORE}, {row['cpu']}")
        for row in rates.read(store) if row["cpu"] == processor()
    ]  # fmt: skip


def _measured(path: Path) -> list[Point]:
    """The rates that benchmarks.bench measured of the engine: fp32, all processes together."""
    try:
        results: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        machine = results["machines"]["swarm_against_transformers"]
        return [
            Point(ModelShape(**row["shape"]), row["tokens_a_step"], float(row["engine_tokens_a_second"]), "fp32",
                  "measured", f"{path.name}, {machine['cpu']}, {machine['cores']} cores")
            for row in results["swarm_against_transformers"]
        ]  # fmt: skip
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: contains no engine rates ({error}); run `make bench`") from None


def _cost(shape: ModelShape) -> float:
    return shape.flops()["full"]
