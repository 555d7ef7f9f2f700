"""One run shared by several processes: computes what a stack computes, for P = 1, with FSDP2.

Every process has the whole batch, which follows from seed, step and schedule. Each of the W processes takes every W-th
sequence and receives the losses of the others, so logs, policies and ledgers are the same in all processes. The number
of processes changes only rounding. All processes must make the same calls in the same order.
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
from regmix.engine.compute.pytorch import arithmetic
from regmix.engine.compute.pytorch.module import DTYPES, Transformer
from regmix.engine.run import MOMENTS, RunState, Setup

PASS_TOKENS = 16384  # per process and forward and backward pass; gradients of several passes add up
EVAL_WINDOWS = 16  # validation windows per process and forward pass


class Sharded:
    """The run of ``state`` over the default process group, its tensors on ``device``.

    The state's tensors come from process 0. They are up to date only there, and only after ``gather``. Raises
    InputError if there are more processes than sequences per step.
    """

    def __init__(self, setup: Setup, state: RunState, device: torch.device) -> None:
        self.rank, self.world = dist.get_rank(), dist.get_world_size()
        if self.world > setup.recipe.sequences:
            raise InputError(
                f"target.recipe.sequences = {setup.recipe.sequences}: {self.world} processes share a step, and each "
                "needs a sequence; raise it or start fewer processes (machine.sharded)"
            )
        arithmetic.settle()
        self.setup, self.state, self.device = setup, state, device
        self.seen = 0  # checksum of all samples so far
        recipe = setup.recipe
        dtype = DTYPES[recipe.precision]
        self.model = Transformer(setup.shape, device, dtype)
        mesh = init_device_mesh(device.type, (self.world,))
        policy = MixedPrecisionPolicy(param_dtype=dtype, reduce_dtype=torch.float32, cast_forward_inputs=False)
        for module in (*self.model.blocks, self.model):
            fully_shard(module, mesh=mesh, mp_policy=policy)
        self.model.to_empty(device=device)
        # Stored here, because a module that is currently unsharded has other tensors under these names.
        self.weights = {name: p for name, p in self.model.named_parameters() if isinstance(p, DTensor)}
        self.optimizer = torch.optim.AdamW(
            self.weights.values(), lr=recipe.lr, betas=recipe.betas, weight_decay=recipe.weight_decay, fused=True
        )
        with torch.no_grad():
            for name, parameter in self.weights.items():
                parameter.copy_(self._sharded("weights", name))
                moments = {kind: torch.empty_like(parameter).copy_(self._sharded(kind, name)) for kind in MOMENTS}
                step = torch.tensor(float(state.step), device=device)
                self.optimizer.state[parameter] = {"step": step, **moments}
        state.tensors = {}

    def step(self, tokens: np.ndarray, counts: np.ndarray | None, lr: float) -> tuple[np.ndarray, np.ndarray]:
        """As ``Stack.step``, for P = 1; every process returns the losses of all sequences."""
        self.seen = zlib.crc32(tokens.tobytes(), self.seen)
        batch = torch.from_numpy(tokens[0])
        each = torch.ones(len(batch)) if counts is None else torch.from_numpy(counts[0])
        # FSDP averages over the processes; padding sequences have weight 0.
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
        """As ``Stack.evaluate``, split over the processes. Raises InputError if their samples differ."""
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
        """Update the tensors of the state, on process 0 only."""
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

    def _sharded(self, kind: str, name: str) -> DTensor:
        """A tensor of process 0's state, sharded like its parameter."""
        like = self.weights[name]
        full = torch.from_numpy(self.state.tensors[kind][name]) if self.rank == 0 else torch.empty(like.shape)
        return distribute_tensor(full.to(self.device), like.device_mesh, like.placements)

    def _losses(self, rows: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
        """See ``Transformer.forward``."""
        return self.model(rows.to(self.device), weights.to(self.device, torch.float32))

    def _own(self, rows: int) -> tuple[Tensor, Tensor]:
        """Indices of the ``rows`` this process takes, equally many per process, and which of them are not padding."""
        own = torch.arange(self.rank, -(-rows // self.world) * self.world, self.world)
        return own.clamp(max=rows - 1), own < rows

    def _whole(self, losses: Tensor, rows: int) -> Tensor:
        """The losses (rows, T) of all processes, on every process; exact, because only zeros are added."""
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
                f"run {self.state.run.name}: its processes trained on different samples, because its policy "
                "decided differently on them; use machines of the same kind"
            )
