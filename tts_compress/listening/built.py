"""A built listening test as a folder: ``test.json``, which is secret, and ``audio/``.

A server adds ``answers.sqlite``.
"""

from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tts_compress.errors import ListeningError
from tts_compress.files import replaced

FORMAT: Literal[1] = 1
Kind = Literal["mushra", "abx", "ab", "acr", "dcr", "cmos"]
KINDS: tuple[Kind, ...] = get_args(Kind)
Role = Literal["system", "reference", "anchor", "check", "tool"]
Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
AUDIO, TEST, ANSWERS = "audio", "test.json", "answers.sqlite"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Stimulus(_Frozen):
    """One sound file, ``audio/<id>.wav``; its name tells nothing.

    Two copies of one sound, such as the reference and the hidden one, are two stimuli.

    Attributes:
        id: Its name, by chance.
        system: What made it: a name of the test's systems, ``reference``, ``anchor 3500 Hz``, ...
        role: What it is for.
        sentence: Number of its sentence, from 1; None if it says none, as noise.
        seconds: How long it is.
    """

    id: Id
    system: str
    role: Role
    sentence: int | None = None
    seconds: float


class Expected(_Frozen):
    """What a listener who attends answers.

    Attributes:
        choice: The stimulus that is chosen.
        ratings: Least and greatest rating by stimulus; of cmos, of how much better the stimulus is
            than the other one, whichever is heard first.
    """

    choice: Id | None = None
    ratings: dict[Id, tuple[float, float]] | None = None


class Trial(_Frozen):
    """What is heard and judged together.

    Attributes:
        id: Its name; says nothing of what is in it.
        sentence: Number of its sentence, from 1.
        text: The sentence, if listeners may read it.
        reference: Stimulus that is named as the reference; None if there is none.
        stimuli: What is judged, by id; listeners get them in another order.
        unknown: Of an ABX trial, the copies of which a listener gets one as X: one of each of
            `stimuli`, in that order, or a single one, which then is X.
        check: None for a trial that counts; ``gold`` has an answer that sound tells, ``trap`` one
            that a voice asks for.
        expected: The right answer of a check.
    """

    id: Id
    sentence: int | None
    text: str | None = None
    reference: Id | None = None
    stimuli: tuple[Id, ...]
    unknown: tuple[Id, ...] = ()
    check: Literal["gold", "trap"] | None = None
    expected: Expected | None = None


class BuiltTest(_Frozen):
    """Everything that a test is; who may see it knows which system each stimulus is.

    Attributes:
        format: Version of this file.
        id: Name of this build, by chance.
        name: What the test file calls it.
        kind: What listeners do.
        title: What listeners read.
        question: What every trial asks.
        ties: Whether an AB test offers "no preference".
        comments: Whether listeners may comment on every trial.
        seed: Seed of all that differs between listeners.
        secret: What unguessable codes are made with.
        listeners: How many listeners the design is balanced over.
        per_listener: How many trials each of them gets, checks aside; all if None.
        checks_per_listener: How many checks each gets.
        systems: Names of what is compared, in the file's order; a reference that is judged is the
            stimuli of system ``reference``, and not among them.
        reference: What the reference is, such as ``recording`` or the name of a system; None if
            there is none.
        pages: Pages around the trials, as `design.session` gives them; one of type ``trials``
            stands for all trials, one of type ``training`` for those of practice.
        trials: What listeners are given parts of.
        training: Trials that do not count.
        checks: Trials that tell who attends.
        headphones: Right choice of each trial of the headphone check, from 0, by the trial's id.
        stimuli: Every sound file.
        source: Where the sound came from, for reports: runs by system, sentences, settings.
    """

    format: Literal[1] = FORMAT
    id: Id
    name: str
    kind: Kind
    title: str
    question: str
    ties: bool = False
    comments: bool = False
    seed: int
    secret: str
    listeners: int
    per_listener: int | None = None
    checks_per_listener: int = 0
    systems: tuple[str, ...]
    reference: str | None = None
    pages: tuple[dict[str, Any], ...]
    trials: tuple[Trial, ...]
    training: tuple[Trial, ...] = ()
    checks: tuple[Trial, ...] = ()
    headphones: dict[str, int] = {}
    stimuli: tuple[Stimulus, ...]
    source: dict[str, Any] = {}

    def stimulus(self, id: str) -> Stimulus:
        """Gives a stimulus by its id.

        Raises:
            KeyError: There is none.
        """
        return self._by_id[id]

    @cached_property
    def _by_id(self) -> dict[str, Stimulus]:
        return {stimulus.id: stimulus for stimulus in self.stimuli}

    def save(self, folder: Path) -> None:
        """Writes ``test.json``, whole or not at all."""
        with replaced(folder / TEST) as partial:
            partial.write_text(self.model_dump_json(indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> "BuiltTest":
        """Reads a built test.

        Raises:
            ListeningError: The folder is no built test, or of another format.
        """
        path = folder / TEST
        if not path.is_file():
            raise ListeningError(
                f"{folder}: no listening test, {TEST} is missing. Make one with: listen build."
            )
        try:
            return cls.model_validate_json(path.read_text(encoding="utf-8"))
        except (ValidationError, UnicodeDecodeError) as error:
            first = str(error).splitlines()[1:2]
            raise ListeningError(
                f"{path}: truncated or altered, got {' '.join(first).strip()!r}. Build it again."
            ) from None
