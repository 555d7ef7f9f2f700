"""Tensors in a safetensors file: a full disk raises OSError, and a digest detects damage."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

_DIGEST = "sha256"


def save(path: Path, tensors: Mapping[str, np.ndarray], metadata: Mapping[str, str] | None = None) -> None:
    """Write ``tensors``; with ``metadata``, the file has a digest of everything. Raises OSError."""
    header = None if metadata is None else {**metadata, _DIGEST: _digest(tensors, metadata)}
    try:
        save_file(dict(tensors), path, header)
    except SafetensorError as error:  # it contains the system's error only as text
        number = re.search(r"os error (\d+)", str(error))
        if number is None:
            raise
        raise OSError(int(number[1]), os.strerror(int(number[1])), str(path)) from None


def load(path: Path) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """The tensors and metadata that ``save`` wrote. Raises ValueError if the file is damaged, FileNotFoundError."""
    try:
        with safe_open(path, framework="np") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (not a mapping)
            metadata = dict(file.metadata() or {})
    except SafetensorError as error:
        raise ValueError(f"{path}: {error}") from None
    if metadata.pop(_DIGEST, None) != _digest(tensors, metadata):
        raise ValueError(f"{path}: damaged")
    return tensors, metadata


def _digest(tensors: Mapping[str, np.ndarray], metadata: Mapping[str, str]) -> str:
    out = hashlib.sha256(repr(sorted(metadata.items())).encode())
    for name, value in sorted(tensors.items()):
        out.update(f"{name} {value.dtype} {value.shape}".encode())
        out.update(np.ascontiguousarray(value).data)
    return out.hexdigest()
