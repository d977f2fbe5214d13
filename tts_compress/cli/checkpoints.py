"""The commands that take one checkpoint: to hear it, to look into it, and to pack it."""

import os
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tts_compress.cli.arguments import CheckpointPath, Config, Device, Force
from tts_compress.cli.consoles import console, errors
from tts_compress.errors import CheckpointError, OutputError

if TYPE_CHECKING:
    from tts_compress.architectures.base import Architecture
    from tts_compress.architectures.checkpoints import Paths
    from tts_compress.quantized import Quantized


class Keep(StrEnum):
    """Numbers that weights can be kept in."""

    INT8 = "int8"


def synth(
    checkpoint: CheckpointPath,
    text: Annotated[list[str], typer.Argument(help="Sentences to speak.", show_default=False)],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the wav files.")] = Path(),
    config: Config = None,
    vocoder: Annotated[
        Path | None, typer.Option(help="HiFi-GAN generator; Griffin-Lim without it.")
    ] = None,
    vocoder_config: Annotated[Path | None, typer.Option(help="Its config.json.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of dropout and first phases.")] = 0,
    device: Device = "cpu",
    keep: Annotated[
        Keep | None,
        typer.Option(help="Let 8-bit weights of .ttsz files stay so, where that is faster."),
    ] = None,
) -> None:
    """Speak sentences with a checkpoint, one wav each."""
    from tts_compress import load_model
    from tts_compress.audio.wav import write_wav
    from tts_compress.int8 import check_device
    from tts_compress.synthesis import speak
    from tts_compress.synthesis import vocoder as make_vocoder

    if vocoder_config and not vocoder:
        raise CheckpointError(
            f"--vocoder-config: needs a vocoder, got {str(vocoder_config)!r} alone. "
            "Name the vocoder's checkpoint by --vocoder."
        )
    if keep:
        check_device(device)
    load = _load_int8 if keep else load_model
    model = load(checkpoint, config, device)
    generator = load(vocoder, vocoder_config, device, "hifigan") if vocoder else None
    speeches = speak(model, text, seed)
    out.mkdir(parents=True, exist_ok=True)
    wavs = iter(make_vocoder(generator, seed)([s.mel for s in speeches if s.audible]))
    for number, speech in enumerate(speeches, 1):
        if speech.failure:
            errors.print(f"{speech.text!r}: {speech.failure}", style="yellow")
        if speech.audible:
            path = out / f"{number:03d}.wav"
            write_wav(path, next(wavs))
            line = f"{path}  {speech.seconds:.2f} s  {speech.text!r}"
            console.print(line, soft_wrap=True, markup=False, highlight=False)


def _load_int8(
    path: Path, config: "Paths | None", device: str, architecture: str | None = None
) -> "Architecture":
    """Gives a network that runs on the 8-bit weights of its file where that is faster."""
    from tts_compress import artifact, container, load_model
    from tts_compress.architectures.checkpoints import check_no_config
    from tts_compress.int8 import keep_int8
    from tts_compress.plan import show_kept

    forms: dict[str, Quantized] = {}
    packed = container.is_container(path)
    if packed and architecture in (None, artifact.load(path).manifest["architecture"]):
        check_no_config(path, config)
        model, forms = artifact.load_quantized(path)
    else:
        model = load_model(path, config, device, architecture)
    show_kept(path, keep_int8(model, forms), console)
    return model


def inspect(
    checkpoint: CheckpointPath,
    config: Config = None,
    couplings: Annotated[
        bool, typer.Option("--couplings", help="Show what belongs together, and can leave.")
    ] = False,
) -> None:
    """Show the groups, shapes, parameters, sparsity and bytes of a checkpoint."""
    from tts_compress import load_model
    from tts_compress.plan import show_couplings, show_file, show_model

    model = load_model(checkpoint, config)
    show = show_couplings if couplings else show_model
    show(model, checkpoint, console)
    if not couplings:
        show_file(checkpoint, console)


def pack(
    checkpoint: CheckpointPath,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", help="The .ttsz file; here, by the checkpoint's name, by default."
        ),
    ] = None,
    config: Config = None,
    force: Force = False,
) -> None:
    """Pack a checkpoint into one small .ttsz file, without losing a bit."""
    from tts_compress import artifact
    from tts_compress.exporting import plain_name

    out = out or Path(f"{plain_name(checkpoint)}.ttsz")
    weights = checkpoint / "model.safetensors" if checkpoint.is_dir() else checkpoint
    _refuse(out, weights, force)
    n_bytes = artifact.pack_checkpoint(out, checkpoint, config).n_bytes
    _show_written(out, n_bytes, weights)


def unpack(
    file: Annotated[Path, typer.Argument(help="A .ttsz file.", show_default=False)],
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            "-o",
            help="The checkpoint: .safetensors, or as its public project saves it, "
            ".pt, .pth or .pth.tar, each also with .gz.",
            show_default=False,
        ),
    ],
    force: Force = False,
) -> None:
    """Unpack a .ttsz file to a checkpoint that other programs read."""
    from tts_compress.artifact import load_model
    from tts_compress.exporting import export

    _refuse(out, file, force)
    model = load_model(file)
    _show_written(out, export(out, model), file)
    if model.settings.ranks and out.suffix != ".safetensors":
        errors.print(
            f"{out}: {len(model.settings.ranks)} of its matrices are two factors, which the public "
            "project's own code does not know; tts_compress does.",
            style="yellow",
            soft_wrap=True,
        )


def _refuse(out: Path, source: Path, force: bool) -> None:
    """Keeps a file that is there, the source whatever is forced, and what is no place for one."""
    if out.is_dir():
        raise OutputError(f"{out}: is a folder. Name a file in it.")
    if not out.parent.is_dir():
        raise OutputError(f"{out}: cannot be written, {out.parent} is no folder. Make it first.")
    if not os.access(out.parent, os.W_OK):
        raise OutputError(f"{out}: cannot be written, {out.parent} is read-only. Name another.")
    if out.exists() and source.exists() and out.samefile(source):
        raise OutputError(f"{out}: is what would be read. Name another file.")
    if out.exists() and not force:
        raise OutputError(f"{out}: exists already. Name another file, or give --force.")


def _show_written(out: Path, n_bytes: int, source: Path) -> None:
    before = source.stat().st_size
    how = "smaller" if n_bytes < before else "larger"
    times = max(before, n_bytes) / min(before, n_bytes)
    than = f"{times:.2f} times {how} than" if n_bytes != before else "as many as"
    line = f"{out}  {n_bytes:,} bytes, {than} {source} of {before:,}"
    console.print(line, soft_wrap=True, markup=False, highlight=False)
