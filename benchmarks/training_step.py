"""Seconds and peak memory of a training step at every size, on one thread.

    python benchmarks/training_step.py [--steps 3] [--batch-size 8]

Each architecture and size is measured in a process of its own, on random sentences of 5 seconds.
"""

import argparse
import json
import subprocess
import sys
import time
from itertools import product

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from tts_compress.metrics.cost import n_parameters, peak_rss_bytes
from tts_compress.training.features import Features
from tts_compress.training.settings import TrainSettings
from tts_compress.training.trainer import Trainer, new_network

FRAMES, SYMBOLS = 430, 62
STATISTICS = {"pitch_min": -3.0, "pitch_max": 3.0, "energy_min": -3.0, "energy_max": 3.0}


def random_sentence() -> Features:
    rng = np.random.default_rng(0)
    frames = np.full(SYMBOLS, FRAMES // SYMBOLS)
    frames[-1] += FRAMES - frames.sum()
    return Features(
        mel=rng.normal(size=(80, FRAMES)).astype(np.float32),
        tacotron2_ids=rng.integers(1, 148, SYMBOLS),
        tacotron2_frames=frames,
        fastspeech2_ids=rng.integers(1, 360, SYMBOLS),
        fastspeech2_frames=frames,
        pitch=rng.normal(size=SYMBOLS).astype(np.float32),
        energy=rng.normal(size=SYMBOLS).astype(np.float32),
    )


def measure(settings: TrainSettings, steps: int) -> tuple[int, float, int]:
    """Gives parameters, seconds a step, and bytes that training takes at its peak."""
    torch.set_num_threads(settings.threads)
    before = peak_rss_bytes()
    sentences = [random_sentence().example(settings.architecture)] * (settings.batch_size + 1)
    model = new_network(settings, STATISTICS)
    trainer = Trainer(settings, model, sentences[:-1], sentences[-1:])
    batches = trainer.batches()
    trainer.advance(next(batches))  # allocates what later steps use again
    started = time.perf_counter()
    for _ in range(steps):
        trainer.advance(next(batches))
    seconds = (time.perf_counter() - started) / steps
    return n_parameters(trainer.model), seconds, peak_rss_bytes() - before


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--only", nargs=3, metavar=("ARCHITECTURE", "SIZE", "PRECISION"))
    arguments = parser.parse_args()
    if arguments.only:
        architecture, size, precision = arguments.only
        settings = TrainSettings(
            architecture,
            size=size,
            batch_size=arguments.batch_size,
            n_validation=1,
            precision=precision,
        )
        print(json.dumps(measure(settings, arguments.steps)))
        return
    table = Table("architecture", "size", "precision", "parameters", "s per step", "memory MB")
    choices = (("tacotron2", "fastspeech2"), ("small", "full"), ("float32", "bfloat16"))
    for choice in product(*choices):
        command = [sys.executable, __file__, "--only", *choice]
        command += ["--steps", str(arguments.steps), "--batch-size", str(arguments.batch_size)]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        parameters, seconds, memory = json.loads(done.stdout.splitlines()[-1])
        table.add_row(*choice, f"{parameters:,}", f"{seconds:.2f}", f"{memory / 1e6:.0f}")
    Console().print(table)


if __name__ == "__main__":
    main()
