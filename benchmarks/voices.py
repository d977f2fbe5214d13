"""How well a recognizer understands the voices, beside the teacher they learned from.

    python benchmarks/voices.py models/fastspeech2-slt models/tacotron2-slt

Every held-out sentence is spoken by flite (the teacher), by Griffin-Lim on the teacher's own mels (what a
perfect acoustic model would give) and by each voice. Needs flite (Debian's libflite1) and the extra `asr`.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import librosa
import numpy as np
import torch
from rich.console import Console
from rich.progress import track
from rich.table import Table
from torch import Tensor

from tts_compress.architectures.checkpoints import load_model
from tts_compress.audio.mel import SAMPLE_RATE, mel_spectrogram
from tts_compress.audio.wav import write_wav
from tts_compress.metrics.intelligibility import Recognizer, word_error_rate, word_errors
from tts_compress.synthesis import speak, vocoder
from tts_compress.training.flite import Flite

SENTENCES = Path(__file__).parents[1] / "recipes" / "sentences" / "heldout.txt"


def teacher(sentences: Sequence[str], voice: str) -> list[Tensor]:
    flite = Flite(voice)
    wavs = []
    for text in sentences:
        reading = flite.read(text)
        wav = librosa.resample(
            reading.samples.astype(np.float32) / 32768,
            orig_sr=reading.sample_rate,
            target_sr=SAMPLE_RATE,
        )
        wavs.append(torch.from_numpy(wav))
    return wavs


def resynthesized(wavs: Sequence[Tensor]) -> list[Tensor]:
    return vocoder()([mel_spectrogram(wav[None])[0] for wav in wavs])


def spoken(path: Path, sentences: Sequence[str], seed: int) -> tuple[list[Tensor], str]:
    speeches = speak(load_model(path), sentences, seed)
    failures = sum(speech.failure is not None for speech in speeches)
    return vocoder()([speech.mel for speech in speeches]), f"{failures} of {len(speeches)}"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("voices", nargs="+", type=Path)
    parser.add_argument("--sentences", type=Path, default=SENTENCES)
    parser.add_argument("--teacher", default="slt")
    parser.add_argument("--wavs", type=Path, help="keep the wavs in this folder")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    sentences = arguments.sentences.read_text(encoding="utf-8").split("\n")
    sentences = [line.strip() for line in sentences if line.strip() and line[0] != "#"]
    read = teacher(sentences, arguments.teacher)
    systems = {"flite": (read, ""), "Griffin-Lim on flite's mels": (resynthesized(read), "")}
    for path in arguments.voices:
        systems[str(path)] = spoken(path, sentences, arguments.seed)
    recognizer = Recognizer()
    table = Table("system", "word error rate", "errors", "words", "failed", "seconds")
    for name, (wavs, failed) in systems.items():
        heard = [
            recognizer.transcribe(wav.numpy(), SAMPLE_RATE) for wav in track(wavs, name)
        ]
        errors = [word_errors(h, text) for h, text in zip(heard, sentences, strict=True)]
        wrong = sum(e.substitutions + e.deletions + e.insertions for e in errors)
        table.add_row(
            name,
            f"{100 * word_error_rate(errors):.1f} %",
            str(wrong),
            str(sum(e.n_words for e in errors)),
            failed,
            f"{sum(len(wav) for wav in wavs) / SAMPLE_RATE:.0f}",
        )
        if arguments.wavs:
            folder = arguments.wavs / Path(name).name.replace(" ", "_")
            folder.mkdir(parents=True, exist_ok=True)
            for number, wav in enumerate(wavs, 1):
                write_wav(folder / f"{number:03d}.wav", wav)
            lines = [f"{t}\n    {h}\n" for t, h in zip(sentences, heard, strict=True)]
            (folder / "heard.txt").write_text("".join(lines), encoding="utf-8")
    Console().print(table)


if __name__ == "__main__":
    main()
