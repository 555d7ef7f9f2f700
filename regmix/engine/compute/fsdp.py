"""One run shared by several processes: what a stack computes, by FSDP2 and for P = 1.

Every process knows the whole batch, which follows from seed, step and schedule, takes every W-th sequence of it,
W processes in all, and hears the losses of the others, so that logs, policies and ledgers are the same on all. The
number of processes changes rounding and nothing else. All processes must call every method alike.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor
from torch.nn.utils import clip_grad_norm_

from regmix.core.errors import InputError
from regmix.engine.compute.module import DTYPES, Transformer
from regmix.engine.run import MOMENTS, RunState, Setup

PASS_TOKENS = 16384  # of a process in one forward and backward pass; the gradients of several add up
EVAL_WINDOWS = 16  # validation windows of a process in one forward pass


class Sharded:
    """The run of ``state`` over the default process group, its tensors on ``device``.

    The state's tensors are taken from process 0, and current only after ``gather``, there alone. Raises InputError
    if there are more processes than sequences in a step.
    """

    def __init__(self, setup: Setup, state: RunState, device: torch.device) -> None:
        self.rank, self.world = dist.get_rank(), dist.get_world_size()
        if self.world > setup.recipe.sequences:
            raise InputError(
                f"target.recipe.sequences = {setup.recipe.sequences}: {self.world} processes share a step, and each "
                "needs a sequence; raise it or start fewer processes (machine.sharded)"
            )
        self.setup, self.state, self.device = setup, state, device
        self.seen = 0  # a checksum of all samples
        recipe = setup.recipe
        dtype = DTYPES[recipe.precision]
        self.model = Transformer(setup.shape, device, dtype)
        mesh = init_device_mesh(device.type, (self.world,))
        policy = MixedPrecisionPolicy(param_dtype=dtype, reduce_dtype=torch.float32, cast_forward_inputs=False)
        for module in (*self.model.blocks, self.model):
            fully_shard(module, mesh=mesh, mp_policy=policy)
        self.model.to_empty(device=device)
        # Kept, since a module that is not sharded at the moment shows other tensors under these names.
        self.weights = {name: p for name, p in self.model.named_parameters() if isinstance(p, DTensor)}
        self.optimizer = torch.optim.AdamW(
            self.weights.values(), lr=recipe.lr, betas=recipe.betas, weight_decay=recipe.weight_decay, fused=True
        )
        with torch.no_grad():
            for name, parameter in self.weights.items():
                parameter.copy_(self._parted("weights", name))
                moments = {kind: torch.empty_like(parameter).copy_(self._parted(kind, name)) for kind in MOMENTS}
                step = torch.tensor(float(state.step), device=device)
                self.optimizer.state[parameter] = {"step": step, **moments}
        state.tensors = {}

    def step(self, tokens: np.ndarray, counts: np.ndarray | None, lr: float) -> tuple[np.ndarray, np.ndarray]:
        """As ``Stack.step``, for P = 1; the losses of all sequences, on every process."""
        self.seen = zlib.crc32(tokens.tobytes(), self.seen)
        batch = torch.from_numpy(tokens[0])
        each = torch.ones(len(batch)) if counts is None else torch.from_numpy(counts[0])
        # FSDP takes the mean over the processes; a sequence that fills up counts for nothing.
        own, real = self._own(len(batch))
        weights = each[own] * real * (self.world / len(batch))
        size, losses = max(1, PASS_TOKENS // self.setup.shape.context), []
        for rows, weight in zip(batch[own].split(size), weights.split(size), strict=True):
            total, loss = self._losses(rows, weight)
            total.backward()
            losses.append(loss)
        clip_grad_norm_(self.weights.values(), self.setup.recipe.clip)
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        self.optimizer.step()
        self.optimizer.zero_grad()
        whole = self._whole(torch.cat(losses), len(batch))
        return (whole.mean(-1) * each).mean()[None].numpy(), whole[None].numpy()

    @torch.no_grad()
    def evaluate(self, logged: bool = False) -> dict[str, np.ndarray]:
        """As ``Stack.evaluate``, parted over the processes. Raises InputError if their samples differ."""
        self._check_samples()
        out = {}
        for name, windows in self.setup.windows.items():
            chosen = torch.from_numpy(windows[self.setup.logged[name]] if logged else windows)
            parts = []
            for chunk in chosen.split(EVAL_WINDOWS * self.world):
                own, real = self._own(len(chunk))
                parts.append(self._whole(self._losses(chunk[own], real)[1], len(chunk)).mean(-1))
            out[name] = torch.cat(parts)[None].double().numpy()
        return out

    def gather(self) -> None:
        """Bring the tensors of the state up to date, on process 0 alone."""
        groups = {"weights": self.weights} | {
            kind: {name: self.optimizer.state[parameter][kind] for name, parameter in self.weights.items()}
            for kind in MOMENTS
        }
        self.state.tensors = {kind: self._gathered(group) for kind, group in groups.items()}

    def _gathered(self, group: Mapping[str, DTensor]) -> dict[str, np.ndarray]:
        out = {}
        for name, value in group.items():
            with torch.no_grad():
                full = value.full_tensor()
            if self.rank == 0:
                out[name] = full.cpu().numpy()
        return out

    def _parted(self, kind: str, name: str) -> DTensor:
        """A tensor of process 0's state, sharded as the parameter is."""
        like = self.weights[name]
        full = torch.from_numpy(self.state.tensors[kind][name]) if self.rank == 0 else torch.empty(like.shape)
        return distribute_tensor(full.to(self.device), like.device_mesh, like.placements)

    def _losses(self, rows: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
        """See ``Transformer.forward``."""
        return self.model(rows.to(self.device), weights.to(self.device, torch.float32))

    def _own(self, rows: int) -> tuple[Tensor, Tensor]:
        """Which of ``rows`` this process takes, as many on every process, and whether each is not there to fill up."""
        own = torch.arange(self.rank, -(-rows // self.world) * self.world, self.world)
        return own.clamp(max=rows - 1), own < rows

    def _whole(self, losses: Tensor, rows: int) -> Tensor:
        """The losses (rows, T) of all processes on every one of them; adding zeros rounds nothing."""
        own, real = self._own(rows)
        out = losses.new_zeros(rows, losses.shape[1])
        out[own[real]] = losses[real]
        dist.all_reduce(out)
        return out.cpu()

    def _check_samples(self) -> None:
        seen = torch.tensor([self.seen, -self.seen], device=self.device)
        dist.all_reduce(seen, dist.ReduceOp.MIN)
        if int(seen[0]) != -int(seen[1]):
            raise InputError(
                f"run {self.state.run.name}: its processes trained on different samples, for its policy decided "
                "differently on them; start them on machines of one kind"
            )
