"""How well a recognizer understands the voices, beside the teacher they learned from.

    python benchmarks/voices.py models/fastspeech2-slt models/tacotron2-slt

Every held-out sentence is spoken by flite (the teacher), by Griffin-Lim on the teacher's own mels
(what a perfect acoustic model would give) and by each voice. A voice that gives almost no frames
is heard as silence. Needs flite (Debian's libflite1) and the extra `asr`.
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
from tts_compress.metrics.intelligibility import word_error_rate, word_errors
from tts_compress.metrics.recognizers import Whisper
from tts_compress.synthesis import Speech, speak, vocoder
from tts_compress.training.flite import Flite

SENTENCES = Path(__file__).parents[1] / "recipes" / "sentences" / "heldout.txt"
SILENCE = torch.zeros(SAMPLE_RATE)


def teacher(sentences: Sequence[str], voice: str) -> list[Tensor]:
    flite = Flite(voice)
    wavs = []
    for text in sentences:
        reading = flite.read(text)
        samples = reading.samples.astype(np.float32) / 32768
        wav = librosa.resample(samples, orig_sr=reading.sample_rate, target_sr=SAMPLE_RATE)
        wavs.append(torch.from_numpy(wav))
    return wavs


def resynthesized(wavs: Sequence[Tensor]) -> list[Tensor]:
    return vocoder()([mel_spectrogram(wav[None])[0] for wav in wavs])


def spoken(path: Path, sentences: Sequence[str], seed: int) -> tuple[list[Tensor], str]:
    speeches = speak(load_model(path), sentences, seed)
    failed = sum(speech.failure is not None for speech in speeches)
    return [sound(speech, seed) for speech in speeches], f"{failed} of {len(speeches)}"


def sound(speech: Speech, seed: int) -> Tensor:
    return SILENCE if speech.failure == "almost no frames" else vocoder(seed=seed)([speech.mel])[0]


def keep(folder: Path, wavs: Sequence[Tensor], texts: Sequence[str], heard: Sequence[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number, wav in enumerate(wavs, 1):
        write_wav(folder / f"{number:03d}.wav", wav)
    lines = [f"{text}\n    {words}\n" for text, words in zip(texts, heard, strict=True)]
    (folder / "heard.txt").write_text("".join(lines), encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("voices", nargs="+", type=Path)
    parser.add_argument("--sentences", type=Path, default=SENTENCES)
    parser.add_argument("--teacher", default="slt")
    parser.add_argument("--wavs", type=Path, help="keep the wavs in this folder")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    lines = [line.strip() for line in arguments.sentences.read_text(encoding="utf-8").splitlines()]
    sentences = [line for line in lines if line and not line.startswith("#")]
    read = teacher(sentences, arguments.teacher)
    systems = {"flite": (read, ""), "Griffin-Lim on flite's mels": (resynthesized(read), "")}
    for path in arguments.voices:
        systems[str(path)] = spoken(path, sentences, arguments.seed)
    recognizer = Whisper()
    table = Table("system", "word error rate", "errors", "words", "failed", "seconds")
    for name, (wavs, failed) in systems.items():
        heard = [recognizer.transcribe(wav.numpy(), SAMPLE_RATE) for wav in track(wavs, name)]
        errors = [word_errors(h, text) for h, text in zip(heard, sentences, strict=True)]
        table.add_row(
            name,
            f"{100 * word_error_rate(errors):.1f} %",
            str(sum(e.total for e in errors)),
            str(sum(e.length for e in errors)),
            failed,
            f"{sum(len(wav) for wav in wavs) / SAMPLE_RATE:.0f}",
        )
        if arguments.wavs:
            folder = arguments.wavs / Path(name).name.replace(" ", "_")
            keep(folder, wavs, sentences, heard)
    Console().print(table)


if __name__ == "__main__":
    main()
