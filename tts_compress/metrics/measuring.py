"""Every measure of a run that has spoken: its files to its records."""

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch

from tts_compress import artifact
from tts_compress.architectures.base import Architecture
from tts_compress.container import ARTIFACT
from tts_compress.methods.base import Memory
from tts_compress.metrics import hearing, naturalness, recognizers, taking
from tts_compress.metrics.hearing import Sounds
from tts_compress.metrics.layers import coded_bytes, stored_items, write_layers
from tts_compress.metrics.reference import Reference
from tts_compress.metrics.taking import Taker
from tts_compress.recipe import Predictor, Run
from tts_compress.records import Record, read_records, write_records
from tts_compress.synthesis import Vocoder

RECORDS, TIMINGS = "records.jsonl", "timings.jsonl"


@dataclass(frozen=True)
class Made:
    """Records of the compression: what repeats, and what depends on the clock."""

    repeats: list[Record]
    timed: list[Record]

    @classmethod
    def read(cls, folder: Path) -> "Made":
        """Picks them from the records of a finished run."""
        both = (read_records(folder / name) for name in (RECORDS, TIMINGS))
        return cls(*([r for r in records if taking.is_of_compression(r)] for records in both))


@dataclass(frozen=True)
class Candidate:
    """A run that has spoken.

    Attributes:
        run: What was done.
        folder: The run's own folder, with the artifact and the wavs.
        model: The network of the artifact.
        speech: What it says.
        memory: What measures share over the runs of a sweep.
    """

    run: Run
    folder: Path
    model: Architecture
    speech: Reference
    memory: Memory

    @cached_property
    def sounds(self) -> Sounds:
        """The speech with its wavs."""
        return hearing.spoken(self.speech.speeches, self.folder / "wavs")

    @property
    def recordings(self) -> Sounds:
        """What it is compared with, read once for all runs."""
        recordings = self.run.evaluate.recordings
        key = ("recordings", tuple(recording.sha256 for recording in recordings))
        return self.memory.remember(key, lambda: hearing.recorded(recordings))


def measure(ours: Candidate, made: Made, reference: Path | None, vocode: Vocoder) -> None:
    """Takes every measure of a run from its files, and writes its records, timings and layers.

    Args:
        ours: The run.
        made: Records of its compression.
        reference: ``mels.safetensors`` of the dense run, or None if this is the dense run.
        vocode: Makes sound of what the dense network says with another seed.
    """
    evaluate, folder, take = ours.run.evaluate, ours.folder, Taker(ours.run.id)
    dense = Reference.load(reference, evaluate.sentences) if reference else None
    dense_folder = reference.parent if reference else folder
    path, dense_path = folder / ARTIFACT, dense_folder / ARTIFACT
    items = stored_items(path)
    write_layers(
        folder / "layers.jsonl", ours.model, artifact.tensors(dense_path), coded_bytes(path, items)
    )
    records = [
        *made.repeats,
        *taking.of_items(take, list(items.values())),
        *taking.of_speech(take, ours.speech.speeches),
        *taking.of_work(take, ours.model, ours.speech.speeches),
        *taking.distances(take, ours.speech, dense or ours.speech),
        *_of_sound(take, ours, dense, dense_folder),
        *(_of_dense(take, ours, vocode) if dense is None else ()),
    ]
    beside = None
    if dense:
        network = artifact.load_model(dense_folder / ARTIFACT)
        beside = (network.to(_device(ours.model)), dense.speeches)
    timed = taking.timings(take, (ours.model, ours.speech.speeches), beside, evaluate.seed)
    write_records(folder / TIMINGS, [*made.timed, *timed])
    write_records(folder / RECORDS, records)


def _of_sound(
    take: Taker, ours: Candidate, dense: Reference | None, dense_folder: Path
) -> Iterator[Record]:
    """Takes what is heard: melody, words, and what predictors say."""
    evaluate = ours.run.evaluate
    theirs = ours.memory.remember(
        ("sounds", ours.run.dense_id, dense_folder),
        lambda: hearing.spoken(dense.speeches, dense_folder / "wavs") if dense else ours.sounds,
    )
    yield from hearing.melody(take, ours.sounds, theirs)
    yield from hearing.to_recordings(take, ours.sounds, ours.recordings)
    if evaluate.recognizer:
        listener = _recognizer(evaluate.recognizer)
        yield from hearing.words(take, listener, evaluate.sentences, ours.sounds)
    yield from hearing.natural(take, _predictors(evaluate.predictors), ours.sounds)


def _of_dense(take: Taker, dense: Candidate, vocode: Vocoder) -> Iterator[Record]:
    """Takes what is of the dense run alone: its noise floor, and the words of recordings."""
    evaluate = dense.run.evaluate
    other = taking.with_seed(dense.model, dense.speech, evaluate.seed + 1)
    if other:
        yield from taking.distances(take, other, dense.speech, "_noise")
        wavs = vocode([speech.mel for speech in other.speeches if speech.audible])
        sounds = hearing.vocoded(other.speeches, wavs)
        yield from hearing.melody(take, sounds, dense.sounds, "_noise")
    if evaluate.recognizer:
        listener = _recognizer(evaluate.recognizer)
        yield from hearing.words_recorded(take, listener, evaluate.sentences, dense.recordings)


def _device(model: Architecture) -> torch.device:
    return next(model.parameters()).device


@functools.cache
def _recognizer(given: str) -> recognizers.Recognizer:
    """Gives the recognizer that all runs of a process share; one thread, as all that runs do."""
    return recognizers.recognizer(given, threads=1)


@functools.cache
def _predictors(given: tuple[Predictor, ...]) -> tuple[naturalness.Predictor, ...]:
    """Gives the predictors that all runs of a process share."""
    return tuple(naturalness.predictor(one.name, one.weights) for one in given)
