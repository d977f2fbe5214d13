"""Runs: points of a sweep with nothing left to look up, known by what decides their results."""

import hashlib
import json
from pathlib import Path
from typing import Any

from tts_compress.methods import Stage
from tts_compress.recipe.forms import GRIFFIN_LIM, Frozen, SearchForm


class Checkpoint(Frozen):
    """A checkpoint and what it holds.

    Attributes:
        path: Voice folder, .ttsz file or another checkpoint file.
        config: Config files that come with it.
        architecture: The one it must be; any if None.
        sha256: Content hash of the checkpoint, then of each config.
    """

    path: Path
    config: tuple[Path, ...] = ()
    architecture: str | None = None
    sha256: tuple[str, ...]


class Training(Frozen):
    """What stages may train on: texts that the dense network reads, or recordings.

    Attributes:
        texts: Sentences; none if there are recordings.
        corpus: Folder of recordings; None if there are texts.
        sha256: Hash of the texts; or of a corpus's metadata, then of its files' names and sizes.
    """

    texts: tuple[str, ...] = ()
    corpus: Path | None = None
    sha256: tuple[str, ...]


class Recording(Frozen):
    """A sentence as somebody said it.

    Attributes:
        sentence: Its number, from 1.
        path: A sound file.
        sha256: Content hash of the file.
    """

    sentence: int
    path: Path
    sha256: str


class Predictor(Frozen):
    """A network that guesses how natural speech sounds.

    Attributes:
        name: Which.
        weights: Where its weights are; None if it brings them.
        sha256: Content hash of the weights.
    """

    name: str
    weights: Path | None = None
    sha256: str | None = None


class Evaluate(Frozen):
    """What a run speaks, and how; Griffin-Lim makes the sound where there is no vocoder.

    Attributes:
        sentences: What is spoken.
        vocoder: What makes sound of mels; Griffin-Lim if None.
        seed: Seed of dropout and first phases.
        recognizer: Who listens: a name such as "pocketsphinx", or the path of a model; nobody if
            None.
        recognizer_sha256: Content hash of that path.
        recordings: The sentences that there are recordings of.
        predictors: What guesses how natural the speech sounds.
    """

    sentences: tuple[str, ...]
    vocoder: Checkpoint | None = None
    seed: int = 0
    recognizer: str | None = None
    recognizer_sha256: str | None = None
    recordings: tuple[Recording, ...] = ()
    predictors: tuple[Predictor, ...] = ()


class Run(Frozen):
    """One point of a sweep with nothing left to look up; the dense baseline has no stages.

    Attributes:
        model: The dense network.
        stages: What is done to it; none of them is disabled.
        evaluate: What is measured then.
        name: For people: the labels of the stages.
        calibration: Sentences that stages may look at.
        training: What stages may train on.
    """

    model: Checkpoint
    stages: tuple[Stage, ...]
    evaluate: Evaluate
    name: str
    calibration: tuple[str, ...] = ()
    training: Training | None = None

    def resolved(self) -> dict[str, Any]:
        """Gives all that decides the run's result: checkpoints by content, and no path or name.

        What stages look at or train on is part of it only if one of them does; who listens and what
        is compared with only if the recipe says so.
        """
        evaluate = self.evaluate
        needs = {stage.needs for stage in self.stages}
        values: dict[str, Any] = {
            "model": list(self.model.sha256),
            "stages": [stage.model_dump(mode="json") for stage in self.stages],
            "sentences": list(evaluate.sentences),
            "vocoder": list(evaluate.vocoder.sha256) if evaluate.vocoder else GRIFFIN_LIM,
            "seed": evaluate.seed,
        }
        if evaluate.recognizer:
            values["recognizer"] = evaluate.recognizer_sha256 or evaluate.recognizer
        if evaluate.recordings:
            values["recordings"] = [[r.sentence, r.sha256] for r in evaluate.recordings]
        if evaluate.predictors:
            values["predictors"] = [[p.name, p.sha256] for p in evaluate.predictors]
        if "calibration" in needs:
            values["calibration"] = list(self.calibration)
        if "training" in needs and self.training:
            values["training"] = list(self.training.sha256)
        return values

    @property
    def id(self) -> str:
        """Twelve hexadecimal digits that stand for the resolved settings."""
        canonical = json.dumps(self.resolved(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()[:12]

    @property
    def dense_id(self) -> str:
        """The id of the dense run that this one is compared with."""
        return self.model_copy(update={"stages": ()}).id


class Recipe(Frozen):
    """The runs of a recipe file, the dense one first.

    Attributes:
        name: Folder of its results.
        runs: What is done.
        source: Text of the file.
        search: What is to be found before there is a plain recipe; None in a plain one.
    """

    name: str
    runs: tuple[Run, ...]
    source: str = ""
    search: SearchForm | None = None
