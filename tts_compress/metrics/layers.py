"""What compression did to each tensor of a network, as lines of ``layers.jsonl``."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from tts_compress.architectures.base import Architecture
from tts_compress.files import replaced
from tts_compress.methods.selection import matches

OTHER = "other"


def write_layers(path: Path, model: Architecture, dense: Iterable[tuple[str, Tensor]]) -> None:
    """Writes one line for each trained tensor that the dense network has too.

    Args:
        path: The file; it is written whole or not at all.
        model: The network.
        dense: Tensors of the dense network by name, one at a time, so that no second network is
            held.
    """
    with replaced(path) as partial:
        lines = (json.dumps(line) + "\n" for line in layers(model, dense))
        partial.write_text("".join(lines), encoding="utf-8")


def layers(model: Architecture, dense: Iterable[tuple[str, Tensor]]) -> Iterator[dict[str, Any]]:
    """Gives of each tensor its shape, its zeros, and how far it is from the dense one.

    The relative error is the norm of the difference by the norm of the dense tensor, 0 if nothing
    changed; it is left out where the shape changed or the dense tensor is all zero.
    """
    parameters = dict(model.named_parameters())
    for name, was in dense:
        if name not in parameters:
            continue
        tensor = parameters[name].detach().to(was)
        n_zero = int((tensor == 0).sum())
        line: dict[str, Any] = {
            "layer": name,
            "group": _group(model, name),
            "shape": list(tensor.shape),
            "n_weights": tensor.numel(),
            "n_zero": n_zero,
            "sparsity": n_zero / tensor.numel(),
        }
        norm = float(torch.linalg.vector_norm(was.double()))
        if was.shape == tensor.shape and norm > 0:
            difference = torch.linalg.vector_norm(tensor.double() - was.double())
            line["relative_error"] = float(difference) / norm
        yield line | {"n_dense": was.numel()}


def _group(model: Architecture, name: str) -> str:
    """Gives the last group that a weight, or that of a bias, is in: what it is, not where.

    Groups by place, such as ``decoder``, come first in every architecture.
    """
    weight = name.replace("bias", "weight")
    groups = [group for group, patterns in model.groups.items() if matches(weight, patterns)]
    return groups[-1] if groups else OTHER
