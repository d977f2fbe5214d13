"""What compression did to each tensor of a network, as lines of ``layers.jsonl``."""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from tts_compress import artifact, container
from tts_compress.architectures.base import Architecture
from tts_compress.encodings import Item, pack
from tts_compress.files import replaced
from tts_compress.methods.selection import matches

OTHER = "other"


def stored_items(path: Path) -> dict[str, Item]:
    """Gives the tensors that an artifact holds, with what they are made of, block by block."""
    places = artifact.load(path).manifest["tensors"]
    model, forms = artifact.load_quantized(path)
    tensors = model.state_dict()
    stored = sorted((name for name, place in places.items() if place), key=lambda n: places[n][0])
    return {name: Item(tensors[name], forms.get(name)) for name in stored}


def coded_bytes(path: Path, items: Mapping[str, Item]) -> dict[str, float]:
    """Gives the bytes that each tensor takes in an artifact; those of a file's head are no one's.

    Tensors that share a block share its bytes by what each takes alone.

    Args:
        path: The artifact.
        items: Its tensors.
    """
    contents = container.read(path)
    blocks: dict[int, list[str]] = {}
    for name in items:
        blocks.setdefault(contents.manifest["tensors"][name][0], []).append(name)
    coded = dict[str, float]()
    for number, names in blocks.items():
        alone = {name: len(pack([items[name]])) for name in names} if names[1:] else {names[0]: 1}
        part = contents.size(number) / sum(alone.values())
        coded |= {name: part * size for name, size in alone.items()}
    return coded


def write_layers(
    path: Path,
    model: Architecture,
    dense: Iterable[tuple[str, Tensor]],
    coded: Mapping[str, float],
) -> None:
    """Writes one line for each trained tensor, in the order of the network.

    Args:
        path: The file; it is written whole or not at all.
        model: The network.
        dense: Tensors of the dense network by name, one at a time, so that no second network is
            held.
        coded: Bytes that each takes in the artifact.
    """
    order = {name: number for number, (name, _) in enumerate(model.named_parameters())}
    given = sorted(layers(model, dense, coded), key=lambda line: order[line["layer"]])
    with replaced(path) as partial:
        lines = (json.dumps(line) + "\n" for line in given)
        partial.write_text("".join(lines), encoding="utf-8")


def layers(
    model: Architecture, dense: Iterable[tuple[str, Tensor]], coded: Mapping[str, float]
) -> Iterator[dict[str, Any]]:
    """Gives of each tensor its shape, zeros and bytes, and how far it is from the dense one.

    The relative error is the norm of the difference by the norm of the dense tensor, 0 if nothing
    changed; it is left out where the shape changed or the dense tensor is all zero. Tensors that
    the dense network lacks, such as factors, come last, without what compares them.
    """
    parameters = dict(model.named_parameters())
    for name, was in dense:
        if name not in parameters:
            continue
        tensor = parameters.pop(name).detach().to(was)
        line = _line(model, name, tensor, coded)
        norm = float(torch.linalg.vector_norm(was.double()))
        if was.shape == tensor.shape and norm > 0:
            difference = torch.linalg.vector_norm(tensor.double() - was.double())
            line["relative_error"] = float(difference) / norm
        yield line | {"n_dense": was.numel()}
    for name, parameter in parameters.items():
        yield _line(model, name, parameter.detach(), coded)


def _line(
    model: Architecture, name: str, tensor: Tensor, coded: Mapping[str, float]
) -> dict[str, Any]:
    n_weights, n_zero = tensor.numel(), int((tensor == 0).sum())
    line: dict[str, Any] = {
        "layer": name,
        "group": _group(model, name),
        "shape": list(tensor.shape),
        "n_weights": n_weights,
        "n_zero": n_zero,
        "sparsity": n_zero / n_weights,
    }
    if name in coded:
        line["coded_bytes"] = round(coded[name], 1)
        line["bits_per_weight"] = round(8 * coded[name] / n_weights, 4)
    return line


def _group(model: Architecture, name: str) -> str:
    """Gives the last group that a weight, or that of a bias, is in: what it is, not where.

    Groups by place, such as ``decoder``, come first in every architecture.
    """
    weight = name.replace("bias", "weight")
    groups = [group for group, patterns in model.groups.items() if matches(weight, patterns)]
    return groups[-1] if groups else OTHER
