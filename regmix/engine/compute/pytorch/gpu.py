"""A stack of runs on one device, which is a GPU except in tests: see DeviceStack."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import cache

import numpy as np
import torch
from torch import Tensor
from torch.func import functional_call
from torch.nn.utils import get_total_norm
from torch.optim.adamw import adamw

from regmix.core.model_shape import ModelShape
from regmix.engine.compute.pytorch.module import DTYPES, Transformer
from regmix.engine.run import MOMENTS, RunState, Setup

PASS_TOKENS = 16384  # per forward and backward pass; gradients of several passes add up
SHAPES = 256  # models and pass sizes that one process can compile for; torch's default limit is 8
EAGER = 2  # eager steps before a graph is captured, in which kernels are compiled and loaded


class DeviceStack:
    """P runs on ``device``, each computed separately, so that P does not change a bit; ``gather`` updates the states.

    Weights and moments are float32. On a GPU the model is compiled. If a step is a single pass, a CUDA graph of all
    runs, each on its own stream, is captured and then replayed, so that several runs fill the device. The host waits
    once per step, for the losses. ``backend`` is torch.compile's; None: inductor on a GPU, otherwise no compilation.
    """

    def __init__(
        self, setup: Setup, states: Sequence[RunState], device: torch.device, backend: str | None = None
    ) -> None:
        self.setup, self.states, self.device = setup, states, device
        self._cuda = device.type == "cuda"
        if self._cuda:
            settle()
        shape, size = setup.shape, (len(states), setup.recipe.sequences)
        backend = backend or ("inductor" if self._cuda else None)
        self._model = _model(shape, device, DTYPES[setup.recipe.precision], backend)
        self._tensors = [
            {kind: {name: torch.tensor(state.tensors[kind][name], device=device) for name in shape.tensors()}
             for kind in ("weights", *MOMENTS)}
            for state in states
        ]  # fmt: skip
        self._weights = [{n: w.requires_grad_() for n, w in tensors["weights"].items()} for tensors in self._tensors]
        self._steps = [[torch.tensor(float(state.step), device=device) for _ in shape.tensors()] for state in states]
        self._tokens = _Buffer((*size, shape.context + 1), torch.int64, device)
        self._counts = _Buffer(size, torch.float32, device)
        self._losses = _Buffer((*size, shape.context), torch.float32, device)
        self._lr = torch.zeros((), device=device)
        self._rows = max(1, PASS_TOKENS // shape.context)  # sequences per pass
        self._small = self._cuda and size[1] <= self._rows
        self._streams = [torch.cuda.Stream(device) for _ in states] if self._small else []
        self._graph: torch.cuda.CUDAGraph | None = None
        self._eager = EAGER

    def step(self, tokens: np.ndarray, counts: np.ndarray | None, lr: float) -> tuple[np.ndarray, np.ndarray]:
        """One update on tokens (P, B, T+1). Mean loss (P,) and each token's (P, B, T) in nats, before the update.

        ``counts`` (P, B) weights the sequences in the mean; None: equally. Raises InputError if a token is outside
        the vocabulary, which would leave the device unusable.
        """
        self.setup.shape.check(tokens)
        each = np.ones(tokens.shape[:2], np.float32) if counts is None else counts
        self._tokens.put(tokens)
        self._counts.put(each / tokens.shape[1])
        self._lr.fill_(lr)
        if self._small and self._graph is None and self._eager == 0:
            self._graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(self._graph):
                self._update()
        if self._graph is not None:
            self._graph.replay()
        else:
            self._update()
            self._eager -= 1
        losses = self._losses.get()
        return np.array([row.mean() for row in losses * each[:, :, None]]), losses

    @torch.no_grad()
    def evaluate(self, logged: bool = False) -> dict[str, np.ndarray]:
        """Loss (P, W) in nats of every validation window by domain; with ``logged``, of the smaller set only.

        All passes have the same size (the last is padded), so no sum depends on the stack and one compilation suffices.
        """
        named = {n: rows[self.setup.logged[n]] if logged else rows for n, rows in self.setup.windows.items()}
        windows = np.concatenate(list(named.values()))
        size, count = min(self._rows, len(windows)), len(windows)
        filled = np.arange(-(-count // size) * size).clip(max=count - 1)
        passes, ones = torch.from_numpy(windows[filled]).to(self.device).split(size), self._lr.new_ones(size)
        losses = torch.stack([
            torch.cat([self._model(weights, rows, ones)[1].mean(-1) for rows in passes])[:count]
            for weights in self._weights
        ]).double().numpy(force=True)  # fmt: skip
        ends = np.cumsum([len(rows) for rows in named.values()])
        return dict(zip(named, np.split(losses, ends[:-1], axis=1), strict=True))

    def gather(self) -> None:
        """Update the tensors of the states."""
        for state, tensors in zip(self.states, self._tensors, strict=True):
            state.tensors = {
                kind: {name: value.numpy(force=True) for name, value in group.items()}
                for kind, group in tensors.items()
            }

    def _update(self) -> None:
        """One step of every run, from buffers to buffers, without waiting for the device."""
        if not self._streams:
            for p in range(len(self.states)):
                self._update_one(p)
            return
        here = torch.cuda.current_stream(self.device)
        for p, stream in enumerate(self._streams):
            stream.wait_stream(here)
            with torch.cuda.stream(stream):
                self._update_one(p)
        for stream in self._streams:
            here.wait_stream(stream)

    def _update_one(self, p: int) -> None:
        tokens, counts, losses = (b.device[p].split(self._rows) for b in (self._tokens, self._counts, self._losses))
        weights, grads = list(self._weights[p].values()), list[Tensor]()
        for rows, counted, out in zip(tokens, counts, losses, strict=True):
            total, loss = self._model(self._weights[p], rows, counted)
            out.copy_(loss)
            more = torch.autograd.grad(total, weights)
            # Fused AdamW ignores strides.
            grads = [a.add_(b) for a, b in zip(grads, more, strict=True)] if grads else [g.contiguous() for g in more]
        recipe, moments = self.setup.recipe, self._tensors[p]
        with torch.no_grad():
            scale = (recipe.clip / (get_total_norm(grads) + 1e-6)).clamp(max=1.0)
            adamw(
                weights, list(torch._foreach_mul(grads, scale)), list(moments["exp_avg"].values()),
                list(moments["exp_avg_sq"].values()), [], self._steps[p], fused=True, amsgrad=False,
                beta1=recipe.betas[0], beta2=recipe.betas[1], lr=self._lr, weight_decay=recipe.weight_decay, eps=1e-8,
                maximize=False,
            )  # fmt: skip


def on_gpu(setup: Setup, states: Sequence[RunState]) -> DeviceStack:
    """A stack on this process's current GPU."""
    return DeviceStack(setup, states, torch.device("cuda", torch.cuda.current_device()))


@cache
def _model(
    shape: ModelShape, device: torch.device, dtype: torch.dtype, backend: str | None
) -> Callable[[dict[str, Tensor], Tensor, Tensor], tuple[Tensor, Tensor]]:
    """``Transformer.forward`` with weights by name as an extra first argument; compiled once per process."""
    model = Transformer(shape, device, dtype)

    def losses(weights: dict[str, Tensor], tokens: Tensor, counts: Tensor) -> tuple[Tensor, Tensor]:
        return functional_call(model, weights, (tokens, counts))

    if not backend:
        return losses
    torch._dynamo.config.recompile_limit = SHAPES  # to the compiler, all models of a process are one function
    return torch.compile(losses, backend=backend, fullgraph=True, dynamic=False)


class _Buffer:
    """An array on the device with a pinned copy on the host, for asynchronous transfers."""

    def __init__(self, size: tuple[int, ...], dtype: torch.dtype, device: torch.device) -> None:
        self.device = torch.zeros(size, dtype=dtype, device=device)
        self._host = torch.zeros(size, dtype=dtype, pin_memory=device.type == "cuda")

    def put(self, value: np.ndarray) -> None:
        self._host.numpy()[...] = value
        self.device.copy_(self._host, non_blocking=True)

    def get(self) -> np.ndarray:
        """The content on the device, after all queued work is done."""
        self._host.copy_(self.device, non_blocking=True)
        if self.device.is_cuda:
            torch.cuda.current_stream(self.device.device).synchronize()
        return self._host.numpy().copy()


def settle() -> None:
    """Make GPU results in this process deterministic, with float32 products in full precision."""
    import torch._inductor.config as inductor  # takes a second; needed only on a GPU

    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    inductor.deterministic = True  # does not choose kernels by timing
    torch.use_deterministic_algorithms(True)
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    torch.set_float32_matmul_precision("highest")
    torch.backends.cuda.matmul.allow_bf16_reduced_precision_reduction = False
