"""Convert a run's weights to transformers' LlamaForCausalLM, with identical logits."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from regmix.core.model_shape import ModelShape

if TYPE_CHECKING:
    from transformers import LlamaForCausalLM


def to_transformers(shape: ModelShape, weights: Mapping[str, np.ndarray], eos: int | None = None) -> LlamaForCausalLM:
    """The model with ``weights`` (named as in ModelShape.tensors); ``eos`` is its end-of-text token."""
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=shape.vocab,
        hidden_size=shape.width,
        intermediate_size=shape.ffn,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.heads,
        max_position_embeddings=shape.context,
        rms_norm_eps=1e-5,
        rope_parameters={"rope_type": "default", "rope_theta": 10000.0},
        tie_word_embeddings=False,
        bos_token_id=eos,
        eos_token_id=eos,
        pad_token_id=eos,
        dtype="float32",
    )
    model = LlamaForCausalLM(config)
    model.load_state_dict({name: torch.from_numpy(value) for name, value in _state(shape, weights).items()})
    return model.eval()


def save(model: LlamaForCausalLM, tokenizer: Path, eos: int, folder: Path) -> None:
    """Write a model and its tokenizer.json to a folder that transformers and lm-eval can read."""
    from transformers import PreTrainedTokenizerFast
    from transformers.utils import logging

    logging.disable_progress_bar()  # not needed for a file of one megabyte
    fast = PreTrainedTokenizerFast(tokenizer_file=str(tokenizer))
    end = fast.convert_ids_to_tokens(eos)
    fast.add_special_tokens({"eos_token": end, "bos_token": end, "pad_token": end})
    fast.model_max_length = model.config.max_position_embeddings
    model.save_pretrained(folder)
    fast.save_pretrained(folder)


def _state(shape: ModelShape, weights: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The state dict: transformers stores (out, in) matrices, and q, k and v separately."""
    state = {
        "model.embed_tokens.weight": weights["embed"],
        "model.norm.weight": weights["norm"],
        "lm_head.weight": weights["head"],
    }
    for i in range(shape.layers):
        layer = f"model.layers.{i}"
        q, k, v = np.split(weights[f"{i}.qkv"], 3, axis=1)
        matrices = {
            "self_attn.q_proj": q, "self_attn.k_proj": k, "self_attn.v_proj": v,
            "self_attn.o_proj": weights[f"{i}.o"],
            "mlp.gate_proj": weights[f"{i}.gate"], "mlp.up_proj": weights[f"{i}.up"],
            "mlp.down_proj": weights[f"{i}.down"],
        }  # fmt: skip
        state |= {f"{layer}.{name}.weight": np.ascontiguousarray(value.T) for name, value in matrices.items()}
        state[f"{layer}.input_layernorm.weight"] = weights[f"{i}.attention_norm"]
        state[f"{layer}.post_attention_layernorm.weight"] = weights[f"{i}.ffn_norm"]
    return state
