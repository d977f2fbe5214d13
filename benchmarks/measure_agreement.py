"""Each measure of speech against an independent one: the table of docs/measures.md.

    pip install mel-cepstral-distance==0.0.4 dtw-python==1.9.0 mir_eval==0.8.2 werpy==3.5.0
    pip install pyworld-prebuilt==0.3.6.post1 praat-parselmouth==0.4.7
    pip install speechmos==0.0.1.1 onnxruntime
    pip install distillmos==0.9.1   # with the torchaudio that fits torch; left out where it fails
    python benchmarks/measure_agreement.py FOLDER [--hifigan FOLDER] [--sentences 8]

FOLDER holds wavs/ and metadata.csv, as LJSpeech; --hifigan holds generator_v2 and config.json. Each
recording is compared with copies of it: through HiFi-GAN, through Griffin-Lim, and by WORLD a
semitone (100 cents) higher, a tenth slower, or as it was. The table says of each measure its mean,
that of the peer, the largest difference over all copies, and their correlation; a second table
says what comes out where the answer is known.

Peers of two kinds: another implementation of the same formula on the same input, which must agree
to rounding, and the same measure with another tracker of pitch, which need not.
"""

import argparse
import csv
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import version
from pathlib import Path

import dtw
import librosa
import mel_cepstral_distance
import mir_eval
import numpy as np
import parselmouth
import pyworld
import scipy
import torch
import werpy
from speechmos import dnsmos

try:
    import distillmos
except (ImportError, OSError):
    distillmos = None

from tts_compress.architectures.checkpoints import load_model
from tts_compress.audio.mel import HOP_LENGTH, SAMPLE_RATE, mel_spectrogram
from tts_compress.audio.vocoders import griffin_lim, hifigan_vocode
from tts_compress.audio.wav import read_wav
from tts_compress.metrics.intelligibility import character_errors, word_errors
from tts_compress.metrics.mel import _cepstra, dtw_path, mcd_dtw_db
from tts_compress.metrics.naturalness import Predictor, predictor
from tts_compress.metrics.prosody import (
    F0_MAX,
    F0_MIN,
    Pitch,
    duration_ratio,
    f0_correlation,
    f0_rmse_cents,
    track_pitch,
    voicing_error,
)
from tts_compress.text.words import normalize_words

PERIOD = HOP_LENGTH / SAMPLE_RATE
OF_PITCH = {
    "f0_rmse_cents": f0_rmse_cents,
    "voicing_error": voicing_error,
    "f0_correlation": f0_correlation,
}


KNOWN = ("100 cents higher", "10 % slower")


@dataclass
class Table:
    """What we and each peer found of a measure, copy by copy."""

    found: dict[tuple[str, str], list[tuple[float, float]]] = field(default_factory=dict)

    def add(self, measure: str, peer: str, ours: float | None, theirs: float | None) -> None:
        if ours is not None and theirs is not None:
            self.found.setdefault((measure, peer), []).append((ours, theirs))

    def rows(self) -> Iterator[str]:
        yield "| measure | peer | n | ours | peer's | largest difference | correlation |"
        yield "| --- | --- | ---: | ---: | ---: | ---: | ---: |"
        for (measure, peer), pairs in self.found.items():
            ours, theirs = np.array(pairs).T
            yield (
                f"| `{measure}` | {peer} | {len(pairs)} | {ours.mean():.4g} | {theirs.mean():.4g} "
                f"| {np.abs(ours - theirs).max():.2g} | {np.corrcoef(ours, theirs)[0, 1]:.4f} |"
            )


def copies(wav: torch.Tensor, vocoder: torch.nn.Module | None) -> dict[str, torch.Tensor]:
    """The same sentence in other sound, by what was done to it."""
    mel = mel_spectrogram(wav[None])
    lengths = torch.tensor([mel.shape[2]])
    made = {"Griffin-Lim": griffin_lim(mel, lengths)[0]}
    if vocoder is not None:
        made["HiFi-GAN"] = hifigan_vocode(vocoder, mel, lengths)[0]
    sound = wav.double().numpy()
    f0, times = pyworld.harvest(sound, SAMPLE_RATE, frame_period=1000 * PERIOD)
    f0 = pyworld.stonemask(sound, f0, times, SAMPLE_RATE)
    parts = (
        pyworld.cheaptrick(sound, f0, times, SAMPLE_RATE),
        pyworld.d4c(sound, f0, times, SAMPLE_RATE),
        SAMPLE_RATE,
    )
    for name, f0_factor, period in (
        ("WORLD", 1.0, PERIOD),
        ("100 cents higher", 2 ** (1 / 12), PERIOD),
        ("10 % slower", 1.0, 1.1 * PERIOD),
    ):
        other = pyworld.synthesize(f0 * f0_factor, *parts, 1000 * period)
        made[name] = torch.from_numpy(other).float().clamp(-1, 1)
    return made


def harvest(wav: np.ndarray) -> Pitch:
    f0, times = pyworld.harvest(wav, SAMPLE_RATE, F0_MIN, F0_MAX, frame_period=1000 * PERIOD)
    f0 = pyworld.stonemask(wav, f0, times, SAMPLE_RATE)
    return Pitch(np.where(f0 > 0, f0, np.nan), f0 > 0)


def praat(wav: np.ndarray) -> Pitch:
    found = parselmouth.Sound(wav, SAMPLE_RATE).to_pitch_ac(PERIOD, F0_MIN, pitch_ceiling=F0_MAX)
    frames = np.arange(1 + len(wav) // HOP_LENGTH)
    f0 = np.array([found.get_value_at_time(frame * PERIOD) for frame in frames])
    return Pitch(f0, ~np.isnan(f0))


def by_mir_eval(ours: Pitch, theirs: Pitch, path: np.ndarray) -> dict[str, float]:
    """The measures of pitch from the parts of mir_eval.melody, and Pearson's r of scipy."""
    pairs = [np.minimum(path[:, i], len(p.f0) - 1) for i, p in enumerate((ours, theirs))]
    voiced = [p.voiced[frames] for p, frames in zip((ours, theirs), pairs, strict=True)]
    both = voiced[0] & voiced[1]
    hz = [p.f0[frames][both] for p, frames in zip((ours, theirs), pairs, strict=True)]
    cents = [mir_eval.melody.hz2cents(values) for values in hz]
    recall, false_alarm = mir_eval.melody.voicing_measures(voiced[1], voiced[0])
    wrong = (1 - recall) * voiced[1].sum() + false_alarm * (~voiced[1]).sum()
    return {
        "f0_rmse_cents": math.sqrt(
            sum((a - b) ** 2 for a, b in zip(*cents, strict=True)) / sum(both)
        ),
        "voicing_error": wrong / len(path),
        "f0_correlation": scipy.stats.pearsonr(*np.log(hz)).statistic,
    }


def compare_mels(table: Table, ours: np.ndarray, theirs: np.ndarray) -> None:
    """Distance and path of two mels."""
    bels = [2 / math.log(10) * mel.T for mel in (ours, theirs)]
    distance, _ = mel_cepstral_distance.compare_mel_spectrograms(
        *bels, s=0, D=13, align_target="mfcc", dtw_radius=None
    )
    peer = f"mel-cepstral-distance {version('mel-cepstral-distance')}"
    scale = 10 / math.sqrt(len(ours))
    table.add("mcd_dtw_db", peer, mcd_dtw_db(ours, theirs), scale * distance)
    path = dtw_path(ours, theirs)
    cepstra = [_cepstra(mel).T for mel in (ours, theirs)]
    other = dtw.dtw(*cepstra, step_pattern="symmetric1")
    peer = f"dtw-python {version('dtw-python')}"
    cost = sum(np.linalg.norm(cepstra[0][i] - cepstra[1][j]) for i, j in path)
    table.add("cost of dtw_path", peer, float(cost), float(other.distance))
    table.add("pairs of dtw_path", peer, len(path), len(other.index1))


def compare_pitch(table: Table, wavs: Sequence[np.ndarray], path: np.ndarray) -> None:
    """The measures of pitch: the formulas, then the whole with other trackers."""
    pitches = [track_pitch(wav) for wav in wavs]
    mine = {name: measure(*pitches, path) for name, measure in OF_PITCH.items()}
    peers = {f"mir_eval {mir_eval.__version__}, same pitch": by_mir_eval(*pitches, path)}
    for name, track in (
        (f"with Harvest, pyworld {version('pyworld-prebuilt')}", harvest),
        (f"with Praat {parselmouth.PRAAT_VERSION}", praat),
    ):
        peers[name] = by_mir_eval(*map(track, wavs), path)
    for measure, value in mine.items():
        for name, found in peers.items():
            table.add(measure, name, value, found[measure])


def levenshtein(heard: Sequence[str], expected: Sequence[str]) -> int:
    """Fewest edits, by the textbook's table."""
    row = list(range(len(heard) + 1))
    for i, wanted in enumerate(expected, 1):
        before, row = row, [i]
        for j, got in enumerate(heard, 1):
            row.append(min(before[j] + 1, row[-1] + 1, before[j - 1] + (wanted != got)))
    return row[-1]


def compare_words(table: Table, texts: Sequence[str]) -> None:
    """Errors in texts with words left out, said twice, or taken from other texts."""
    draw = np.random.default_rng(0)
    vocabulary = [word for text in texts for word in text.split()]
    for text in texts:
        heard = []
        for word in text.split():
            changed = [[word]] * 6 + [[], [word, word], [str(draw.choice(vocabulary))], [word[1:]]]
            heard += changed[draw.integers(10)]
        said, expected = normalize_words(" ".join(heard)), normalize_words(text)
        rate = werpy.wer(" ".join(expected), " ".join(said))
        ours = word_errors(" ".join(heard), text)
        table.add(
            "word errors / words", f"werpy {version('werpy')}", ours.total / ours.length, rate
        )
        table.add("word_errors", "loop", ours.total, levenshtein(said, expected))
        letters = levenshtein(" ".join(said), " ".join(expected))
        table.add(
            "character_errors", "loop", character_errors(" ".join(heard), text).total, letters
        )


@cache
def load(name: str) -> Predictor:
    return predictor(name)


@cache
def distillmos_network() -> torch.nn.Module:
    return distillmos.ConvTransformerSQAModel().eval()


def compare_mos(table: Table, wav: np.ndarray) -> None:
    """DNSMOS, and Distill-MOS where its package can be imported."""
    sound = librosa.resample(wav.astype(np.float32), orig_sr=SAMPLE_RATE, target_sr=16000)
    sound = sound.clip(-1, 1)  # a peer refuses what resampling puts beyond full scale
    ours, theirs = load("dnsmos")(sound, 16000), dnsmos.run(sound, 16000)
    names = ("sig_mos", "bak_mos", "ovrl_mos", "p808_mos")
    for (metric, value), name in zip(ours.items(), names, strict=True):
        table.add(metric, f"speechmos {version('speechmos')}", value, float(theirs[name]))
    if distillmos is not None:
        with torch.no_grad():
            score = float(distillmos_network()(torch.from_numpy(sound)[None]))
        mine = load("distillmos")(sound, 16000)["distillmos"]
        table.add("distillmos", f"distillmos {version('distillmos')}", mine, score)


def known(rows: dict[str, list[list[float]]]) -> Iterator[str]:
    measures = (*OF_PITCH, "duration_ratio", "mcd_dtw_db")
    yield f"| candidate | reference | {' | '.join(measures)} |"
    yield "| --- | --- | ---: | ---: | ---: | ---: | ---: |"
    for name, values in rows.items():
        yield f"| {name} | " + " | ".join(f"{x:.4g}" for x in np.mean(values, axis=0)) + " |"


def compare(
    table: Table,
    rows: dict[str, list[list[float]]],
    wav: torch.Tensor,
    vocoder: torch.nn.Module | None,
) -> None:
    """All measures of one recording and its copies."""
    sounds = {"recording": wav, **copies(wav, vocoder)}
    mels = {n: mel_spectrogram(sound[None])[0].double().numpy() for n, sound in sounds.items()}
    wavs = {name: sound.double().numpy() for name, sound in sounds.items()}
    pitches = {name: track_pitch(sound) for name, sound in wavs.items()}
    pairs = [(name, "recording") for name in sounds] + [(name, "WORLD") for name in KNOWN]
    for name, other in pairs:
        path = dtw_path(mels[name], mels[other])
        values = [measure(pitches[name], pitches[other], path) for measure in OF_PITCH.values()]
        values += [duration_ratio(len(wavs[name]), len(wavs[other]))]
        values += [mcd_dtw_db(mels[name], mels[other])]
        rows.setdefault(f"{name} | {other}", []).append(values)
    for name in sounds.keys() - {"recording"}:
        compare_mels(table, mels[name], mels["recording"])
        path = dtw_path(mels[name], mels["recording"])
        compare_pitch(table, [wavs[name], wavs["recording"]], path)
        compare_mos(table, wavs[name])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--hifigan", type=Path)
    parser.add_argument("--sentences", type=int, default=8)
    options = parser.parse_args()
    vocoder = None
    if options.hifigan:
        vocoder = load_model(options.hifigan / "generator_v2", options.hifigan / "config.json")
    paths = sorted((options.folder / "wavs").glob("*.wav"), key=lambda path: path.stat().st_size)
    table = Table()
    rows: dict[str, list[list[float]]] = {}
    for path in paths[: options.sentences]:
        compare(table, rows, read_wav(path), vocoder)
    with (options.folder / "metadata.csv").open(encoding="utf-8") as file:
        lines = csv.reader(file, delimiter="|", quoting=csv.QUOTE_NONE)
        compare_words(table, [line[-1] for line in lines][:200])
    print(*table.rows(), "", *known(rows), sep="\n")


if __name__ == "__main__":
    main()
