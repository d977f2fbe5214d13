"""Pitch trackers on sound of known pitch: why `track_pitch` is pYIN with the settings it has.

    pip install pyworld-prebuilt==0.3.6.post1 praat-parselmouth==0.4.7
    python benchmarks/pitch_trackers.py FOLDER_OF_WAVS [--sentences 8]

Speech of known pitch is made by WORLD: the F0 of a recording times a factor, and its envelope and
aperiodicity as they are. Then every frame's F0, and whether it has one, is what WORLD was given.
That F0 is DIO's, so DIO is judged kindly, and the pulses of WORLD are more regular than a voice.

- wrong: frames of which the voicing is wrong, of all; in brackets those that are voiced and missed.
- gross: frames voiced in both and more than 200 cents off, of those voiced in both.
- fine: root mean square error in cents of the others.
- noise: frames of white noise that are called voiced.
- seconds: time on one thread for a second of sound.

Praat is licensed GPL, so it is a peer here and no part of the package.
"""

import argparse
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import librosa
import numpy as np
import parselmouth
import pyworld

from tts_compress.audio.wav import read_wav
from tts_compress.metrics.prosody import F0_MAX, F0_MIN, HOP_LENGTH, SAMPLE_RATE, track_pitch

PERIOD = 1000 * HOP_LENGTH / SAMPLE_RATE
FACTORS = (0.6, 0.8, 1.0, 1.4)


def chosen(wav: np.ndarray) -> np.ndarray:
    return track_pitch(wav, SAMPLE_RATE).f0


def pyin(wav: np.ndarray, **settings: Any) -> np.ndarray:
    settings = {"frame_length": 1024, "fmin": F0_MIN, "fmax": F0_MAX, **settings}
    return librosa.pyin(wav, sr=SAMPLE_RATE, hop_length=HOP_LENGTH, **settings)[0]


def world(name: str, wav: np.ndarray) -> np.ndarray:
    tracker = getattr(pyworld, name)
    f0, times = tracker(wav, SAMPLE_RATE, F0_MIN, F0_MAX, frame_period=PERIOD)
    f0 = pyworld.stonemask(wav, f0, times, SAMPLE_RATE)
    return np.where(f0 > 0, f0, np.nan)


def praat(wav: np.ndarray) -> np.ndarray:
    sound = parselmouth.Sound(wav, SAMPLE_RATE)
    pitch = sound.to_pitch_ac(PERIOD / 1000, F0_MIN, pitch_ceiling=F0_MAX)
    times = np.arange(1 + len(wav) // HOP_LENGTH) * PERIOD / 1000
    return np.array([pitch.get_value_at_time(t) for t in times])


TRACKERS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "chosen: pYIN 640, 20 cents, mean 0.15": chosen,
    "pYIN, librosa's defaults": partial(pyin, frame_length=2048),
    "pYIN 1024": pyin,
    "pYIN 640": partial(pyin, frame_length=640),
    "pYIN 640, 20 cents": partial(pyin, frame_length=640, resolution=0.2),
    "WORLD DIO + StoneMask": partial(world, "dio"),
    "WORLD Harvest + StoneMask": partial(world, "harvest"),
    "Praat, autocorrelation": praat,
}


def speech_of_known_pitch(wav: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Sound and its F0, unvoiced as not a number, at each factor."""
    f0, times = pyworld.dio(wav, SAMPLE_RATE, frame_period=PERIOD)
    f0 = pyworld.stonemask(wav, f0, times, SAMPLE_RATE)
    envelope = pyworld.cheaptrick(wav, f0, times, SAMPLE_RATE)
    noise = pyworld.d4c(wav, f0, times, SAMPLE_RATE)
    return [
        (
            pyworld.synthesize(f0 * factor, envelope, noise, SAMPLE_RATE, PERIOD),
            np.where(f0 > 0, f0 * factor, np.nan),
        )
        for factor in FACTORS
    ]


def judge(found: np.ndarray, truth: np.ndarray) -> tuple[float, float, float, float]:
    """Wrong, missed and gross as fractions, fine in cents."""
    frames = min(len(found), len(truth))
    found, truth = found[:frames], truth[:frames]
    voiced, known = ~np.isnan(found), ~np.isnan(truth)
    cents = np.abs(1200 * np.log2(found / truth)[voiced & known])
    fine = np.sqrt(np.mean(cents[cents <= 200] ** 2))
    wrong, missed = np.mean(voiced != known), np.mean(known & ~voiced)
    return float(wrong), float(missed), float(np.mean(cents > 200)), float(fine)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("wavs", type=Path)
    parser.add_argument("--sentences", type=int, default=8)
    options = parser.parse_args()
    paths = sorted(options.wavs.glob("*.wav"), key=lambda path: path.stat().st_size)
    known = [
        pair
        for path in paths[: options.sentences]
        for pair in speech_of_known_pitch(read_wav(path).double().numpy())
    ]
    noise = np.random.default_rng(0).normal(size=SAMPLE_RATE * 2) / 10
    length = sum(len(wav) for wav, _ in known) / SAMPLE_RATE
    print(f"{len(known)} sounds, {length:.0f} s")
    print("| tracker | wrong (missed) | gross | fine, cents | noise | seconds |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for name, track in TRACKERS.items():
        in_noise = np.mean(~np.isnan(track(noise)))
        start = time.process_time()
        found = [track(wav) for wav, _ in known]
        seconds = (time.process_time() - start) / length
        pairs = zip(found, known, strict=True)
        wrong, missed, gross, fine = np.mean([judge(f, t) for f, (_, t) in pairs], axis=0)
        print(
            f"| {name} | {wrong:.1%} ({missed:.1%}) | {gross:.1%} | {fine:.0f} | "
            f"{in_noise:.0%} | {seconds:.3f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
