"""`synth --keep int8`: which layers integers make faster, and what they do to networks.

    python benchmarks/keep.py

One thread. First every kind of layer in the shapes of our networks, in turns with float32: the
rule of `tts_compress/int8.py` is from this table. Then networks whose weights are uniform of 8
bits: the seconds that each needs for a second of speech as its original checkpoint, as a .ttsz, and
as a .ttsz with its integers kept, in turns; and the mel distance of each to the original.
"""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from size_subjects import ROOT, SENTENCES, Subject, lines, voice, widened
from torch import Tensor, nn

from tts_compress import artifact, load_model
from tts_compress.architectures.base import Architecture
from tts_compress.architectures.tacotron2 import Tacotron2
from tts_compress.int8 import KERNELS, keep_int8
from tts_compress.methods import Uniform
from tts_compress.methods.base import Context
from tts_compress.metrics.mel import mel_mae_db
from tts_compress.metrics.speed import real_time_factor, speedup, take_turns
from tts_compress.quantized import Uniform as UniformForm
from tts_compress.synthesis import speak

SQUARES = [(128, 128), (256, 256), (512, 512), (1024, 512), (1024, 1024), (1536, 1024)]
CELLS = [(256, 256), (512, 384), (768, 512), (768, 768), (768, 1024), (1536, 1024)]
VOICE_CONVS = [(320, 128, 1), (128, 128, 3), (80, 128, 5), (256, 256, 3), (80, 512, 5)]
VOICE_CONVS += [(1024, 256, 1), (128, 320, 9), (512, 512, 5), (256, 1024, 9)]
VOCODER_CONVS = [(32, 32, 11), (64, 64, 7), (128, 128, 7), (256, 256, 7)]
SIZES: dict[str, list[tuple[int, ...]]] = {  # inputs, outputs, taps; the last is rows or frames
    "linear": [(*layer, rows) for layer in SQUARES for rows in (1, 16, 100, 500)],
    "LSTM cell": [(*layer, rows) for layer in CELLS for rows in (1, 8)],
    "convolution": [
        *((*layer, frames) for layer in VOICE_CONVS for frames in (60, 500)),
        *((*layer, 307_200 // layer[0]) for layer in VOCODER_CONVS),
    ],
}


def layer_of(kind: str, n_in: int, n_out: int, *rest: int) -> tuple[nn.Module, tuple[object, ...]]:
    """Gives a layer with random weights and what it hears."""
    if kind == "linear":
        return nn.Linear(n_in, n_out), (torch.randn(rest[0], n_in),)
    if kind == "LSTM cell":
        states = torch.randn(rest[0], n_out), torch.randn(rest[0], n_out)
        return nn.LSTMCell(n_in, n_out), (torch.randn(rest[0], n_in), states)
    taps, frames = rest
    conv = nn.Conv1d(n_in, n_out, taps, padding=(taps - 1) // 2)
    return conv, (torch.randn(1, frames, n_in).transpose(1, 2),)


def form_of(weight: Tensor) -> UniformForm:
    matrix = weight.detach().flatten(1)
    scale = matrix.abs().amax(1, keepdim=True) / 127
    levels = (matrix / scale).round().short()
    return UniformForm(levels.reshape(weight.shape), scale)


@torch.inference_mode()
def fastest(
    turns: int, *calls: Callable[[], object], clock: Callable[[], float] = time.perf_counter
) -> list[float]:
    """Gives the shortest time of each of some calls in turns, of which the first counts not."""
    times: list[list[float]] = [[] for _ in calls]
    for turn in range(turns):
        for call, took in zip(calls, times, strict=True):
            start = clock()
            call()
            if turn:
                took.append(clock() - start)
    return [min(took) for took in times]


def measure(kind: str, size: tuple[int, ...]) -> None:
    layer, heard = layer_of(kind, *size)
    weights = {name: weight for name, weight in layer.named_parameters() if weight.dim() > 1}
    ours = KERNELS[type(layer)](layer, {name: form_of(w) for name, w in weights.items()})
    n_weights = sum(weight.numel() for weight in weights.values())
    dense, kept = fastest(60, lambda: layer(*heard), lambda: ours(*heard))
    shape = " x ".join(map(str, size))
    print(
        f"{kind:12} {shape:20} {n_weights:>10,} weights  float32 {1e6 * dense:8.0f} us  "
        f"int8 {1e6 * kept:8.0f} us  {dense / kept:5.2f} x",
        flush=True,
    )


def networks() -> list[Subject]:
    small = load_model(ROOT / "models" / "tacotron2-slt")
    assert isinstance(small, Tacotron2)
    return [
        voice("fastspeech2-slt", load_model(ROOT / "models" / "fastspeech2-slt")),
        voice("tacotron2-slt", small),
        voice("tacotron2 of 28 M", widened(small)),
    ]


def compare(subject: Subject, folder: Path) -> None:
    model = subject.holding({})
    context = Context()
    Uniform(bits=8)(model, context)
    file = folder / "model.ttsz"
    artifact.save(file, model, quantized=context.quantized)
    packed, kept = artifact.load_model(file), artifact.load_model(file)
    report = keep_int8(kept, artifact.quantized(file))
    in_int8 = [layer for layer in report if layer.why is None]
    share = sum(layer.n_weights for layer in in_int8) / sum(layer.n_weights for layer in report)
    print(f"\n{subject.name}: {len(in_int8)} layers with {100 * share:.0f} % of weights in int8")
    text = lines(SENTENCES / "heldout.txt")[:1]
    networks: dict[str, Architecture] = {"dense": subject.dense, ".ttsz": packed, "int8": kept}
    spoken = {name: speak(network, text)[0] for name, network in networks.items()}
    turns = take_turns(
        *(
            (lambda network=network: speak(network, text), spoken[name].seconds)
            for name, network in networks.items()
        ),
        at_least=7,
        seconds=30,
    )
    for (name, network), factors in zip(networks.items(), turns, strict=True):
        print(
            f"  {name:6} RTF {real_time_factor(factors):.3f}  {speedup(factors, turns[0]):.2f} x  "
            f"mel {subject.distance(network):.3f} dB from dense",
            flush=True,
        )
    print(f"  int8 from .ttsz: mel {distance_between(subject, kept, packed):.3f} dB")


def distance_between(subject: Subject, one: Architecture, other: Architecture) -> float:
    pairs = list(zip(subject.says(one), subject.says(other), strict=True))
    return sum(mel_mae_db(ours, theirs) for ours, theirs in pairs) / len(pairs)


def main() -> None:
    torch.manual_seed(0)
    torch.set_num_threads(1)
    for kind, sizes in SIZES.items():
        for size in sizes:
            measure(kind, size)
    with tempfile.TemporaryDirectory() as folder:
        for subject in networks():
            compare(subject, Path(folder))


if __name__ == "__main__":
    main()
