"""How long a network takes to load: as its checkpoint, and as a .ttsz, lossless and of few bits.

    python benchmarks/decoding.py

CPU seconds of one thread, the files in the page cache, in turns; the least of each. "decoded" is
all tensors of the file, without a network to hold them.
"""

import functools
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from keep import fastest
from size_subjects import ROOT, Subject, voice, widened

from tts_compress import artifact, load_model
from tts_compress.architectures.tacotron2 import Tacotron2
from tts_compress.exporting import export
from tts_compress.methods import Uniform
from tts_compress.methods.base import Context

TURNS = 3


def subjects() -> Iterator[Subject]:
    small = load_model(ROOT / "models" / "tacotron2-slt")
    assert isinstance(small, Tacotron2)
    yield voice("fastspeech2-slt", load_model(ROOT / "models" / "fastspeech2-slt"))
    yield voice("tacotron2-slt", small)
    yield voice("tacotron2 of 28 M", widened(small))


def written(subject: Subject, folder: Path) -> Iterator[tuple[str, Path]]:
    """Writes the files of a network, and gives them by what they are."""
    for what in ("model.safetensors", "model.pt"):
        export(folder / what, subject.dense)
        yield what, folder / what
    lossless = folder / "lossless.ttsz"
    artifact.save(lossless, subject.dense)
    yield "lossless .ttsz", lossless
    for bits in (8, 4, 3):
        model, context = subject.holding({}), Context()
        Uniform(bits=bits)(model, context)
        path = folder / f"{bits}.ttsz"
        artifact.save(path, model, quantized=context.quantized)
        yield f"{bits} bits .ttsz", path


def decoding(path: Path) -> Callable[[], object]:
    return lambda: sum(tensor.numel() for _, tensor in artifact.tensors(path))


def main() -> None:
    torch.set_num_threads(1)
    for subject in subjects():
        n_weights = sum(parameter.numel() for parameter in subject.dense.parameters())
        print(f"\n{subject.name}, {n_weights:,} weights")
        with tempfile.TemporaryDirectory() as folder:
            files = dict(written(subject, Path(folder)))
            loads = [functools.partial(load_model, path) for path in files.values()]
            packed = [path for path in files.values() if path.suffix == ".ttsz"]
            times = fastest(TURNS, *loads, *map(decoding, packed), clock=time.process_time)
            decoded = dict(zip(packed, times[len(files) :], strict=True))
            for (name, path), seconds in zip(files.items(), times, strict=False):
                only = f"  decoded {decoded[path]:.2f} s" if path in decoded else ""
                size = path.stat().st_size
                print(f"  {name:18} {size:>11,} bytes  loaded {seconds:.2f} s{only}", flush=True)


if __name__ == "__main__":
    main()
