"""A network as one file, a .ttsz: its tensors coded, and a manifest that says what they are.

The manifest says what the network is (``architecture``, ``settings``), what was done to it
(``summary`` in words, ``history`` as settings of stages, ``changes`` of each tensor), what run it
is of (``run``), and where its tensors are: ``tensors`` has ``[block, spec]`` of each by name, in
the order in which blocks hold them, or null of one that the architecture computes by itself.
"""

import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from tts_compress import container
from tts_compress.architectures import checkpoints
from tts_compress.architectures.base import Architecture
from tts_compress.architectures.checkpoints import FILE_READERS, Paths, fill
from tts_compress.container import Container
from tts_compress.encodings import Item, describe, pack, unpack
from tts_compress.errors import ArtifactError, nearest
from tts_compress.exporting import known
from tts_compress.manifest import checked, errors_of, may_compute, opened
from tts_compress.methods.base import Change
from tts_compress.quantized import Quantized
from tts_compress.recipe import Run

OWN_BLOCK = 4096
"""Weights from which on a tensor has a block of its own; smaller ones share the first block."""


@dataclass(frozen=True)
class Artifact:
    """A compressed network on disk.

    Attributes:
        path: The file.
        manifest: What it says.
        n_bytes: Size of the file.
    """

    path: Path
    manifest: dict[str, Any]
    n_bytes: int


class LostIntegersWarning(UserWarning):
    """A stage gave other values to tensors that were quantized, so that their file grows."""


def save(
    path: str | Path,
    model: nn.Module,
    changes: Sequence[Change] = (),
    *,
    run: Run | None = None,
    quantized: Mapping[str, Quantized] | None = None,
    history: Sequence[Mapping[str, Any]] = (),
) -> Artifact:
    """Writes a network to a file, whole or not at all; the same network gives the same bytes.

    Args:
        path: Where to; a file that is there is replaced.
        model: One of our architectures.
        changes: What was done to it.
        run: What it comes from; its stages end the history. Of a model that is a .ttsz, tensors
            stay the integers that they are there, where no stage gave them other values than 0.
        quantized: What its tensors were made of, by name, where stages quantized them.
        history: What was done before this run, as `history` gives it.

    Raises:
        ArtifactError: The network is not one of ours, a tensor is not what it was made of, or the
            run's model is an artifact that is damaged.
    """
    path = Path(path)
    network = known(model, path)
    forms = dict(quantized or {})
    if run and (names := quantized_names(run.model.path)):
        forms = _still_quantized(run.model.path, network) | forms
        _say_what_is_lost(run.model.path, names, names - forms.keys())
    blocks, tensors = _packed(network, forms, path)
    stages = [{"label": s.label, **s.model_dump(mode="json")} for s in run.stages] if run else []
    done = [*map(dict, history), *stages]
    manifest = {
        "architecture": network.architecture,
        "settings": network.settings.to_dict(),
        "summary": _summary(network, [stage["label"] for stage in done]),
        "history": done,
        "run": {"id": run.id, "model": list(run.model.sha256)} if run else None,
        "changes": [_rounded(change) for change in changes],
        "tensors": tensors,
    }
    container.write(path, manifest, blocks)
    return load(path)


def pack_checkpoint(
    path: str | Path, checkpoint: str | Path, config: Paths | None = None
) -> Artifact:
    """Writes any checkpoint as an artifact, without losing a bit; an artifact is coded anew.

    Args:
        path: Where to; a file that is there is replaced.
        checkpoint: What `load_model` of checkpoints takes.
        config: What comes with it.

    Raises:
        CheckpointError: The checkpoint cannot be read, or is an artifact that a config came with.
        ArtifactError: It is an artifact, and damaged.
    """
    checkpoint = Path(checkpoint)
    if not container.is_container(checkpoint):
        return save(path, checkpoints.load_model(checkpoint, config))
    checkpoints.check_no_config(checkpoint, config)
    manifest = load(checkpoint).manifest
    changes = [Change(**change) for change in manifest["changes"]]
    model, forms = load_quantized(checkpoint)
    return save(path, model, changes, quantized=forms, history=manifest["history"])


def _packed(
    network: Architecture, quantized: Mapping[str, Quantized], path: Path
) -> tuple[list[bytes], dict[str, Any]]:
    """Gives the blocks of a network, and where in them each of its tensors is."""
    state = {name: tensor.detach().cpu() for name, tensor in network.state_dict().items()}
    for name, form in quantized.items():
        if not _same(form.dense(), state[name]):
            raise ArtifactError(
                f"{path}: {name!r} is not what it was quantized to. Save it without its integers."
            )
    stored = _stored(network, state)
    small = [name for name in stored if state[name].numel() < OWN_BLOCK]
    shared = [small] if small else []
    blocks: list[bytes] = []
    tensors = dict[str, Any].fromkeys(state)
    for names in (*shared, *([name] for name in stored if name not in small)):
        items = [Item(state[name], quantized.get(name)) for name in names]
        specs = map(describe, items)
        tensors |= {name: [len(blocks), spec] for name, spec in zip(names, specs, strict=True)}
        blocks.append(pack(items))
    return blocks, tensors


def _still_quantized(source: Path, network: Architecture) -> dict[str, Quantized]:
    """Gives what tensors are made of that an artifact has as integers, other zeros set aside."""
    state, found = network.state_dict(), dict[str, Quantized]()
    for name, form in quantized(source).items():
        if name in state and state[name].shape == form.shape:
            tensor = state[name].detach().cpu()
            form = replace(form, levels=form.levels.masked_fill(tensor == 0, 0))
            if _same(form.dense(), tensor):
                found[name] = form
    return found


def stored_items(network: Architecture) -> list[Item]:
    """Gives the tensors that a file of a network has to hold, as they are."""
    state = network.state_dict()
    return [Item(state[name].detach().cpu()) for name in _stored(network, state)]


def _stored(network: Architecture, state: Mapping[str, Tensor]) -> list[str]:
    """Gives the names of tensors that are not what the architecture computes by itself."""
    computed = network.computed()
    stored = [n for n, t in state.items() if n not in computed or not _same(computed[n], t)]
    return stored if may_compute(state, stored) else list(state)


def _same(one: Tensor, other: Tensor) -> bool:
    """Whether two tensors are the same to the bit."""
    if one.dtype != other.dtype or one.shape != other.shape:
        return False
    bits = [tensor.contiguous().reshape(-1).view(torch.uint8) for tensor in (one, other)]
    return torch.equal(*bits)


def _summary(network: Architecture, labels: Sequence[str]) -> str:
    """Says in a sentence what a network is and what was done to it."""
    n_weights = sum(parameter.numel() for parameter in network.parameters())
    what = f"A {network.architecture} of {n_weights:,} weights"
    return f"{what}, compressed: {', '.join(labels)}." if labels else f"{what}, not compressed."


def _rounded(change: Change) -> dict[str, Any]:
    """Gives a change as plain values, without digits that nobody reads, nor what is no number."""
    stats = {key: value for key, value in change.stats.items() if math.isfinite(value)}
    short = {key: float(f"{value:.5g}") if value % 1 else value for key, value in stats.items()}
    return {**asdict(change), "stats": short}


def quantized_names(path: str | Path) -> set[str]:
    """Gives the names of tensors that a checkpoint holds as integers; none if it is no .ttsz."""
    path = Path(path)
    if not container.is_container(path):
        return set()
    places = load(path).manifest["tensors"]
    return {name for name, place in places.items() if place and "table" in place[1]}


def _say_what_is_lost(source: Path, names: AbstractSet[str], lost: AbstractSet[str]) -> None:
    if lost:
        warnings.warn(
            f"{source}: {len(lost)} of {len(names)} tensors that it holds as integers got other "
            f"values, such as {min(lost)!r}, and take the bytes of floats. Quantize them again.",
            LostIntegersWarning,
            stacklevel=3,
        )


def history(path: str | Path) -> list[dict[str, Any]]:
    """Gives the settings of the stages that a checkpoint went through; none if it is no .ttsz."""
    path = Path(path)
    if not container.is_container(path):
        return []
    return list(load(path).manifest["history"])


def load(path: str | Path) -> Artifact:
    """Gives an artifact once its manifest can be read; its tensors are checked as they are read.

    Raises:
        ArtifactError: The file is missing, altered, or of a newer format.
    """
    path = Path(path)
    contents = opened(path)
    return Artifact(path, contents.manifest, contents.n_bytes)


def load_model(path: str | Path) -> Architecture:
    """Gives the network of an artifact.

    Raises:
        ArtifactError: The artifact is damaged, or its parts do not make a network.
    """
    path = Path(path)
    contents, network = checked(path)
    with errors_of(path):
        return fill(network, dict(_values(contents, network)), "tensors")


def load_quantized(path: str | Path) -> tuple[Architecture, dict[str, Quantized]]:
    """Gives the network of an artifact, and what its tensors are made of, decoded once.

    Raises:
        ArtifactError: The artifact is damaged, or its parts do not make a network.
    """
    path = Path(path)
    contents, network = checked(path)
    with errors_of(path):
        parts = dict(_parts(contents))
        values = {name: _dense(value) for name, value in parts.items()}
        model = fill(network, values | _computed(contents, network), "tensors")
    return model, {name: form for name, form in parts.items() if isinstance(form, Quantized)}


def tensors(path: str | Path) -> Iterator[tuple[str, Tensor]]:
    """Gives the tensors of an artifact by name, a block at a time, so that no more are held.

    Raises:
        ArtifactError: The artifact is damaged.
    """
    yield from _values(*checked(Path(path)))


def tensor(path: str | Path, name: str) -> Tensor:
    """Gives one tensor, and reads nothing but its block; all, if the architecture computes it.

    Raises:
        ArtifactError: There is no such tensor, or the artifact is damaged.
    """
    contents, network = checked(Path(path))
    places = contents.manifest["tensors"]
    if name not in places:
        raise ArtifactError(f"{path}: no tensor {name!r}. {nearest(name, places)}")
    if places[name] is None:
        return dict(_values(contents, network))[name]
    return _dense(_block(contents, places[name][0])[name])


def quantized(path: str | Path) -> dict[str, Quantized]:
    """Gives what the tensors of an artifact are made of, by name, where stages quantized them.

    Raises:
        ArtifactError: The artifact is damaged.
    """
    contents, _ = checked(Path(path))
    return {name: form for name, form in _parts(contents) if isinstance(form, Quantized)}


def _values(contents: Container, network: Architecture) -> Iterator[tuple[str, Tensor]]:
    """Gives the tensors of a checked artifact, those of one block at a time.

    What the architecture computes comes last, when the widths that it is computed from have been
    found in the blocks: until then they are only what the file claims.
    """
    for name, value in _parts(contents):
        yield name, _dense(value)
    yield from _computed(contents, network).items()


def _computed(contents: Container, network: Architecture) -> dict[str, Tensor]:
    """Gives the tensors that no block of an artifact holds, as the architecture computes them."""
    names = [name for name, place in contents.manifest["tensors"].items() if place is None]
    computed = network.computed() if names else {}
    return {name: computed[name] for name in names}


def _parts(contents: Container) -> Iterator[tuple[str, Tensor | Quantized]]:
    """Gives what the blocks of a checked artifact hold, by name of the tensor."""
    for number in sorted({place[0] for place in contents.manifest["tensors"].values() if place}):
        yield from _block(contents, number).items()


def _dense(value: Tensor | Quantized) -> Tensor:
    return value.dense() if isinstance(value, Quantized) else value


def _block(contents: Container, number: int) -> dict[str, Tensor | Quantized]:
    """Decodes one block of a checked artifact."""
    places = contents.manifest["tensors"]
    names = [name for name, place in places.items() if place and place[0] == number]
    decoded = unpack(
        contents.block(number),
        [places[name][1] for name in names],
        f"{contents.path}: block {number}",
    )
    return dict(zip(names, decoded, strict=True))


FILE_READERS[container.MAGIC] = load_model
