"""What the manifest of an artifact says, checked before anything is decoded or takes memory."""

import itertools
import reprlib
import sys
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn.modules.module import register_module_parameter_registration_hook

from tts_compress import container
from tts_compress.architectures import ARCHITECTURES
from tts_compress.architectures.base import Architecture
from tts_compress.architectures.checkpoints import skeleton
from tts_compress.container import Container
from tts_compress.errors import ArtifactError, CheckpointError, nearest
from tts_compress.methods.base import Change

AGAIN = "Save it again."

CHANGE = {entry.name for entry in fields(Change)}

LARGEST = sys.float_info.max
"""Of the numbers in statistics of changes."""

PARTS = {"architecture": str, "settings": dict, "summary": str, "history": list}
PARTS |= {"changes": list, "tensors": dict}
"""Parts of every manifest, and what they are."""

PLAIN = {str: "a text", dict: "names and values", list: "a list"}

MAX_MESSAGE = 800
"""Characters of a message that come from a file; one may hold anything."""

MAX_COMPUTED = 4
"""Values that are computed, at most, for each that is stored: so much a small file may ask for."""


def opened(path: Path) -> Container:
    """Gives the file of an artifact once its manifest has the parts that every one has.

    Raises:
        ArtifactError: The file is damaged, or none of ours.
    """
    contents = container.read(path)
    manifest, n_blocks = contents.manifest, len(contents.places)
    for key, kind in PARTS.items():
        if not isinstance(manifest.get(key), kind):
            raise _wrong(path, key, f"must be {PLAIN[kind]}", manifest.get(key))
    for stage in manifest["history"]:
        if not (isinstance(stage, dict) and isinstance(stage.get("label"), str)):
            raise _wrong(path, "history", "must be of stages with labels", stage)
    for change in manifest["changes"]:
        if not _is_change(change):
            raise _wrong(path, "changes", "must be of tensors", change)
    for name, place in manifest["tensors"].items():
        if place is not None and not _is_place(place, n_blocks):
            raise _wrong(path, "tensors", f"must say the block and form of {name!r:.80}", place)
    return contents


def _wrong(path: Path, key: str, rule: str, value: Any) -> ArtifactError:
    return ArtifactError(f"{path}: {key}: {rule}, got {reprlib.repr(value)}. {AGAIN}")


def _is_change(change: Any) -> bool:
    return (
        isinstance(change, dict)
        and change.keys() == CHANGE
        and isinstance(change["layer"], str)
        and isinstance(change["spec"], dict | None)
        and isinstance(stats := change["stats"], dict)
        and all(type(n) in (int, float) and abs(n) <= LARGEST for n in stats.values())
    )


def _is_place(place: Any, n_blocks: int) -> bool:
    return (
        isinstance(place, list)
        and len(place) == 2
        and type(place[0]) is int
        and 0 <= place[0] < n_blocks
        and isinstance(place[1], dict)
        and isinstance(shape := place[1].get("shape"), list)
        and all(type(size) is int for size in shape)
    )


def checked(path: Path) -> tuple[Container, Architecture]:
    """Gives the file of an artifact and its network without values, which have the same shapes.

    All that can be known without decoding is checked here, and takes no memory.

    Raises:
        ArtifactError: The file is damaged, or what it says of its network is no network.
    """
    contents = opened(path)
    manifest = contents.manifest
    name, places = manifest["architecture"], manifest["tensors"]
    if name not in ARCHITECTURES:
        raise ArtifactError(
            f"{path}: architecture: unknown, got {name!r:.80}. {nearest(name, ARCHITECTURES)}"
        )
    with errors_of(path), _at_most(len(places)):
        settings = ARCHITECTURES[name].Settings.from_dict(manifest["settings"])
        network = skeleton(settings, "settings")
    wanted = network.state_dict()
    if wanted.keys() != places.keys():
        odd = min(wanted.keys() ^ places.keys())
        what = "is missing" if odd in wanted else "has no place"
        raise ArtifactError(f"{path}: {odd!r:.80} {what} in this {name}. {AGAIN}")
    for tensor, place in places.items():
        shape = list(wanted[tensor].shape)
        if place is not None and place[1]["shape"] != shape:
            got = tuple(place[1]["shape"])
            raise ArtifactError(
                f"{path}: {tensor!r} has shape {got!r:.80}, this {name} expects {tuple(shape)!r}. "
                f"{AGAIN}"
            )
    with torch.device("meta"):
        computed = network.computed().keys()
    for tensor, place in places.items():
        if place is None and tensor not in computed:
            rule = f"must say the block of {tensor!r}, which nothing computes"
            raise _wrong(path, "tensors", rule, place)
    if not may_compute(wanted, [tensor for tensor, place in places.items() if place]):
        raise ArtifactError(f"{path}: holds too little of its tensors. {AGAIN}")
    return contents, network


def may_compute(state: Mapping[str, Tensor], stored: Collection[str]) -> bool:
    """Whether what is not stored of a network may be left to its settings."""
    sizes = {name: tensor.numel() for name, tensor in state.items()}
    held = sum(sizes[name] for name in stored)
    return sum(sizes.values()) - held <= MAX_COMPUTED * held


@contextmanager
def _at_most(n_tensors: int) -> Iterator[None]:
    """Stops a network from being built that has more parameters than a file holds tensors."""
    count = itertools.count(1)

    def registered(*_: object) -> None:
        if next(count) > 2 * n_tensors:  # factors are built after the weight that they replace
            raise ValueError(f"more tensors than the {n_tensors} of the file")

    hook = register_module_parameter_registration_hook(registered)
    try:
        yield
    finally:
        hook.remove()


@contextmanager
def errors_of(path: Path) -> Iterator[None]:
    """Makes errors of what a file says errors of the file."""
    try:
        yield
    except (ArtifactError, CheckpointError) as error:
        where = "" if str(error).startswith(f"{path}: ") else f"{path}: "
        raise ArtifactError(f"{where}{error!s:.{MAX_MESSAGE}}") from None
