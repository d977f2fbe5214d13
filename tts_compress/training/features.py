"""What the networks learn from a sentence: its mel, and frames, pitch and energy of its symbols."""

import json
import multiprocessing
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from rich.progress import track

from tts_compress.audio.mel import HOP_LENGTH, N_FFT, SAMPLE_RATE, mel_spectrogram
from tts_compress.audio.wav import read_wav
from tts_compress.files import replaced
from tts_compress.text.encode import tacotron2_text_to_ids, tokens_to_tacotron2
from tts_compress.text.symbols import FASTSPEECH2_SYMBOLS
from tts_compress.training.batches import Example
from tts_compress.training.corpus import Utterance

SENTENCES_PER_JOB = 32  # fewer are not worth another process
Floats = NDArray[np.float32]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Features:
    """One sentence as both networks see it.

    Attributes:
        mel: Log-mel, ``(n_mels, frames)``.
        tacotron2_ids: Symbols of NVIDIA's table, ``(ids,)``.
        tacotron2_frames: Frames of each, summing to all frames.
        fastspeech2_ids: Symbols of ming024's table, without the silence at the end, ``(ids,)``.
        fastspeech2_frames: Frames of each, summing to all frames but those of that silence.
        pitch: Mean ln F0 of each FastSpeech2 symbol, unvoiced frames interpolated.
        energy: Mean spectral norm of each FastSpeech2 symbol.
    """

    mel: Floats
    tacotron2_ids: Ints
    tacotron2_frames: Ints
    fastspeech2_ids: Ints
    fastspeech2_frames: Ints
    pitch: Floats
    energy: Floats

    def example(self, architecture: str) -> Example:
        """Gives what one architecture ("tacotron2" or "fastspeech2") learns of the sentence."""
        ids, frames = (getattr(self, f"{architecture}_{name}") for name in ("ids", "frames"))
        has_variance = architecture == "fastspeech2"
        none = np.zeros(1, np.float32)
        return Example(
            ids=torch.from_numpy(ids),
            frames=torch.from_numpy(frames),
            mel=torch.from_numpy(self.mel[:, : frames.sum()]),
            pitch=torch.from_numpy(self.pitch if has_variance else none),
            energy=torch.from_numpy(self.energy if has_variance else none),
        )


def frame_bounds(ends: Sequence[float], start: float) -> Ints:
    """Rounds end times in seconds to whole frames after the frame of `start`.

    >>> frame_bounds([0.1, 0.2], start=0.0).tolist()
    [9, 17]
    """
    rate = SAMPLE_RATE / HOP_LENGTH
    return np.round(np.array(ends) * rate).astype(np.int64) - round(start * rate)


def symbols(utterance: Utterance) -> tuple[Ints, list[float], Ints, list[float]]:
    """Gives (Tacotron2 ids, the end of each in seconds, FastSpeech2 ids, the end of each)."""
    nvidia = tacotron2_text_to_ids(
        tokens_to_tacotron2([timed.token for timed in utterance.tokens if timed.token.text != " "])
    )
    nvidia_ends: list[float] = []
    ming: list[int] = []
    ming_ends: list[float] = []
    last = utterance.start
    for index, timed in enumerate(utterance.tokens):
        token, final = timed.token, index + 1 == len(utterance.tokens)
        if token.phones and nvidia_ends and utterance.tokens[index - 1].token.text != " ":
            nvidia_ends.append(last)  # the space between words
        nvidia_ends.extend(timed.ends)
        if token.phones:
            ming.extend(FASTSPEECH2_SYMBOLS.index("@" + phone) for phone in token.phones)
            ming_ends.extend(timed.ends)
        elif timed.ends[0] > last and not final:
            ming.append(FASTSPEECH2_SYMBOLS.index("@sp"))
            ming_ends.append(timed.ends[0])
        last = timed.ends[-1]
    return np.array(nvidia), nvidia_ends, np.array(ming), ming_ends


def extract(utterance: Utterance) -> Features:
    """Computes the features of one sentence.

    Pitch is WORLD's DIO refined by StoneMask, its logarithm averaged over each symbol; energy is
    the norm of the magnitude spectrum, likewise. Frames begin at the first phone.

    Source: ming024/FastSpeech2, preprocessor/preprocessor.py (which averages F0 in Hz).
    """
    wav = read_wav(utterance.wav)
    skip = round(utterance.start * SAMPLE_RATE / HOP_LENGTH)
    nvidia, nvidia_ends, ming, ming_ends = symbols(utterance)
    bounds = frame_bounds(nvidia_ends, utterance.start)
    whole = mel_spectrogram(wav[None])[0].numpy()
    mel = whole[:, skip : skip + int(bounds[-1])]
    bounds = np.minimum(bounds, mel.shape[1])
    spoken = np.minimum(frame_bounds(ming_ends, utterance.start), mel.shape[1])
    pitch = log_f0(wav.double().numpy(), whole.shape[1])[skip:]
    energy = _energy(wav)[skip:]
    return Features(
        mel=mel.astype(np.float32),
        tacotron2_ids=nvidia,
        tacotron2_frames=np.diff(bounds, prepend=0),
        fastspeech2_ids=ming,
        fastspeech2_frames=np.diff(spoken, prepend=0),
        pitch=_mean_per_symbol(pitch, spoken),
        energy=_mean_per_symbol(energy, spoken),
    )


def log_f0(wav: NDArray[np.float64], frames: int) -> Floats:
    """Gives ln F0 of each frame (F0 in Hz), interpolated where no voice is; 0 if it never is."""
    import pyworld

    period = 1000 * HOP_LENGTH / SAMPLE_RATE
    coarse, times = pyworld.dio(wav, SAMPLE_RATE, frame_period=period)
    f0 = pyworld.stonemask(wav, coarse, times, SAMPLE_RATE)
    voiced = np.flatnonzero(f0)
    if len(voiced) == 0:
        return np.zeros(frames, np.float32)
    out: Floats = np.interp(np.arange(frames), voiced, np.log(f0[voiced])).astype(np.float32)
    return out


def _energy(wav: torch.Tensor) -> Floats:
    spectrum = torch.stft(
        wav, N_FFT, HOP_LENGTH, window=torch.hann_window(N_FFT), return_complex=True
    )
    out: Floats = spectrum.abs().norm(dim=0).numpy()
    return out


def _mean_per_symbol(values: Floats, bounds: Ints) -> Floats:
    starts = np.concatenate(([0], bounds[:-1]))
    return np.array(
        [values[a:b].mean() if b > a else 0.0 for a, b in zip(starts, bounds, strict=True)],
        np.float32,
    )


def load_features(
    utterances: Sequence[Utterance], cache: Path, jobs: int = 2
) -> tuple[list[Features], dict[str, float]]:
    """Gives the features of every sentence and the statistics of pitch and energy.

    Features are computed once and kept in `cache`, and again when the wav is newer. Pitch and
    energy come out normalised to zero mean and unit variance over all symbols of the corpus.
    """
    cache.mkdir(parents=True, exist_ok=True)
    paths = [cache / f"{utterance.name}.npz" for utterance in utterances]
    missing = [task for task in zip(utterances, paths, strict=True) if not _is_fresh(*task)]
    jobs = min(jobs, len(missing) // SENTENCES_PER_JOB)
    if jobs > 1:
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(jobs, context, torch.set_num_threads, (1,)) as pool:
            _wait(pool.map(_compute, missing, chunksize=16), len(missing))
    elif missing:
        _wait(map(_compute, missing), len(missing))
    return _normalised([_read(path) for path in paths], cache / "statistics.json")


def _is_fresh(utterance: Utterance, path: Path) -> bool:
    return path.exists() and path.stat().st_mtime >= utterance.wav.stat().st_mtime


def _wait(done: Iterable[None], total: int) -> None:
    for _ in track(done, "features", total=total):
        pass


def _compute(task: tuple[Utterance, Path]) -> None:
    """Writes the features of a sentence, whole or not at all, the mel in float16."""
    utterance, path = task
    values = vars(extract(utterance))
    with replaced(path) as partial:
        np.savez(partial, **{**values, "mel": values["mel"].astype(np.float16)})


def _read(path: Path) -> Features:
    with np.load(path) as arrays:
        values = {name: arrays[name] for name in arrays.files}
    return Features(**{**values, "mel": values["mel"].astype(np.float32)})


def _normalised(loaded: Sequence[Features], path: Path) -> tuple[list[Features], dict[str, float]]:
    """Normalises pitch and energy, and clips the most extreme symbol in 2000 on either side."""
    statistics: dict[str, float] = {}
    normal: dict[str, list[Floats]] = {}
    for name in ("pitch", "energy"):
        values = np.concatenate([getattr(f, name)[f.fastspeech2_frames > 0] for f in loaded])
        mean, std = float(values.mean()), float(values.std())
        low, high = (float(v) for v in np.quantile((values - mean) / std, (0.0005, 0.9995)))
        statistics |= {f"{name}_mean": mean, f"{name}_std": std}
        statistics |= {f"{name}_min": low, f"{name}_max": high}
        normal[name] = [
            np.where(f.fastspeech2_frames > 0, (getattr(f, name) - mean) / std, 0.0)
            .clip(low, high)
            .astype(np.float32)
            for f in loaded
        ]
    path.write_text(json.dumps(statistics, indent=2), encoding="utf-8")
    rows = zip(loaded, normal["pitch"], normal["energy"], strict=True)
    return [replace(f, pitch=pitch, energy=energy) for f, pitch, energy in rows], statistics
