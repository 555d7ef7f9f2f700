"""The table of a plan: one row per stage of dvc.yaml, the totals, and number formats."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from regmix.engine.machine import Machine
from regmix.planning.device_rates import Device
from regmix.planning.stage_work import StageWork


@dataclass(frozen=True)
class Row:
    """One stage: counts are sums over its parts, memory is the maximum; None: not known or not counted."""

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
    machine: Machine,
    names: Sequence[str],
    todo: Sequence[StageWork],
    space: Mapping[str, float],
    chosen: Sequence[Device],
    stored: Mapping[tuple[str, str], int],
    running: set[str] | None,
) -> list[Row]:
    """One row for each of the stages ``names``.

    ``space``: bytes on disk by stage; ``stored``: runs in the store by stage and part; ``running``: the stages that
    will run, None if not known.
    """
    out = []
    for stage in names:
        works = [work for work in todo if work.stage == stage]
        flops = [work.flops() for work in works]
        counted = [stored.get((work.stage, work.part)) for work in works]
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


def _hours(work: StageWork, device: Device) -> float:
    """Training, and scoring at three times that speed; a process without a run to train waits."""
    return work.cost / device.speed(work.shape, work.step) * work.idle(device.processes) / 3600


def total(table: Sequence[Row]) -> Row:
    """The sums of all rows; for memory, the maximum."""
    devices = table[0].hours
    return Row(
        stage="total",
        runs=sum(row.runs for row in table),
        stored=None,
        trained=sum(row.trained for row in table),
        scored=sum(row.scored for row in table),
        body=sum(row.body for row in table),
        full=sum(row.full for row in table),
        hours={name: sum(row.hours[name] or 0 for row in table) for name in devices},
        far={name: any(row.far[name] for row in table) for name in devices},
        memory=max(row.memory for row in table),
        disk=sum(row.disk or 0 for row in table),
        done=None,
    )


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
                figures(row.trained),
                figures(row.scored),
                figures(row.body),
                figures(row.full),
                *(("~" if row.far[d.name] else "") + duration(row.hours[d.name]) for d in chosen),
                storage(row.memory),
                storage(row.disk or 0),
                {None: "", True: "yes", False: "no"}[row.done],
            ]
        )
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    text = []
    for stage, *cells in lines:
        text.append("  ".join([stage.ljust(widths[0]), *map(str.rjust, cells, widths[1:])]).rstrip())
    return "\n".join(text)


def figures(value: float) -> str:
    return "?" if math.isnan(value) else f"{value:.3g}".replace("e+", "e") if value else ""


def duration(hours: float | None) -> str:
    if hours is None or not hours:
        return ""
    if math.isnan(hours):
        return "?"
    if hours < 1 / 60:
        return f"{3600 * hours:.2g} s"
    return f"{60 * hours:.1f} min" if hours < 1.5 else f"{hours:,.1f} h" if hours < 100 else f"{hours:,.0f} h"


def storage(count: float) -> str:
    if not count or math.isnan(count):
        return "?" if count else ""
    unit, name = next(((u, n) for u, n in ((1e12, "TB"), (1e9, "GB")) if count >= u), (1e6, "MB"))
    return f"{count / unit:.2g} {name}" if count < 10 * unit else f"{count / unit:.0f} {name}"
