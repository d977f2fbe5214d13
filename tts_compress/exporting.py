"""Networks as files that other programs read: public checkpoints, and safetensors."""

import gzip
import io
import json
import os
from pathlib import Path

import safetensors.torch
import torch
from torch import Tensor, nn

from tts_compress.architectures import ARCHITECTURES
from tts_compress.architectures.base import Architecture
from tts_compress.architectures.reading import SETTINGS
from tts_compress.errors import ArtifactError
from tts_compress.files import replaced

PUBLIC = (".pt", ".pth", ".pth.tar")
SUFFIXES = (".safetensors", *PUBLIC, *(f"{suffix}.gz" for suffix in PUBLIC))
"""Endings of the files that a network can be exported to."""


def export(path: str | Path, model: nn.Module) -> int:
    """Writes a network to a file of the kind that its name ends with, and gives its size in bytes.

    Beside the tensors, which are float32, are the network's settings, which other programs pass
    over.

    Args:
        path: The file, of one of `SUFFIXES`; one that is there is replaced.
        model: One of our architectures.

    Raises:
        ArtifactError: The name ends otherwise, or the network is not one of ours.
    """
    path = Path(path)
    if not path.name.endswith(SUFFIXES):
        raise ArtifactError(
            f"{path}: no known kind of checkpoint by its name. Known: {', '.join(SUFFIXES)}."
        )
    if path.suffix == ".gz":
        return save_public_checkpoint(path, model)
    network = known(model, path)
    contents: bytes | memoryview = _public(network)
    if path.suffix == ".safetensors":
        settings = {SETTINGS: json.dumps(network.settings.to_dict())}
        contents = safetensors.torch.save(_tensors(network), settings)
    with replaced(path) as partial:
        partial.write_bytes(contents)
    return path.stat().st_size


def plain_name(checkpoint: Path) -> str:
    """Gives the name of a checkpoint without what says its kind.

    >>> plain_name(Path("models/my.voice")), plain_name(Path("900000.pth.tar"))
    ('my.voice', '900000')
    """
    name = Path(os.path.abspath(checkpoint)).name  # noqa: PTH100 (a link has a name of its own)
    kinds = [suffix for suffix in (*SUFFIXES, ".ttsz") if name.endswith(suffix)]
    return name.removesuffix(max(kinds, key=len, default=""))


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
    contents = _public(known(model, path))
    with (
        replaced(path) as partial,
        partial.open("wb") as file,
        gzip.GzipFile("", "wb", level, file, mtime=0) as packed,
    ):
        packed.write(contents)
    return path.stat().st_size


def known(model: nn.Module, where: Path) -> Architecture:
    """Gives a network once it is one of ours.

    Raises:
        ArtifactError: It is not.
    """
    if not isinstance(model, Architecture):
        raise ArtifactError(
            f"{where}: cannot save a {type(model).__name__}. Known: {', '.join(ARCHITECTURES)}."
        )
    return model


def _public(network: Architecture) -> memoryview:
    """Gives what the public project's torch.save would write, and the settings."""
    saved = io.BytesIO()  # not straight to disk: torch hides why a write failed
    tensors = network.as_public(_tensors(network))
    torch.save({network.public_key: tensors, SETTINGS: network.settings.to_dict()}, saved)
    return saved.getbuffer()


def _tensors(network: Architecture) -> dict[str, Tensor]:
    """Gives a copy of each tensor: torch saves the whole storage that a tensor looks into."""
    return {name: t.detach().cpu().clone() for name, t in network.state_dict().items()}
