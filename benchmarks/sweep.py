"""A whole sweep of the Tacotron2 voice, side by side with the script one would write first.

    python benchmarks/sweep.py [--recipe recipes/tacotron2/magnitude.yaml]

The script does the same runs in order, one sentence at a time, with a sort for every sparsity,
librosa's Griffin-Lim and the gzip module, on as many threads as torch takes. Nobody listens, and
nothing is compared with recordings, on either side; the sweep still takes all its other measures.
Where both sides' sizes and distances differ most is printed, and the ratio of the times.
"""

import argparse
import csv
import gzip
import io
import tempfile
import time
from fractions import Fraction
from pathlib import Path

import librosa
import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from tts_compress.architectures.checkpoints import load_model
from tts_compress.audio.mel import HOP_LENGTH, N_FFT, SAMPLE_RATE
from tts_compress.audio.wav import write_wav
from tts_compress.metrics.mel import mcd_dtw_db, mel_mae_db
from tts_compress.recipe import Recipe, Run, load
from tts_compress.sweep import sweep
from tts_compress.synthesis import Speech, follow, speak

ROOT = Path(__file__).parents[1]


def script(recipe: Recipe, folder: Path) -> dict[str, dict[str, float]]:
    """Does the runs the plain way and gives the numbers of each by the run's id."""
    dense: list[Speech] = []
    aligned: list[torch.Tensor] = []
    numbers = {}
    for run in recipe.runs:
        model = load_model(run.model.path)
        prune(model, run)
        buffer = io.BytesIO()
        torch.save({"state_dict": model.state_dict()}, buffer)
        packed = gzip.compress(buffer.getvalue(), compresslevel=6, mtime=0)
        (folder / f"{run.id}.pt.gz").write_bytes(packed)
        speeches = [speak(model, [text], run.evaluate.seed)[0] for text in run.evaluate.sentences]
        dense = dense or speeches
        followed = [follow(model, [speech], run.evaluate.seed)[0] for speech in dense]
        aligned = aligned or followed
        for number, speech in enumerate(speeches):
            write_wav(folder / f"{run.id}-{number}.wav", librosa_griffin_lim(speech.mel))
        pairs = list(zip(speeches, dense, strict=True))
        numbers[run.id] = {
            "gzip_bytes": len(packed),
            "mcd_dtw_db": float(np.mean([mcd_dtw_db(a.mel, b.mel) for a, b in pairs])),
            "mel_mae_db": float(
                np.mean([mel_mae_db(*p) for p in zip(followed, aligned, strict=True)])
            ),
        }
    return numbers


def prune(model: torch.nn.Module, run: Run) -> None:
    """Zeroes the smallest of the recurrent and convolution weights with one sort over all."""
    for stage in run.stages:
        names = stage.selected(model)
        weights = [model.get_parameter(name) for name in names]
        flat = torch.cat([weight.detach().flatten() for weight in weights])
        n_pruned = int(Fraction(str(stage.sparsity)) * len(flat))
        flat[torch.argsort(flat.abs(), stable=True)[:n_pruned]] = 0
        for weight, part in zip(weights, flat.split([w.numel() for w in weights]), strict=True):
            weight.data.copy_(part.view_as(weight))


def librosa_griffin_lim(mel: torch.Tensor) -> torch.Tensor:
    magnitude = librosa.feature.inverse.mel_to_stft(
        np.exp(mel.numpy()), sr=SAMPLE_RATE, n_fft=N_FFT, power=1.0, fmin=0, fmax=8000
    )
    wav = librosa.griffinlim(magnitude, n_iter=60, hop_length=HOP_LENGTH, random_state=0)
    return torch.from_numpy(wav)


def ours(recipe: Recipe, folder: Path) -> dict[str, dict[str, float]]:
    sweep(recipe, folder, Console(quiet=True), jobs=2)
    with (folder / recipe.name / "results.csv").open() as file:
        return {
            row["run"]: {
                key: float(value)
                for key, value in row.items()
                if key.endswith(("_bytes", "_db")) and value
            }
            for row in csv.DictReader(file)
        }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--recipe", type=Path, default=ROOT / "recipes/tacotron2/magnitude.yaml")
    recipe = unheard(load(parser.parse_args().recipe))
    seconds, results = {}, {}
    for name, run in (("tts-compress", ours), ("script", script)):
        with tempfile.TemporaryDirectory() as folder:
            started = time.perf_counter()
            results[name] = run(recipe, Path(folder))
            seconds[name] = time.perf_counter() - started
    console = Console()
    console.print(differences(recipe, results))
    for name, value in seconds.items():
        console.print(f"{name}: {value:.1f} s for {len(recipe.runs)} runs")
    console.print(f"ratio: {seconds['script'] / seconds['tts-compress']:.2f}")


def unheard(recipe: Recipe) -> Recipe:
    """Leaves out who listens and what the speech is compared with, which the script has not."""
    nobody = {"recognizer": None, "recognizer_sha256": None, "recordings": (), "predictors": ()}
    evaluate = recipe.runs[0].evaluate.model_copy(update=nobody)
    runs = tuple(run.model_copy(update={"evaluate": evaluate}) for run in recipe.runs)
    return recipe.model_copy(update={"runs": runs})


def differences(recipe: Recipe, results: dict[str, dict[str, dict[str, float]]]) -> Table:
    """Both sides' numbers of the runs in which they differ most."""
    table = Table("metric", "tts-compress", "script", "in run", title="largest differences")
    for metric in ("gzip_bytes", "mcd_dtw_db", "mel_mae_db"):
        pairs = [
            (results["tts-compress"][run.id][metric], results["script"][run.id][metric], run.name)
            for run in recipe.runs
        ]
        ours, theirs, name = max(pairs, key=lambda pair: abs(pair[0] - pair[1]))
        table.add_row(metric, f"{ours:.6g}", f"{theirs:.6g}", name)
    return table


if __name__ == "__main__":
    main()
