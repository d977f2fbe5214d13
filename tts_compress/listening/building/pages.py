"""The pages of a test around its trials: what a test file may say of them, and what they are else.

Texts are paragraphs: a test file gives one text with empty lines between them, or a list.
"""

import re
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from tts_compress.listening.built import Kind


class Frozen(BaseModel):
    """Settings that do not change and know all their keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def _paragraphs(value: Any) -> Any:
    if isinstance(value, str):
        return tuple(" ".join(part.split()) for part in re.split(r"\n\s*\n", value.strip()))
    return tuple(value) if isinstance(value, list) else value


Text = Annotated[tuple[str, ...], BeforeValidator(_paragraphs, json_schema_input_type=str)]


class Question(Frozen):
    """One question of a questionnaire."""

    id: str = Field(
        pattern=r"^[A-Za-z][A-Za-z0-9_]{0,31}$", description="Name of the answer in the results."
    )
    label: str = Field(description="The question, as listeners read it.")
    type: Literal["text", "long", "number", "choice", "multiple"] = Field(
        "text", description="One line, many lines, a number, one of choices, or any of them."
    )
    choices: tuple[str, ...] = Field((), description="What to choose from.")
    required: bool = Field(False, description="Whether it must be answered to go on.")
    min: float | None = Field(None, description="Least number.")
    max: float | None = Field(None, description="Greatest number.")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        chosen = self.type in ("choice", "multiple")
        if chosen and len(set(self.choices)) < max(2, len(self.choices)):
            raise ValueError(
                f"a question of type {self.type} needs two or more different choices, "
                f"got {list(self.choices)!r}"
            )
        if not chosen and self.choices:
            raise ValueError(
                f"only choice and multiple have choices, got {list(self.choices)!r} "
                f"with {self.type!r}"
            )
        if self.type != "number" and (self.min, self.max) != (None, None):
            raise ValueError(f"only numbers have min and max, got {self.type!r}")
        return self


class ConsentPage(Frozen):
    """Asks whether the listener takes part; nothing else is shown before."""

    type: Literal["consent"]
    title: str = "Taking part"
    text: Text = (
        "You will hear short pieces of computer speech and say how they sound to you. Your answers "
        "are stored under a random code, without your name.",
        "Taking part is voluntary. You can stop at any time by closing this page; if you open the "
        "same link again, you go on where you stopped.",
    )
    label: str = Field("I have read this and take part.", description="Text of the check box.")


class TextPage(Frozen):
    """Says something."""

    type: Literal["text"]
    title: str
    text: Text


class VolumePage(Frozen):
    """Plays speech as loud as the test's, until the listener has set the volume."""

    type: Literal["volume"]
    title: str = "Set the volume"
    text: Text = (
        "Use headphones if you have them, in a quiet place.",
        "Play the speech and set the volume of your device, or the slider, so that it is pleasant "
        "and every word is clear. Please leave it as it is from then on.",
    )


class HeadphonesPage(Frozen):
    """Finds out who listens with headphones; listeners are not told how they did."""

    type: Literal["headphones"]
    title: str = "Headphones"
    text: Text = (
        "Put your headphones on. You will hear three tones, one after another, six times. Each "
        "time, say which of the three is the quietest.",
        "Some are hard to tell. If you are not sure, choose what seems most likely.",
    )


class TrainingPage(Frozen):
    """Stands for trials of practice, which do not count."""

    type: Literal["training"]
    title: str = "Practice"
    text: Text | None = Field(None, description="What is said before the first one.")
    sentence: int | None = Field(
        None, ge=1, description="Its sentence; by default one that the test does not use."
    )


class TrialsPage(Frozen):
    """Stands for all trials, or the next part of them."""

    type: Literal["trials"]
    title: str = ""
    part: float | None = Field(
        None, gt=0, le=1, description="Fraction of all trials; all that are left if none."
    )


class QuestionnairePage(Frozen):
    """Asks questions."""

    type: Literal["questionnaire"]
    title: str = "About you"
    text: Text = ()
    questions: tuple[Question, ...] = Field(min_length=1, description="What is asked.")

    @model_validator(mode="after")
    def _differ(self) -> Self:
        ids = [question.id for question in self.questions]
        if len(set(ids)) < len(ids):
            raise ValueError(f"questions need different ids, got {ids!r}")
        return self


class FinishPage(Frozen):
    """Thanks; the page adds the completion code."""

    type: Literal["finish"]
    title: str = "Thank you"
    text: Text = ("That was all.",)


Page = Annotated[
    ConsentPage
    | TextPage
    | VolumePage
    | HeadphonesPage
    | TrainingPage
    | TrialsPage
    | QuestionnairePage
    | FinishPage,
    Field(discriminator="type"),
]
PAGES: dict[str, type[BaseModel]] = {
    "consent": ConsentPage,
    "text": TextPage,
    "volume": VolumePage,
    "headphones": HeadphonesPage,
    "training": TrainingPage,
    "trials": TrialsPage,
    "questionnaire": QuestionnairePage,
    "finish": FinishPage,
}

ABOUT_YOU = QuestionnairePage(
    type="questionnaire",
    text=("These questions help to read the results. You may leave them open.",),
    questions=(
        Question(
            id="device",
            label="What did you listen with?",
            type="choice",
            choices=("Headphones", "Earphones", "Loudspeakers", "Speakers of the device"),
        ),
        Question(
            id="hearing",
            label="Do you know of a hearing loss of yours?",
            type="choice",
            choices=("No", "Yes", "I would rather not say"),
        ),
        Question(id="age", label="How old are you?", type="number", min=0, max=120),
        Question(id="remarks", label="Is there anything you would like to tell us?", type="long"),
    ),
)


def default_pages() -> tuple[Page, ...]:
    """Gives the pages of a test that names none."""
    return (
        ConsentPage(type="consent"),
        VolumePage(type="volume"),
        HeadphonesPage(type="headphones"),
        TrainingPage(type="training"),
        TrialsPage(type="trials"),
        ABOUT_YOU,
        FinishPage(type="finish"),
    )


TASKS: dict[Kind, tuple[str, ...]] = {
    "mushra": (
        "Every page has a reference and several other versions of the same sentence. Rate how "
        "close each version sounds to the reference: any difference that you hear counts.",
        "One of the versions is the reference itself and belongs at 100. Rate versions against "
        "each other too: you can switch while they play.",
    ),
    "abx": (
        "Every page has two sounds, A and B, and a third, X, which is one of them. Find which.",
    ),
    "ab": ("Every page has two versions of one sentence, A and B, and a question. Choose one.",),
    "acr": ("Every page has one sentence. Say how good the speech sounds to you as a whole.",),
    "dcr": (
        "Every page has a reference and a second version of the same sentence. Say how much worse "
        "the second sounds than the reference.",
    ),
    "cmos": (
        "Every page has two versions of one sentence. Say how the second sounds compared to the "
        "first.",
    ),
}
PRACTICE = "These first ones are practice: they show what is to come and do not count."
