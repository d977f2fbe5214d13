"""What a run leaves: the network packed in safetensors, and a manifest that says how to read it."""

import gzip
import io
import json
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from tts_compress.architectures import ARCHITECTURES
from tts_compress.architectures.base import Architecture
from tts_compress.architectures.checkpoints import FOLDER_READERS, build, content_hash
from tts_compress.architectures.reading import SETTINGS
from tts_compress.encodings import decode, encode
from tts_compress.errors import ArtifactError, CheckpointError, nearest
from tts_compress.files import replaced
from tts_compress.methods.base import Change
from tts_compress.recipe import Run

FORMAT = 1
"""The newest format of manifest.json that this version reads; it reads all from 1."""

WEIGHTS, MANIFEST = "model.safetensors", "manifest.json"


@dataclass(frozen=True)
class Artifact:
    """A compressed network on disk.

    Attributes:
        folder: Where its files are.
        manifest: What manifest.json says.
        n_bytes: Size of both files, as they are on disk.
    """

    folder: Path
    manifest: dict[str, Any]
    n_bytes: int


def save(
    folder: str | Path, model: nn.Module, changes: Sequence[Change], *, run: Run | None = None
) -> Artifact:
    """Writes a network to a new folder, whole or not at all; the same network gives the same bytes.

    Args:
        folder: Where to; must not exist.
        model: One of our architectures.
        changes: What was done to it.
        run: What it comes from, to be kept with it.

    Raises:
        ArtifactError: The folder exists, or the network is not one of ours.
    """
    folder = Path(folder)
    if folder.exists():
        raise ArtifactError(f"{folder}: exists already. Remove it or choose another folder.")
    network = _known(model, folder)
    parts: dict[str, Tensor] = {}
    tensors: dict[str, dict[str, Any]] = {}
    for name, tensor in network.state_dict().items():
        encoding, packed = encode(tensor.detach().cpu())
        tensors[name] = {"encoding": encoding, "shape": list(tensor.shape), "parts": list(packed)}
        parts |= {f"{name}:{part}": values for part, values in packed.items()}
    with _renamed_when_done(folder) as partial:
        (partial / WEIGHTS).write_bytes(safetensors.torch.save(parts))
        manifest = {
            "format": FORMAT,
            "architecture": network.architecture,
            "settings": network.settings.to_dict(),
            "sha256": content_hash(partial / WEIGHTS),
            "run": {"id": run.id, **run.resolved()} if run else None,
            "changes": [asdict(change) for change in changes],
            "tensors": tensors,
        }
        (partial / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
    return Artifact(folder, manifest, _size(folder))


def load(folder: str | Path) -> Artifact:
    """Gives an artifact once its manifest can be read and its tensors are those that were saved.

    Raises:
        ArtifactError: A file is missing or altered, or of a newer format.
    """
    folder = Path(folder)
    path = folder / MANIFEST
    if not path.is_file() or not (folder / WEIGHTS).is_file():
        raise ArtifactError(
            f"{folder}: no artifact, {MANIFEST} or {WEIGHTS} is missing. Save again."
        )
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ArtifactError(f"{path}: truncated or altered ({error}). Save it again.") from None
    number = manifest.get("format") if isinstance(manifest, dict) else None
    if not isinstance(number, int) or number < 1:
        raise ArtifactError(f"{path}: no manifest of an artifact, got format {number!r}.")
    if number > FORMAT:
        raise ArtifactError(
            f"{path}: format {number}, this version reads 1 to {FORMAT}. Upgrade tts_compress."
        )
    found = content_hash(folder / WEIGHTS)
    if found != manifest.get("sha256"):
        raise ArtifactError(
            f"{folder / WEIGHTS}: truncated or altered, got SHA-256 {found}, the manifest says "
            f"{manifest.get('sha256')}. Save it again."
        )
    return Artifact(folder, manifest, _size(folder))


def load_model(folder: str | Path) -> Architecture:
    """Gives the network of an artifact.

    Raises:
        ArtifactError: The artifact is damaged, or its parts do not make a network.
    """
    artifact = load(folder)
    where, manifest = artifact.folder / MANIFEST, artifact.manifest
    name = str(manifest.get("architecture"))
    if name not in ARCHITECTURES:
        raise ArtifactError(
            f"{where}: architecture: unknown, got {name!r}. {nearest(name, ARCHITECTURES)}"
        )
    try:
        settings = ARCHITECTURES[name].Settings.from_dict(manifest["settings"])
        parts = load_file(artifact.folder / WEIGHTS)
        tensors = {
            tensor: _decoded(tensor, packed, parts)
            for tensor, packed in manifest["tensors"].items()
        }
        return build(settings, tensors, "tensors")
    except (KeyError, TypeError, AttributeError, safetensors.SafetensorError) as error:
        raise ArtifactError(f"{where}: lacks or misstates {error}. Save it again.") from None
    except (ArtifactError, CheckpointError) as error:
        raise ArtifactError(f"{where}: {error}") from None


def tensors(folder: str | Path) -> Iterator[tuple[str, Tensor]]:
    """Gives the tensors of an artifact by name, one at a time, so that only one is held.

    Raises:
        ArtifactError: The artifact is damaged.
    """
    artifact = load(folder)
    with safetensors.safe_open(artifact.folder / WEIGHTS, "pt") as file:
        for name, packed in artifact.manifest["tensors"].items():
            keys = [f"{name}:{part}" for part in packed["parts"]]
            parts = {key: file.get_tensor(key) for key in keys}
            yield name, _decoded(name, packed, parts)


def _decoded(name: str, packed: dict[str, Any], parts: dict[str, Tensor]) -> Tensor:
    own = {part: parts.pop(f"{name}:{part}") for part in packed["parts"]}
    return decode(packed["encoding"], own, packed["shape"], name)


def save_public_checkpoint(path: str | Path, model: nn.Module, level: int = 6) -> int:
    """Writes a network as its public project saves it, gzipped, and gives the size in bytes.

    Beside the tensors are the network's settings, which public projects pass over: what a Tacotron2
    reads or how many heads a FastSpeech2 has is in no tensor.

    The size is that of one gzip stream of zlib at this level, so that it compares with published
    ones. The same network gives the same bytes, whatever the file's name and the time.

    Args:
        path: The file.
        model: One of our architectures.
        level: Effort of gzip, 1 to 9.

    Raises:
        ArtifactError: The network is not one of ours.
    """
    path = Path(path)
    network = _known(model, path)
    # A copy of each: torch saves the whole storage that a tensor looks into.
    tensors = {name: t.detach().cpu().clone() for name, t in network.state_dict().items()}
    saved = io.BytesIO()  # not straight to disk: torch hides why a write failed
    torch.save({network.public_key: tensors, SETTINGS: network.settings.to_dict()}, saved)
    with (
        replaced(path) as partial,
        partial.open("wb") as file,
        gzip.GzipFile("", "wb", level, file, mtime=0) as packed,
    ):
        packed.write(saved.getbuffer())
    return path.stat().st_size


def _known(model: nn.Module, where: Path) -> Architecture:
    if not isinstance(model, Architecture):
        raise ArtifactError(
            f"{where}: cannot save a {type(model).__name__}. Known: {', '.join(ARCHITECTURES)}."
        )
    return model


@contextmanager
def _renamed_when_done(folder: Path) -> Iterator[Path]:
    """Gives a folder beside this one, which takes its name at the end, or is removed."""
    partial = folder.with_name(f".{folder.name}.{os.getpid()}.tmp")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        yield partial
        partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _size(folder: Path) -> int:
    return sum((folder / name).stat().st_size for name in (WEIGHTS, MANIFEST))


FOLDER_READERS[MANIFEST] = load_model
