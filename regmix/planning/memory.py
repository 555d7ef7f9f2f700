"""Estimated bytes of memory that training takes, by what computes a run (``Setup.compute``). Nothing is run.

P parameters, L layers, D width, F ffn width, V vocabulary, H heads, T context, N tokens per step, d bytes per number in
products (4 in fp32, 2 in bf16).
"""

from __future__ import annotations

from dataclasses import dataclass

from regmix.core.model_shape import ModelShape
from regmix.engine.compute.kernels import BLOCK, LOGITS
from regmix.engine.compute.pytorch import fused
from regmix.engine.compute.pytorch.autograd import PASS_TOKENS as AUTOGRAD_PASS
from regmix.engine.compute.pytorch.fsdp import PASS_TOKENS as SHARDED_PASS
from regmix.engine.compute.pytorch.gpu import PASS_TOKENS as DEVICE_PASS
from regmix.engine.machine import Machine
from regmix.engine.train import TOKENS, ahead

_PASS = "a pass of N = {} tokens N (L (D (16 + 8 d) + F 4 d) + 12 D) and (2 d + 8) bytes per logit"
BATCHES = f"batches take 16 bytes per token: steps of {TOKENS} tokens together, or one step"
ABOUT = {
    "kernels": "a run of a stack takes 16 P bytes for weights, gradients and AdamW's moments; a process holds "
    f"activations of one block of N = max(T, {BLOCK}) tokens, 4 N (D (8 L + 11) + F (2 L + 2) + L H T)",
    "autograd": "a run of a stack takes 18 P, and " + _PASS.format(AUTOGRAD_PASS),
    "cuda": "a run of a stack takes 20 P, 4 P more if a step takes several passes, 2 P more in bf16, and "
    + _PASS.format(DEVICE_PASS),
    "sharded": f"a process takes its share of 16 P, the largest layer or the head, and {_PASS.format(SHARDED_PASS)}",
}


@dataclass(frozen=True)
class Training:
    """One run of ``shape`` with ``step`` tokens per step, computed by ``compute`` in ``shared`` processes."""

    shape: ModelShape
    step: int
    precision: str
    compute: str
    shared: int = 1

    @property
    def state(self) -> int:
        """Weights, gradients, moments and copies in bf16, in one process."""
        P, half = self.shape.parameters, self.precision == "bf16"
        if self.compute == "sharded":
            s = self.shape
            layer = 4 * s.width**2 + 3 * s.width * s.ffn + 2 * s.width
            gathered = max(layer, 2 * s.vocab * s.width + s.width)
            return 16 * P // self.shared + (4 + self._size) * gathered
        if self.compute == "cuda":  # a second, clipped copy of the gradients, and a third if passes are summed
            return P * (20 + 4 * (self.step > DEVICE_PASS) + 2 * half)
        return P * (16 + 2 * half)

    @property
    def activations(self) -> int:
        """Bytes saved from the forward to the backward pass, with logits: of one block, step or pass in one process."""
        s = self.shape
        if self.compute == "kernels":
            token = s.width * (8 * s.layers + 11) + s.ffn * (2 * s.layers + 2) + s.layers * s.heads * s.context
            tokens = max(s.context, min(BLOCK, self.step))
            return 4 * tokens * token + 4 * min(tokens * s.vocab, max(16 * s.vocab, LOGITS))
        most = {"autograd": AUTOGRAD_PASS, "cuda": DEVICE_PASS, "sharded": SHARDED_PASS}[self.compute]
        tokens = max(s.context, min(most, -(-self.step // self.shared)))
        token = s.layers * (s.width * (16 + 8 * self._size) + s.ffn * 4 * self._size) + 12 * s.width
        return tokens * token + (2 * self._size + 8) * min(fused.CHUNK, tokens) * s.vocab

    @property
    def side_by_side(self) -> bool:
        """Whether the activations of all runs of a stack exist at the same time; else the runs take turns."""
        return self.compute == "cuda" and self.step <= DEVICE_PASS

    @property
    def _size(self) -> int:
        return 2 if self.precision == "bf16" else 4


def batches(tokens: int) -> int:
    """Bytes of the batches that a process holds, from the tokens per step of all its runs."""
    return 16 * tokens * ahead(tokens)


def compute_of(target: bool, precision: str, machine: Machine) -> str:
    """What computes a target's or a proxy's runs on params.yaml's machine."""
    if machine.sharded and target:
        return "sharded"
    if machine.device == "cuda":
        return "cuda"
    return "kernels" if precision == "fp32" else "autograd"
