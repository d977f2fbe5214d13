"""What is taken of sound: words and melody, against the text, the dense network and recordings."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from torch import Tensor

from tts_compress.audio.mel import HOP_LENGTH, SAMPLE_RATE, mel_spectrogram
from tts_compress.audio.wav import read_wav
from tts_compress.metrics import METRICS
from tts_compress.metrics.intelligibility import EditErrors, character_errors, word_errors
from tts_compress.metrics.mel import dtw_path
from tts_compress.metrics.naturalness import UNIT, Predictor
from tts_compress.metrics.prosody import Pitch, track_pitch
from tts_compress.metrics.recognizers import Recognizer
from tts_compress.metrics.recordings import read_recording
from tts_compress.metrics.taking import Taker
from tts_compress.recipe import Recording
from tts_compress.records import Record
from tts_compress.synthesis import Speech
from tts_compress.text.words import normalize_words

OF_PITCH = ("f0_rmse_cents", "voicing_error", "f0_correlation")


@dataclass(frozen=True, eq=False)
class Sound:
    """A sentence that can be heard.

    Attributes:
        wav: Sound ``(samples,)`` at 22,050 Hz.
        mel: Its log-mel ``(n_mels, frames)``.
    """

    wav: Tensor
    mel: Tensor

    @property
    def seconds(self) -> float:
        """Length of the mel."""
        return self.mel.shape[1] * HOP_LENGTH / SAMPLE_RATE

    @cached_property
    def pitch(self) -> Pitch:
        """Its melody, tracked when it is first asked for."""
        return track_pitch(self.wav.numpy(), SAMPLE_RATE)


Sounds = Mapping[int, Sound]
"""Sounds by the number of their sentence, from 1; what cannot be heard has none."""


def spoken(speeches: Sequence[Speech], wavs: Path) -> Sounds:
    """Gives the speech of a network with its wavs, ``001.wav`` and so on."""
    named = {number: wavs / f"{number:03d}.wav" for number in range(1, len(speeches) + 1)}
    return {
        number: Sound(read_wav(path), speeches[number - 1].mel)
        for number, path in named.items()
        if speeches[number - 1].audible and path.is_file()
    }


def recorded(recordings: Sequence[Recording]) -> Sounds:
    """Gives recordings with their mels."""
    wavs = {recording.sentence: read_recording(recording.path) for recording in recordings}
    return {number: Sound(wav, mel_spectrogram(wav[None])[0]) for number, wav in wavs.items()}


def words(
    take: Taker, recognizer: Recognizer, sentences: Sequence[str], sounds: Sounds
) -> Iterator[Record]:
    """Counts the words and characters that a recognizer hears wrongly.

    Of a sentence without sound, no word is heard; one that never stops is heard as it was cut. A
    sentence without words, such as a lone sign, is left out.
    """
    by_word: list[EditErrors] = []
    by_character: list[EditErrors] = []
    for number, text in enumerate(sentences, 1):
        if not normalize_words(text):
            continue
        sound = sounds.get(number)
        heard = recognizer.transcribe(sound.wav, SAMPLE_RATE) if sound else ""
        by_word.append(word_errors(heard, text))
        by_character.append(character_errors(heard, text))
        yield take("word_errors", by_word[-1].total, number, "words")
        yield take("words", by_word[-1].length, number, "words")
        yield take("character_errors", by_character[-1].total, number, "characters")
        yield take("characters", by_character[-1].length, number, "characters")
    if by_word:
        yield take("word_error_rate", METRICS["word_error_rate"].measure(by_word))
        yield take("character_error_rate", METRICS["character_error_rate"].measure(by_character))


def words_recorded(
    take: Taker, recognizer: Recognizer, sentences: Sequence[str], recordings: Sounds
) -> Iterator[Record]:
    """Counts the same of recordings: what this recognizer hears wrongly in any case."""
    texts = [text if n in recordings else "" for n, text in enumerate(sentences, 1)]
    for record in words(take, recognizer, texts, recordings):
        yield take(f"{record.metric}_recording", record.value, record.sentence, record.unit)


def melody(take: Taker, ours: Sounds, theirs: Sounds, suffix: str = "") -> Iterator[Record]:
    """Gives how far melody and tempo of each sentence are from those of another speaker."""
    for number in sorted(ours.keys() & theirs.keys()):
        one, other = ours[number], theirs[number]
        path = dtw_path(one.mel, other.mel)
        arguments = dict.fromkeys(OF_PITCH, (one.pitch, other.pitch, path))
        for name, given in {**arguments, "duration_ratio": (one.seconds, other.seconds)}.items():
            value = METRICS[name].measure(*given)
            if value is not None:
                yield take(f"{name}{suffix}", value, number, METRICS[name].unit)


def to_recordings(take: Taker, ours: Sounds, recordings: Sounds) -> Iterator[Record]:
    """Gives the distances to recordings, none of which needs the same timing."""
    metric = METRICS["mcd_dtw_db"]
    for number in sorted(ours.keys() & recordings.keys()):
        value = metric.measure(ours[number].mel, recordings[number].mel)
        yield take("mcd_dtw_db_to_recording", value, number, metric.unit)
    yield from melody(take, ours, recordings, "_to_recording")


def natural(take: Taker, predictors: Sequence[Predictor], sounds: Sounds) -> Iterator[Record]:
    """Gives what networks guess of how natural each sentence sounds."""
    for predictor in predictors:
        for number, sound in sorted(sounds.items()):
            for name, value in predictor(sound.wav.numpy(), SAMPLE_RATE).items():
                yield take(name, value, number, UNIT)


def vocoded(speeches: Sequence[Speech], wavs: Sequence[Tensor]) -> Sounds:
    """Gives speech with the sound that was just made of all of it that is audible."""
    audible = [(number, s) for number, s in enumerate(speeches, 1) if s.audible]
    return {number: Sound(wav, s.mel) for (number, s), wav in zip(audible, wavs, strict=True)}
