"""Results to build tests of: runs whose wavs are noise in the rhythm of speech."""

import json
from io import StringIO

import numpy as np
import soundfile
from rich.console import Console

from tts_compress.listening.building.build import build_test
from tts_compress.listening.built import BuiltTest

RATE = 16000
TEXTS = ["One bird.", "Two birds.", "Three birds.", "Four birds."]
RUNS = {"id0": "dense", "id1": "magnitude 40 %", "id2": "magnitude 80 %", "id3": "magnitude 90 %"}
FORM = """
kind: {kind}
systems:
  dense: tiny/dense
  small: tiny/magnitude 40 %
  smaller: tiny/id2
{more}
"""


def speech(seed, seconds=0.8, rate=RATE, level=0.1):
    """Noise ``(samples,)`` below 5 kHz whose level goes up and down as that of syllables does."""
    chance = np.random.default_rng(seed)
    n = int(seconds * rate)
    spectrum = np.fft.rfft(chance.normal(size=n))
    spectrum[np.fft.rfftfreq(n, 1 / rate) > 5000] = 0
    return level * np.fft.irfft(spectrum, n) * (1 + np.sin(8 * np.pi * np.arange(n) / rate))


def make_runs(folder, recipe="tiny", recordings=True):
    """Writes results of a recipe: four runs of four sentences, and recordings of three."""
    results = folder / recipe
    for number, id in enumerate(RUNS):
        wavs = results / id / "wavs"
        wavs.mkdir(parents=True)
        for sentence in range(1, 5):
            wave = speech(10 * number + sentence, 0.8 + 0.05 * number)
            soundfile.write(wavs / f"{sentence:03}.wav", wave, RATE)
        (results / id / "DONE").touch()
    said = {"name": recipe, "runs": [{"id": id, "name": name} for id, name in RUNS.items()]}
    (results / "recipe.json").write_text(json.dumps(said | {"sentences": TEXTS}))
    if recordings:
        (results / "recordings").mkdir()
        for sentence in (1, 2, 3):
            path = results / "recordings" / f"{sentence:03}.wav"
            soundfile.write(path, speech(90 + sentence), RATE)
    return folder


def write_form(folder, kind, more="", name=None):
    """Writes a test file of three systems."""
    if kind in ("mushra", "dcr") and "\nreference" not in f"\n{more}":
        more += "\nreference: dense"
    path = folder / f"{name or kind}.yaml"
    path.write_text(FORM.format(kind=kind, more=more))
    return path


def build(folder, kind, more=""):
    """Builds a test of the results in ``folder/runs``; gives it, its folder, and what was said."""
    if not (folder / "runs").is_dir():
        make_runs(folder / "runs")
    said = StringIO()
    out = folder / f"built-{kind}"
    build_test(write_form(folder, kind, more), folder / "runs", out, Console(file=said))
    return BuiltTest.load(out), out, said.getvalue()
