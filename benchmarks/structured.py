"""Full-size networks with half of their units, against themselves: weights, work and time.

    python benchmarks/structured.py

The networks have their published sizes and random weights: what they cost does not depend on what
they say. Speech has a fixed length, so that both say equally much; both take turns on one thread.
"""

import copy
from collections.abc import Callable

import torch

from tts_compress.architectures.base import Architecture
from tts_compress.architectures.fastspeech2 import FastSpeech2
from tts_compress.architectures.tacotron2 import Tacotron2
from tts_compress.audio.mel import HOP_LENGTH, SAMPLE_RATE
from tts_compress.methods import Channels, Heads, Resize, Units
from tts_compress.methods.base import Context
from tts_compress.methods.structured import Structured
from tts_compress.metrics.macs import sentence_macs
from tts_compress.metrics.speed import real_time_factor, speedup, take_turns

N_IDS, N_FRAMES = 60, 420  # 4.9 s
RECIPES: dict[str, list[tuple[str, list[Structured]]]] = {
    "tacotron2": [
        ("LSTM units", [Units(sparsity=0.5, include=("rnn",))]),
        (
            "LSTM units, channels",
            [
                Units(sparsity=0.5, include=("rnn",)),
                Channels(sparsity=0.5, include=("encoder", "postnet")),
            ],
        ),
    ],
    "fastspeech2": [
        ("heads", [Heads(sparsity=0.5)]),
        ("channels", [Channels(sparsity=0.5)]),
        ("channels, hidden", [Channels(sparsity=0.5), Units(sparsity=0.5)]),
    ],
}


def speaker(model: Architecture) -> Callable[[], object]:
    """Gives a function that speaks one sentence of the fixed length."""
    ids, lengths = torch.full((1, N_IDS), 90), torch.tensor([N_IDS])
    if isinstance(model, Tacotron2):

        def speak() -> object:
            generator = torch.Generator().manual_seed(0)
            never = {"gate_threshold": 1.0, "max_steps": N_FRAMES}
            return model.infer(ids, lengths, generator=generator, **never)

        return speak
    durations = torch.full((1, N_IDS), N_FRAMES // N_IDS)
    return torch.no_grad()(lambda: model(ids, lengths, durations=durations))


def measure(dense: Architecture, name: str, stages: list[Structured]) -> None:
    model, context = copy.deepcopy(dense), Context()
    pruned = {tensor for stage in stages for tensor in stage.selected(model)}
    before = sum(p.numel() for n, p in model.named_parameters() if n in pruned)
    for stage in stages:
        stage(model, context)
    Resize()(model, context)
    after = sum(p.numel() for n, p in model.named_parameters() if n in pruned)
    n_all = [sum(p.numel() for p in m.parameters()) for m in (dense, model)]
    macs = [
        sum(layer.dense for layer in sentence_macs(m, N_IDS, N_FRAMES).values())
        for m in (dense, model)
    ]
    seconds = N_FRAMES * HOP_LENGTH / SAMPLE_RATE
    slow, fast = take_turns(
        (speaker(dense), seconds), (speaker(model), seconds), at_least=5, seconds=10
    )
    print(
        f"{dense.architecture:11}  half of {name:20}  weights {n_all[0] / 1e6:.1f} -> "
        f"{n_all[1] / 1e6:.1f} M  in the pruned tensors -{100 * (1 - after / before):.0f} %  "
        f"GMAC/s {macs[0] / seconds / 1e9:.2f} -> {macs[1] / seconds / 1e9:.2f}  RTF "
        f"{real_time_factor(slow):.3f} -> {real_time_factor(fast):.3f}  "
        f"{speedup(fast, slow):.2f} times as fast",
        flush=True,
    )


if __name__ == "__main__":
    torch.manual_seed(0)
    for network in (Tacotron2().eval(), FastSpeech2().eval()):
        for name, stages in RECIPES[network.architecture]:
            measure(network, name, stages)
