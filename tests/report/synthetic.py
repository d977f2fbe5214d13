"""A folder of results as a sweep leaves it, made of arrays: no network speaks."""

import json
from dataclasses import dataclass

import numpy as np
import soundfile
from safetensors.numpy import save_file

from tts_compress.records import Record, write_records

RATE, HOP, BANDS = 22050, 256, 80
LAYERS = (("embedding.weight", "embedding", (148, 32)), ("encoder.lstm.weight_hh", "rnn", (64, 16)))
UNITS = {"gzip_bytes": "bytes", "failed": "fraction", "seconds": "s", "word_errors": "words"}


@dataclass(frozen=True)
class Speech:
    """What one run says: how far it is from dense, and how much longer it takes."""

    distance: float
    slower: float = 1.0


def make_results(folder, n_runs=4, n_sentences=3, name="synthetic", names=(), sentences=()):
    """Writes a folder of results whose runs are ever smaller, and ever farther from the first.

    Args:
        folder: The folder to make.
        n_runs: How many runs are done, the dense one included.
        n_sentences: How many sentences each speaks.
        name: Name of the recipe.
        names: Names of the first compressed runs, where they are not ``magnitude 10 %`` and so on.
        sentences: Texts of the first sentences.
    """
    percent = [round(100 * n / n_runs) for n in range(n_runs)]
    labels = ["dense", *names, *(f"magnitude {p} %" for p in percent[len(names) + 1 :])]
    texts = [*sentences, *(f"This is sentence {n}." for n in range(len(sentences), n_sentences))]
    runs = [{"id": f"{n:012x}", "name": label} for n, label in enumerate(labels)]
    source = f"name: {name}\nmodel: models/none\n"
    index = {"name": name, "runs": runs, "sentences": texts, "source": source, "seed": 7}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "recipe.json").write_text(json.dumps({**index, "model": "none"}))
    mels = [_mel(number) for number in range(n_sentences)]
    for number, run in enumerate(runs):
        write_run(folder / run["id"], run["name"], Speech(number / n_runs, 1 + 0.1 * number), mels)
    return folder


def write_run(folder, name, speech, mels):
    """Writes one finished run."""
    (folder / "wavs").mkdir(parents=True)
    generator = np.random.default_rng(round(1000 * speech.distance))
    arrays, records = {}, [Record(folder.name, "gzip_bytes", None, 9e6 * (1 - speech.distance), "")]
    for number, mel in enumerate(mels):
        noise = generator.normal(scale=2 * speech.distance, size=mel.shape).astype(np.float32)
        frames = round(mel.shape[1] * speech.slower)
        place = np.linspace(0, mel.shape[1] - 1, frames).astype(int)
        arrays[f"{number:03d}.aligned"] = mel + noise
        arrays[f"{number:03d}.mel"] = (mel + noise)[:, place]
        arrays[f"{number:03d}.alignment"] = _alignment(frames, 40)
        _write_wav(folder / "wavs" / f"{number + 1:03d}.wav", frames, 200 + 400 * speech.distance)
        records += _of_sentence(folder.name, number + 1, speech, frames, float(abs(noise).mean()))
    save_file(arrays, folder / "mels.safetensors")
    write_records(folder / "records.jsonl", records)
    write_records(folder / "timings.jsonl", [])
    (folder / "layers.jsonl").write_text("".join(_layer(*layer, speech) for layer in LAYERS))
    machine = {"system": "Linux", "cores": 2, "memory_bytes": 8 * 2**30}
    provenance = {"tts_compress": "0.1.0", "machine": machine, "commit": "0123456789ab"}
    (folder / "provenance.json").write_text(json.dumps(provenance))
    run = {"architecture": "tacotron2", "id": folder.name}
    (folder / "run.json").write_text(json.dumps(run))
    (folder / "DONE").write_text(name)


def _of_sentence(run, sentence, speech, frames, noise):
    values = {
        "failed": float(speech.distance > 0.9),
        "seconds": frames * HOP / RATE,
        "mel_mae_db": 8.7 * noise,
        "mcd_dtw_db": 20 * speech.distance * (1 + 0.1 * sentence),
        "word_errors": sentence % 2 if speech.distance > 0.3 else 0,
        "words": 4,
    }
    return [Record(run, m, sentence, value, UNITS.get(m, "dB")) for m, value in values.items()]


def _mel(seed):
    """Formants that move slowly: natural-log magnitudes ``(bands, frames)``."""
    time, bands = np.linspace(0, 1, 120 + 20 * (seed % 7)), np.arange(BANDS)[:, None]
    tracks = [
        10 + 8 * np.sin(7 * time + seed),
        30 + 9 * np.cos(5 * time),
        55 + 6 * np.sin(9 * time),
    ]
    peaks = sum(np.exp(-(((bands - track) / 5) ** 2)) for track in tracks)
    return (-9 + 8 * peaks * (0.6 + 0.4 * np.sin(40 * time))).astype(np.float32)


def _alignment(frames, ids):
    place = np.linspace(0, ids - 1, frames)[:, None]
    weights = np.exp(-((np.arange(ids) - place) ** 2))
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)


def _write_wav(path, frames, pitch):
    time = np.arange(frames * HOP) / RATE
    soundfile.write(path, 0.1 * np.sin(2 * np.pi * pitch * time), RATE, subtype="PCM_16")


def _layer(name, group, shape, speech):
    n_weights = int(np.prod(shape))
    n_zero = int(n_weights * speech.distance)
    layer = {"layer": name, "group": group, "shape": shape, "n_weights": n_weights}
    layer |= {"n_zero": n_zero, "sparsity": n_zero / n_weights, "n_dense": n_weights}
    return json.dumps({**layer, "relative_error": speech.distance**2}) + "\n"
