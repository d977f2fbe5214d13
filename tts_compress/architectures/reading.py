"""Tensors out of checkpoint files of others: no code is run, and sizes are checked."""

import gzip
import json
import pickle
import re
import tempfile
import warnings
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import safetensors.torch
import torch
from torch import Tensor

from tts_compress.errors import CheckpointError

MAX_BYTES = 4 * 2**30
MAX_HEADER_BYTES = 2**24
WRAPPERS = ("state_dict", "model", "generator")

_GZIP, _ZIP, _PICKLE = b"\x1f\x8b", b"PK\x03\x04", b"\x80"
_DAMAGED = (safetensors.SafetensorError, ValueError, KeyError, RecursionError)
_AGAIN = "Copy or download it again."


class _Ignored:
    """Stands for numbers that are no weights, such as ming024's learning rate; does nothing."""

    def __init__(self, *_: object) -> None:
        pass

    def __setstate__(self, _: object) -> None:
        pass


_NUMPY: list[Any] = [
    (_Ignored, name)
    for core in ("numpy.core.multiarray", "numpy._core.multiarray")
    for name in (f"{core}.scalar", f"{core}._reconstruct", "numpy.dtype", "numpy.ndarray")
]


SETTINGS = "tts_compress_settings"
"""Where a public checkpoint of ours keeps the settings that no tensor tells."""


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Gives the tensors of a checkpoint file, as `read_checkpoint` does."""
    return read_checkpoint(path)[0]


def read_checkpoint(path: Path) -> tuple[dict[str, Tensor], dict[str, Any] | None]:
    """Gives the tensors of a checkpoint file by name, without wrapper or ``module.`` prefix.

    The second value are the settings that our own checkpoints keep beside them, None in others.

    Known are what torch saves (zip, and the format before torch 1.6) and safetensors, each also
    gzipped. Nothing but tensors and plain values is ever unpickled.

    Raises:
        CheckpointError: The file is missing, empty, damaged, too large, of another kind, holds
            code, or holds no tensors.
    """
    if not path.is_file():
        raise CheckpointError(f"{path}: no such file. Check the path.")
    with _unzipped(path) as file:
        contents = _contents(path, file)
    tensors = _unwrap(path, contents)
    total = 0
    for name, tensor in tensors.items():
        total += _checked_numel(path, name, tensor)
        if 4 * total > MAX_BYTES:
            raise CheckpointError(_too_large(path, "hold"))
    if all(name.startswith("module.") for name in tensors):
        tensors = {name.removeprefix("module."): tensor for name, tensor in tensors.items()}
    settings = contents.get(SETTINGS)
    return tensors, settings if isinstance(settings, dict) else None


@contextmanager
def _unzipped(path: Path) -> Iterator[BinaryIO]:
    """Opens the file, or what is gzipped in it."""
    with path.open("rb") as file:
        if file.read(2) != _GZIP:
            yield file
            return
        file.seek(0)
        with tempfile.TemporaryFile() as plain:
            try:
                packed = gzip.GzipFile(fileobj=file)
                while block := packed.read(2**20):
                    if plain.tell() + len(block) > MAX_BYTES:
                        raise CheckpointError(_too_large(path, "unpack to"))
                    plain.write(block)
            except (EOFError, gzip.BadGzipFile, zlib.error) as error:
                raise CheckpointError(f"{path}: damaged gzip file ({error}). {_AGAIN}") from None
            yield plain


def _contents(path: Path, file: BinaryIO) -> Any:
    """Reads the file by what it starts with, whatever its name."""
    size = file.seek(0, 2)
    file.seek(0)
    start = file.read(16)
    file.seek(0)
    if size == 0:
        raise CheckpointError(f"{path}: empty file. {_AGAIN}")
    if size > MAX_BYTES:
        raise CheckpointError(_too_large(path, "have"))
    if start[8:9] == b"{":  # after the header's length, whose first byte may be that of a pickle
        header = int.from_bytes(start[:8], "little")
        if header > min(size - 8, MAX_HEADER_BYTES):
            raise CheckpointError(
                f"{path}: safetensors header of {header} bytes in a file of {size}. {_AGAIN}"
            )
        try:
            return _of_safetensors(file.read(), header)
        except _DAMAGED as error:
            raise CheckpointError(f"{path}: damaged safetensors file ({error}). {_AGAIN}") from None
    if start.startswith(_ZIP):
        _check_zip(path, file)
    if start.startswith((_ZIP, _PICKLE)):
        return _unpickled(path, file)
    raise CheckpointError(
        f"{path}: no checkpoint, starts with {start!r}. "
        "Give what torch.save wrote (.pt, .pth, .pth.tar), .safetensors, or a .ttsz as it is."
    )


def _of_safetensors(data: bytes, header: int) -> dict[str, Any]:
    """Gives the tensors of safetensors, and the settings that our own keep beside them."""
    contents: dict[str, Any] = dict(safetensors.torch.load(data))
    kept = json.loads(data[8 : 8 + header]).get("__metadata__") or {}
    if SETTINGS in kept:
        contents[SETTINGS] = json.loads(kept[SETTINGS])
    return contents


def _check_zip(path: Path, file: BinaryIO) -> None:
    try:
        entries = zipfile.ZipFile(file).infolist()
    except Exception as error:  # a damaged index fails in any way
        raise CheckpointError(_damaged(path, error)) from None
    if sum(entry.file_size for entry in entries) > MAX_BYTES:
        raise CheckpointError(_too_large(path, "unpack to"))
    if any(entry.filename.endswith("/constants.pkl") for entry in entries):
        raise CheckpointError(_holds_code(path, "TorchScript"))
    file.seek(0)


def _unpickled(path: Path, file: BinaryIO) -> Any:
    try:
        with warnings.catch_warnings(), torch.serialization.safe_globals(_NUMPY):
            warnings.simplefilter("ignore")
            return torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged pickle fails in any way
        code = re.search(r"GLOBAL ([\w.]+)", str(error))
        if isinstance(error, pickle.UnpicklingError) and code:
            raise CheckpointError(_holds_code(path, code[1])) from None
        raise CheckpointError(_damaged(path, error)) from None


def _unwrap(path: Path, contents: Any) -> dict[str, Tensor]:
    if isinstance(contents, Mapping):
        inside = (contents[key] for key in WRAPPERS if isinstance(contents.get(key), Mapping))
        found = next(inside, contents)
        tensors = {name: tensor for name, tensor in found.items() if isinstance(tensor, Tensor)}
        if tensors and all(isinstance(name, str) for name in tensors):
            return tensors
        held = ", ".join(repr(key) for key in list(contents)[:8]) or "nothing"
    else:
        held = f"one {type(contents).__name__}"
    raise CheckpointError(
        f"{path}: no tensors of a network, got {held}. "
        f"Known: a state dict, alone or under {', '.join(map(repr, WRAPPERS))}."
    )


def _checked_numel(path: Path, name: str, tensor: Tensor) -> int:
    """Gives how many numbers a tensor has; a plain one has each of them in the file."""
    plain = tensor.layout == torch.strided and tensor.device.type == "cpu"
    if (
        not plain
        or tensor.is_quantized
        or tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes()
    ):
        raise CheckpointError(
            f"{path}: {name!r} is no plain tensor, got {tensor.layout} {tensor.dtype} of shape "
            f"{tuple(tensor.shape)!r}. Save it dense, as float32 or float16."
        )
    return tensor.numel()


def _damaged(path: Path, error: Exception) -> str:
    """Names what a reader stumbled over; torch hides that in the middle of advice."""
    lines = re.sub(r".*WeightsUnpickler error:", "", str(error), flags=re.DOTALL).strip()
    what = lines.partition("\n")[0] or type(error).__name__
    return f"{path}: truncated, damaged, or not written by torch.save ({what}). {_AGAIN}"


def _too_large(path: Path, verb: str) -> str:
    return f"{path}: would {verb} more than {MAX_BYTES / 2**30:g} GiB. Give the weights alone."


def _holds_code(path: Path, what: str) -> str:
    return (
        f"{path}: holds code, which is never run, got {what!r}. Where the file comes from, save "
        "the tensors alone: torch.save(model.state_dict(), 'weights.pt')."
    )
