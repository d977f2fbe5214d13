"""Seconds and peak memory of a training step at the full public sizes, on one thread.

    python benchmarks/training_step.py [--steps 3] [--batch-size 8]

Each architecture and size is measured in a process of its own, on random sentences of 5 seconds.
"""

import argparse
import json
import subprocess
import sys
import time

from rich.console import Console
from rich.table import Table

FRAMES, SYMBOLS = 430, 62


def measure(architecture: str, size: str, steps: int, batch_size: int, precision: str) -> None:
    import torch

    from tts_compress.metrics.cost import n_parameters, peak_rss_bytes
    from tts_compress.training.features import Features
    from tts_compress.training.loop import Trainer, TrainSettings
    import numpy as np

    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    frames = np.full(SYMBOLS, FRAMES // SYMBOLS)
    frames[-1] += FRAMES - frames.sum()
    sentence = Features(
        mel=rng.normal(size=(80, FRAMES)).astype(np.float32),
        tacotron2_ids=rng.integers(1, 148, SYMBOLS),
        tacotron2_frames=frames,
        fastspeech2_ids=rng.integers(1, 360, SYMBOLS),
        fastspeech2_frames=frames,
        pitch=rng.normal(size=SYMBOLS).astype(np.float32),
        energy=rng.normal(size=SYMBOLS).astype(np.float32),
    )
    before = peak_rss_bytes()
    settings = TrainSettings(
        architecture, size, batch_size=batch_size, n_validation=1, precision=precision
    )
    statistics = {f"{n}_{m}": v for n in ("pitch", "energy") for m, v in (("min", -3), ("max", 3))}
    trainer = Trainer(settings, [sentence] * (batch_size + 1), statistics)
    batches = trainer.batches()
    trainer.advance(next(batches))
    started = time.perf_counter()
    for _ in range(steps):
        trainer.advance(next(batches))
    seconds = (time.perf_counter() - started) / steps
    parameters = n_parameters(trainer.model)
    print(json.dumps([parameters, seconds, peak_rss_bytes() - before]))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--only", nargs=3, metavar=("ARCHITECTURE", "SIZE", "PRECISION"))
    arguments = parser.parse_args()
    if arguments.only:
        architecture, size, precision = arguments.only
        measure(architecture, size, arguments.steps, arguments.batch_size, precision)
        return
    table = Table("architecture", "size", "precision", "parameters", "s per step", "memory MB")
    for architecture in ("tacotron2", "fastspeech2"):
        for size in ("small", "full"):
            for precision in ("float32", "bfloat16"):
                out = subprocess.run(
                    [sys.executable, __file__, "--only", architecture, size, precision]
                    + ["--steps", str(arguments.steps), "--batch-size", str(arguments.batch_size)],
                    check=True,
                    capture_output=True,
                    text=True,
                ).stdout
                parameters, seconds, memory = json.loads(out.splitlines()[-1])
                table.add_row(
                    architecture,
                    size,
                    precision,
                    f"{parameters:,}",
                    f"{seconds:.2f}",
                    f"{memory / 1e6:.0f}",
                )
    Console().print(table)


if __name__ == "__main__":
    main()
