"""Networks whose weights are two factors, against themselves: parameters, work, time and speech.

    python benchmarks/low_rank.py

Both networks speak a sentence of a fixed length in turns, on one thread. The embedded voices also
follow their own dense speech of held-out sentences, with factors that are nearest as such and as
weighted by calibration sentences. The full-size Tacotron2 has random factors: only its time counts.
"""

import copy
from collections.abc import Sequence
from pathlib import Path

import torch
from structured import N_FRAMES, N_IDS, speaker

from tts_compress import load_model
from tts_compress.architectures.base import Architecture
from tts_compress.architectures.tacotron2 import Tacotron2, Tacotron2Settings
from tts_compress.audio.mel import HOP_LENGTH, SAMPLE_RATE
from tts_compress.methods.base import Context
from tts_compress.methods.low_rank import LowRank
from tts_compress.methods.rebuilding.factors import targets
from tts_compress.metrics.macs import sentence_macs
from tts_compress.metrics.mel import mel_mae_db
from tts_compress.metrics.speed import real_time_factor, speedup, take_turns
from tts_compress.synthesis import Speech, follow, speak

ROOT = Path(__file__).parents[1]
SENTENCES = ROOT / "recipes" / "sentences"
VOICES = ("fastspeech2-slt", "tacotron2-slt")
N_CALIBRATION, N_SPOKEN = 24, 16


def lines(name: str, n: int) -> list[str]:
    return (SENTENCES / f"{name}.txt").read_text(encoding="utf-8").splitlines()[:n]


def distance(model: Architecture, speech: Sequence[Speech], dense: Sequence[torch.Tensor]) -> float:
    """Mean absolute difference of mels in the timing of the dense network, in dB."""
    pairs = zip(follow(model, speech), dense, strict=True)
    return sum(mel_mae_db(ours.numpy(), theirs.numpy()) for ours, theirs in pairs) / len(dense)


def of_equal_shares(dense: Tacotron2, budget: float) -> Tacotron2:
    """A network of random factors, each with this fraction of the parameters of its weight."""
    found = targets(dense, dict(dense.named_parameters()), "weights")
    ranks = {t.name: int(budget * t.size / t.cost) for t in found if t.shrinks(1)}
    return Tacotron2(Tacotron2Settings(ranks={n: rank for n, rank in ranks.items() if rank})).eval()


def factored(dense: Architecture, stage: LowRank, heard: Sequence[Speech]) -> Architecture:
    model = copy.deepcopy(dense)
    stage(model, Context(say=lambda: heard))
    return model


def measure(dense: Architecture, model: Architecture, label: str, speech: Sequence[Speech]) -> None:
    sizes = [sum(p.numel() for p in network.parameters()) / 1e6 for network in (dense, model)]
    work = [
        sum(layer.dense for layer in sentence_macs(network, N_IDS, N_FRAMES).values())
        for network in (dense, model)
    ]
    seconds = N_FRAMES * HOP_LENGTH / SAMPLE_RATE
    slow, fast = take_turns(
        (speaker(dense), seconds), (speaker(model), seconds), at_least=5, seconds=5
    )
    far = f"{distance(model, speech, follow(dense, speech)):.2f} dB" if speech else ""
    print(
        f"{label:32} {len(model.settings.ranks):3} tensors  "
        f"{sizes[0]:5.2f} -> {sizes[1]:5.2f} M  GMAC/s {work[0] / seconds / 1e9:.2f} -> "
        f"{work[1] / seconds / 1e9:.2f}  RTF {real_time_factor(slow):.4f} -> "
        f"{real_time_factor(fast):.4f}  {speedup(fast, slow):.2f} times as fast  {far}",
        flush=True,
    )


def main() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    for voice in VOICES:
        dense = load_model(ROOT / "models" / voice)
        heard = speak(dense, lines("calibration", N_CALIBRATION))
        speech = speak(dense, lines("heldout", N_SPOKEN))
        print(voice)
        amounts = ({"budget": 0.5}, {"budget": 0.25}, {"energy": 0.5}, {"energy": 0.25})
        stages = [LowRank(**a, weighted=weighted) for a in amounts for weighted in (False, True)]
        if isinstance(dense, Tacotron2):
            stages += [
                LowRank(budget=0.5, lstm=lstm, weighted=True) for lstm in ("jointly", "gates")
            ]
        for stage in stages:
            measure(dense, factored(dense, stage, heard), stage.label, speech)
    print("tacotron2 of full size")
    dense = Tacotron2().eval()
    for budget in (0.5, 0.25):
        measure(dense, of_equal_shares(dense, budget), f"{100 * budget:g} % of each", ())


if __name__ == "__main__":
    main()
