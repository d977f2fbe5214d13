"""Checkpoints to networks and back: public dialects, strict loading, and voice folders."""

import fnmatch
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
import yaml
from pydantic import ValidationError
from torch import Tensor, nn

from tts_compress.architectures import ARCHITECTURES
from tts_compress.architectures.base import Architecture
from tts_compress.architectures.hifigan import fuse_weight_norm
from tts_compress.architectures.reading import read_checkpoint, read_tensors
from tts_compress.architectures.settings import ArchitectureSettings, first_problem
from tts_compress.errors import CheckpointError, nearest
from tts_compress.files import replaced

WEIGHTS, CONFIG = "model.safetensors", "config.json"

_MAX_CONFIG_BYTES = 2**20
_COUNTER = "num_batches_tracked"
_EXACT = ("*.position_enc", "*_bins", "*.running_mean", "*.running_var")

Paths = str | Path | Sequence[str | Path]

# How a file that is no public checkpoint is read, by its first bytes; artifact.py adds itself.
FILE_READERS: dict[bytes, Callable[[Path], Architecture]] = {}


def load_model(
    path: str | Path,
    config: Paths | None = None,
    device: str | torch.device = "cpu",
    architecture: str | None = None,
) -> Architecture:
    """Gives the network of a checkpoint in float32, ready to synthesize.

    Args:
        path: A voice folder, or a file: our own ``.ttsz``, what public projects save (``.pt``,
            ``.pth``, ``.pth.tar``, no extension) or ``.safetensors``, gzipped or not.
        config: What comes with a public checkpoint: ming024's model.yaml and preprocess.yaml, or
            HiFi-GAN's config.json. Needed where a model differs from the published one in what no
            tensor tells, such as the number of heads.
        device: Where the network goes.
        architecture: The one it must be; any by default.

    Raises:
        CheckpointError: The file cannot be read, or does not hold exactly the tensors of a network;
            it has its own settings, and a config came with it.
    """
    path = Path(path)
    if path.name == WEIGHTS and (path.parent / CONFIG).is_file():
        path = path.parent
    read = _load_voice if path.is_dir() else _reader(path)
    if read:
        check_no_config(path, config)
    model = read(path) if read else _load_file(path, config)
    if architecture not in (None, model.architecture):
        raise CheckpointError(
            f"{path}: not the architecture that is wanted, {architecture!r}, got "
            f"{model.architecture!r}. Give another checkpoint."
        )
    try:
        return model.to(device).eval()
    except (RuntimeError, AssertionError) as error:
        first = str(error).partition("\n")[0]
        raise CheckpointError(f"device: cannot use {device!r} ({first}). Use cpu.") from None


def check_no_config(path: Path, config: Paths | None) -> None:
    """Checks that nothing came with a checkpoint which says all of itself.

    Raises:
        CheckpointError: Something did.
    """
    if config:
        raise CheckpointError(
            f"{path}: has its own settings, got a config. Leave the config out; it comes with "
            "checkpoints of public projects."
        )


def build(
    settings: ArchitectureSettings, tensors: Mapping[str, Tensor], where: str | Path
) -> Architecture:
    """Gives the network of these settings with these tensors, in float32.

    Args:
        settings: Settings of any architecture.
        tensors: A value for every tensor of the network; BatchNorm's counters may be missing.
        where: Names the source in messages.

    Raises:
        CheckpointError: A tensor is missing, unknown, of another shape or kind, or not finite.
    """
    return fill(skeleton(settings, where), tensors, where)


def fill(model: Architecture, tensors: Mapping[str, Tensor], where: str | Path) -> Architecture:
    """Gives a network without values these tensors, as `build` does."""
    network = type(model)
    wanted = model.state_dict()
    given = {name: torch.zeros((), dtype=torch.long) for name in wanted if name.endswith(_COUNTER)}
    given.update(tensors)
    for name, target in wanted.items():
        if name not in given:
            raise _missing(where, name, network)
        given[name] = _fitted(where, name, given[name], target, network)
    unknown = [name for name in given if name not in wanted]
    if unknown:
        raise CheckpointError(
            f"{where}: {unknown[0]!r} has no place in this {network.architecture}, "
            f"got {len(unknown)} such tensors. Check that every tensor is of one network."
        )
    model.load_state_dict(given, assign=True)
    return model.eval()


def skeleton(settings: ArchitectureSettings, where: str | Path) -> Architecture:
    """Gives a network of these settings whose tensors have shapes, and no values or memory.

    Raises:
        CheckpointError: The settings contradict each other.
    """
    network = next(a for a in ARCHITECTURES.values() if isinstance(settings, a.Settings))
    try:
        return network.shaped(settings)  # allocates nothing, whatever the settings claim
    except (ArithmeticError, IndexError, RuntimeError, TypeError, ValueError) as error:
        first = str(error).partition("\n")[0]
        raise CheckpointError(
            f"{where}: no {network.architecture} can be built from its settings ({first}). "
            "Check that the settings and the tensors belong together."
        ) from None


def _fitted(
    where: str | Path, name: str, tensor: Tensor, target: Tensor, network: type[Architecture]
) -> Tensor:
    """Gives a copy of a tensor in the type of its target."""
    if tensor.shape != target.shape:
        raise CheckpointError(
            f"{where}: {name!r} has shape {tuple(tensor.shape)!r}, this {network.architecture} "
            f"expects {tuple(target.shape)!r}. Check that tensors and config belong together."
        )
    if target.is_floating_point() and not tensor.is_floating_point():
        raise CheckpointError(
            f"{where}: {name!r} must be of a floating type, got {tensor.dtype}. "
            "Save the weights as float32 or float16."
        )
    tensor = tensor.to(target.dtype, copy=True, memory_format=torch.contiguous_format)
    wrong = int((~torch.isfinite(tensor)).sum())
    if wrong:
        raise CheckpointError(
            f"{where}: {name!r} is not finite, got {wrong} NaN or infinite of {tensor.numel()} "
            "values. Use a checkpoint from before the training diverged."
        )
    return tensor


def _load_file(path: Path, config: Paths | None) -> Architecture:
    tensors, kept = read_checkpoint(path)
    tensors = fuse_weight_norm(tensors)
    network = next((a for a in ARCHITECTURES.values() if a.sign in tensors), None)
    if network is None:
        names = ", ".join(repr(name) for name in list(tensors)[:4])
        raise CheckpointError(
            f"{path}: tensors of no known architecture, such as {names}. "
            f"Known: {', '.join(sorted(ARCHITECTURES))}."
        )
    if kept is not None and not config:
        return build(network.Settings.from_dict(kept, f"{path}: settings"), tensors, path)
    merged = _read_configs(config)
    try:
        settings = network.Settings.from_tensors(tensors, merged)
    except CheckpointError as error:
        raise CheckpointError(f"{path}: {error}") from None
    except KeyError as error:
        raise _missing(path, str(error.args[0]), network) from None
    except ValidationError as error:
        raise CheckpointError(f"{path}: {first_problem(error)}. Check its config.") from None
    except (ArithmeticError, AttributeError, IndexError, TypeError, ValueError) as error:
        raise CheckpointError(
            f"{path}: no {network.architecture} can be told from its tensors and config ({error}). "
            "Give the config of this checkpoint."
        ) from None
    return build(settings, tensors, path)


def _reader(path: Path) -> Callable[[Path], Architecture] | None:
    """Gives what reads a file of our own; None for others, and for a path without a file."""
    if not path.is_file():
        return None
    with path.open("rb") as file:
        start = file.read(16)
    return next((read for magic, read in FILE_READERS.items() if start.startswith(magic)), None)


def _missing(where: str | Path, name: str, network: type[Architecture]) -> CheckpointError:
    return CheckpointError(
        f"{where}: {name!r} is missing, which every {network.architecture} of this shape has. "
        "Check that the checkpoint was saved whole."
    )


def _read_configs(config: Paths | None) -> dict[str, Any]:
    paths = [config] if isinstance(config, str | Path) else list(config or ())
    merged: dict[str, Any] = {}
    for path in paths:
        merged.update(_read_mapping(Path(path)))
    return merged


def _read_mapping(path: Path) -> dict[str, Any]:
    """Reads a small YAML or JSON file that holds names and values."""
    if not path.is_file():
        raise CheckpointError(f"{path}: no such file. Check the path of the config.")
    if path.stat().st_size > _MAX_CONFIG_BYTES:
        raise CheckpointError(f"{path}: too large for a config. Give a YAML or JSON file.")
    try:
        text = path.read_text(encoding="utf-8")
        values = json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
    except (ValueError, RecursionError, yaml.YAMLError) as error:
        first = " ".join(str(error).split())
        raise CheckpointError(f"{path}: neither YAML nor JSON ({first}). Correct it.") from None
    if not isinstance(values, dict):
        raise CheckpointError(f"{path}: must hold names and values, got {values!r}. Correct it.")
    return values


def _load_voice(folder: Path) -> Architecture:
    config = read_config(folder)
    network = ARCHITECTURES[config["architecture"]]
    settings = network.Settings.from_dict(config["settings"], f"{folder / CONFIG}: settings")
    return build(settings, read_tensors(folder / WEIGHTS), folder / WEIGHTS)


def read_config(folder: str | Path) -> dict[str, Any]:
    """Gives the config of a voice folder: architecture, settings, text, audio.

    Raises:
        CheckpointError: The folder is no voice, or its config lacks the architecture or settings.
    """
    folder = Path(folder)
    if (folder / "manifest.json").is_file():
        raise CheckpointError(
            f"{folder}: artifact of an older version, which this one does not read. "
            "Run the recipe again."
        )
    if not (folder / CONFIG).is_file() or not (folder / WEIGHTS).is_file():
        raise CheckpointError(
            f"{folder}: no voice, which has {CONFIG} and {WEIGHTS}. "
            "Give such a folder, or a checkpoint file."
        )
    config = _read_mapping(folder / CONFIG)
    name = config.get("architecture")
    if not isinstance(name, str) or name not in ARCHITECTURES:
        raise CheckpointError(
            f"{folder / CONFIG}: architecture: unknown, got {name!r}. "
            f"{nearest(str(name), ARCHITECTURES)}"
        )
    if not isinstance(config.get("settings"), dict):
        raise CheckpointError(
            f"{folder / CONFIG}: settings: must be names and values, got "
            f"{config.get('settings')!r}. Write the folder again with save_voice."
        )
    return config


def save_voice(
    folder: str | Path,
    model: nn.Module,
    *,
    text: Mapping[str, Any] | None = None,
    extra: Mapping[str, Any] | None = None,
    dtype: torch.dtype = torch.float16,
) -> None:
    """Writes a network as a voice folder; the same network gives the same bytes.

    What must not be rounded stays as it is: position tables, the edges of pitch and energy bins,
    and the statistics of BatchNorm.

    Args:
        folder: Where to; made if missing. Other files in it, such as a card, stay.
        model: One of our architectures.
        text: What to keep about its text front end.
        extra: Further entries of config.json, such as ``audio``.
        dtype: Type of the weights on disk.

    Raises:
        CheckpointError: The network is not one of ours, or a weight does not fit the type.
    """
    folder = Path(folder)
    if not isinstance(model, Architecture):
        raise CheckpointError(
            f"{folder}: cannot save a {type(model).__name__}. Known: {', '.join(ARCHITECTURES)}."
        )
    tensors: dict[str, Tensor] = {}
    for name, tensor in model.state_dict().items():
        exact = not tensor.is_floating_point() or any(fnmatch.fnmatch(name, p) for p in _EXACT)
        kept = tensor.to("cpu", tensor.dtype if exact else dtype, copy=True).contiguous()
        if not torch.isfinite(kept).all():
            raise CheckpointError(
                f"{folder}: {name!r} has values that are not finite in {dtype}, "
                f"got {float(tensor.abs().max())!r}. Save with dtype=torch.float32."
            )
        tensors[name] = kept
    config = {"architecture": model.architecture, "settings": model.settings.to_dict()}
    config |= {"text": dict(text or {}), **(extra or {})}
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / WEIGHTS, safetensors.torch.save(tensors))
    _write(folder / CONFIG, (json.dumps(config, indent=2) + "\n").encode())


def _write(path: Path, contents: bytes) -> None:
    """Writes a file whole or not at all."""
    with replaced(path) as partial:
        partial.write_bytes(contents)


def content_hash(path: str | Path) -> str:
    """Gives the SHA-256 of a file, or of a folder's files and their names.

    A folder's is that of the lines that ``sha256sum`` prints for its files in order of name; cards
    (``.md``) and logs (``.jsonl``) do not count.

    Raises:
        CheckpointError: There is no such file or folder.
    """
    path = Path(path)
    if path.is_file():
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    if not path.is_dir():
        raise CheckpointError(f"{path}: no such file or folder. Check the path.")
    names = sorted(
        file.relative_to(path).as_posix()
        for file in path.rglob("*")
        if file.is_file() and file.suffix not in (".md", ".jsonl")
    )
    lines = "".join(f"{content_hash(path / name)}  {name}\n" for name in names)
    return hashlib.sha256(lines.encode()).hexdigest()
