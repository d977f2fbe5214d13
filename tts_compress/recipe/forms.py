"""What recipe files may say, and one clear line for what they may not."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from tts_compress.errors import RecipeError, nearest
from tts_compress.methods import METHODS, Stage
from tts_compress.yaml_file import YamlFile, complaint

GRIFFIN_LIM = "griffin_lim"
NOBODY = "none"
RECOGNIZERS = ("pocketsphinx", "whisper")


class Frozen(BaseModel):
    """Settings that do not change and know all their keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class CheckpointForm(Frozen):
    """A checkpoint as recipes name it."""

    path: str = Field(description="Voice folder, .ttsz file or another checkpoint file.")
    config: list[str] = Field([], description="Config files of a public checkpoint.")
    architecture: str | None = Field(None, description="The architecture that it must be.")


def _as_mapping(value: Any) -> Any:
    return {"path": value} if isinstance(value, str) else value


PathOrForm = Annotated[
    CheckpointForm, BeforeValidator(_as_mapping, json_schema_input_type=str | CheckpointForm)
]
Sweep = dict[str, Annotated[list[Any], Field(min_length=1)]]
SETTING = r"stages\.[0-9]+\.\w+"


class TrainingForm(Frozen):
    """What stages may train on, as recipes name it."""

    text: str | None = Field(None, description="Text file that the dense network reads.")
    corpus: str | None = Field(None, description="Folder of recordings, as `train` takes it.")

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if (self.text is None) == (self.corpus is None):
            raise ValueError("must name one of text and corpus")
        return self


def _as_text(value: Any) -> Any:
    return {"text": value} if isinstance(value, str) else value


TextOrForm = Annotated[
    TrainingForm, BeforeValidator(_as_text, json_schema_input_type=str | TrainingForm)
]


def _as_weights(value: Any) -> Any:
    return dict.fromkeys(map(str, value)) if isinstance(value, list) else value


NamesOrWeights = Annotated[
    dict[str, str | None],
    BeforeValidator(_as_weights, json_schema_input_type=list[str] | dict[str, str | None]),
]


class EvaluateForm(Frozen):
    """What every run speaks, and how."""

    sentences: str = Field(description="Text file, one sentence a line.")
    vocoder: PathOrForm = Field(
        CheckpointForm(path=GRIFFIN_LIM), description="griffin_lim, or a HiFi-GAN checkpoint."
    )
    seed: int = Field(0, ge=0, lt=2**32, description="Seed of dropout and first phases.")
    recognizer: str = Field(
        RECOGNIZERS[0],
        description="Who listens: pocketsphinx, whisper (of the extra asr), the folder of a "
        "Whisper model, or none.",
    )
    recordings: str | None = Field(
        None,
        description="Folder of recordings of the sentences: 001.wav and so on by number, or wavs/ "
        "and metadata.csv as LJSpeech.",
    )
    predictors: NamesOrWeights = Field(
        {}, description="Networks that guess how natural it sounds, or each with its weights."
    )


def _as_number(value: Any) -> Any:
    return int(value) if isinstance(value, str) and re.fullmatch(GROUPED, value) else value


GROUPED = r"[1-9][0-9]*(_[0-9]+)*"
Count = Annotated[int, Field(gt=0), BeforeValidator(_as_number, json_schema_input_type=int | str)]
Bits = Annotated[int, Field(ge=2, le=8)]
Fraction = Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False)]


class TargetForm(Frozen):
    """What a search is to meet."""

    bytes: Count | None = Field(None, description="Most bytes of the file, such as 400_000.")
    ratio: float | None = Field(
        None,
        gt=1,
        allow_inf_nan=False,
        description="Least ratio of the tensors that a file holds, in float32, to the file.",
    )
    mel_mae_db: float | None = Field(
        None,
        gt=0,
        allow_inf_nan=False,
        description="Most distance from the dense network, in its timing, in dB.",
    )

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        given = self.model_dump(exclude_none=True)
        if len(given) != 1:
            raise ValueError(f"must name one of {', '.join(type(self).model_fields)}, got {given}")
        return self


class SearchForm(Frozen):
    """What is chosen to meet a target: how coarse all is, or bits and sparsity of each tensor."""

    target: TargetForm = Field(description="One of bytes, ratio and mel_mae_db, with its value.")
    method: Literal["rate_aware", "rounding"] = Field(
        "rate_aware", description="Finds one rate_weight; or, of each tensor, bits and sparsity."
    )
    bits: list[Bits | None] = Field(
        [2, 3, 4, 5, 6, 8],
        min_length=1,
        description="Choices for each tensor, for method: rounding; null leaves it as it is.",
    )
    sparsity: list[Fraction] = Field(
        [0.0], min_length=1, description="Choices for each tensor, for method: rounding."
    )

    @model_validator(mode="after")
    def _chooses(self) -> Self:
        given = sorted(self.model_fields_set & {"bits", "sparsity"})
        if given and self.method != "rounding":
            raise ValueError(
                f"{self.method} chooses no {' and '.join(given)}, got {self.method!r}; "
                "method: rounding does"
            )
        if not any(bits or sparsity for bits in self.bits for sparsity in self.sparsity):
            raise ValueError("must let something change, got no bits and no sparsity")
        return self


class RecipeForm(Frozen):
    """A recipe: which model, what is done to it, and what is measured."""

    name: str | None = Field(
        None,
        pattern=r"^\w[\w.-]*$",
        description="Folder of its results: letters, digits and '._-'; by default the file's name.",
    )
    model: PathOrForm = Field(description="Voice folder, .ttsz file or another checkpoint file.")
    calibration: str | None = Field(
        None, description="Text file of sentences that stages may look at, one a line."
    )
    training: TextOrForm | None = Field(
        None, description="Text file of sentences that stages may train on, or {corpus: folder}."
    )
    stages: list[Stage] = Field(description="Methods, applied in this order.")
    search: SearchForm | None = Field(
        None, description="A target; what meets it is found, and becomes the last stages."
    )
    evaluate: EvaluateForm = Field(description="What every run speaks, and how.")
    sweep: Sweep = Field(
        {},
        description="Lists of values by key, as stages.0.sparsity; each combination is a run. Keys "
        "joined by commas take their values together, as lists of one for each.",
        json_schema_extra={"propertyNames": {"pattern": rf"^{SETTING}( *, *{SETTING})*$"}},
    )


FORMS: dict[str, type[BaseModel]] = {
    "model": CheckpointForm,
    "vocoder": CheckpointForm,
    "evaluate": EvaluateForm,
    "training": TrainingForm,
    "search": SearchForm,
    "target": TargetForm,
    **METHODS,
}


def json_schema() -> dict[str, Any]:
    """Gives the JSON Schema of recipe files, for editors."""
    schema = RecipeForm.model_json_schema()
    for method in METHODS.values():  # what is swept may be left out of its stage
        schema["$defs"][method.__name__]["required"] = ["method"]
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


@dataclass(frozen=True)
class Given:
    """A swept value, and under which keys of the recipe it stands."""

    value: Any
    at: tuple[str | int, ...]


Point = dict[str, Given]
"""One value for each swept setting, such as ``stages.0.sparsity``."""


def checked_form(file: YamlFile, values: Mapping[str, Any], point: Point) -> RecipeForm:
    """Gives the checked recipe.

    Args:
        file: Where the recipe stands, for messages.
        values: All that it says, with swept values in their places.
        point: The swept values by setting.

    Raises:
        RecipeError: A key is unknown or missing, or a value is wrong.
    """
    try:
        return RecipeForm.model_validate_json(json.dumps(values, default=str), strict=True)
    except ValidationError as error:
        raise problem(file, error, (), point) from None


# What is swept is only known where all methods are; a key that is missing may be misspelled.
ORDER = {"union_tag_invalid": 0, "union_tag_not_found": 0, "missing": 2, "value_error": 2}


def problem(
    file: YamlFile,
    found: ValidationError,
    prefix: Sequence[str | int],
    point: Point | None = None,
) -> RecipeError:
    """Turns what pydantic says into one line: where, what is wrong, got what, what is known."""
    error = min(found.errors(), key=lambda error: ORDER.get(error["type"], 1))
    keys = [*prefix, *error["loc"]]
    sections = [FORMS[key] for key in keys[:-1] if isinstance(key, str) and key in FORMS]
    if keys[0] == "stages" and len(keys) > 2:
        sections = [FORMS[str(keys[2])]]
        del keys[2]  # the method, which pydantic counts as a key
        keys[3:] = [key for key in keys[3:] if isinstance(key, int)]  # not one of several types
    fields = (sections[-1] if sections else RecipeForm).model_fields
    last = next(key for key in reversed(keys) if isinstance(key, str))
    hint = (fields[last].description if last in fields else None) or ""
    match error["type"]:
        case "extra_forbidden":
            return file.error(keys[:-1], f"unknown key {last!r}. {nearest(last, fields)}", keys)
        case "union_tag_invalid":
            given = error["ctx"]["tag"]
            return file.error(
                [*keys, "method"], f"unknown method {given!r}. {nearest(given, METHODS)}"
            )
        case "union_tag_not_found":
            return file.error([*keys, "method"], f"is missing. Known: {', '.join(METHODS)}.")
        case "missing":
            return file.error(keys, f"is missing. {hint}")
    swept = (point or {}).get(".".join(str(key) for key in keys[:3]))
    return file.error([*swept.at, *keys[3:]] if swept else keys, f"{complaint(error)} {hint}")
