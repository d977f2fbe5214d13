"""What recipe files may say, and one clear line for what they may not."""

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError

from tts_compress.errors import RecipeError, nearest
from tts_compress.methods import METHODS, Stage
from tts_compress.recipe.files import RecipeFile

GRIFFIN_LIM = "griffin_lim"


class Frozen(BaseModel):
    """Settings that do not change and know all their keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class CheckpointForm(Frozen):
    """A checkpoint as recipes name it."""

    path: str = Field(description="Voice folder, artifact folder or checkpoint file.")
    config: list[str] = Field([], description="Config files of a public checkpoint.")
    architecture: str | None = Field(None, description="The architecture that it must be.")


def _as_mapping(value: Any) -> Any:
    return {"path": value} if isinstance(value, str) else value


PathOrForm = Annotated[
    CheckpointForm, BeforeValidator(_as_mapping, json_schema_input_type=str | CheckpointForm)
]
Sweep = dict[str, Annotated[list[Any], Field(min_length=1)]]


class EvaluateForm(Frozen):
    """What every run speaks, and how."""

    sentences: str = Field(description="Text file, one sentence a line.")
    vocoder: PathOrForm = Field(
        CheckpointForm(path=GRIFFIN_LIM), description="griffin_lim, or a HiFi-GAN checkpoint."
    )
    seed: int = Field(0, ge=0, lt=2**32, description="Seed of dropout and first phases.")


class RecipeForm(Frozen):
    """A recipe: which model, what is done to it, and what is measured."""

    name: str | None = Field(
        None,
        pattern=r"^\w[\w.-]*$",
        description="Folder of its results: letters, digits and '._-'; by default the file's name.",
    )
    model: PathOrForm = Field(description="Voice folder, artifact folder or checkpoint file.")
    stages: list[Stage] = Field(description="Methods, applied in this order.")
    evaluate: EvaluateForm = Field(description="What every run speaks, and how.")
    sweep: Sweep = Field(
        {},
        description="Lists of values by key, as stages.0.sparsity; each combination is a run.",
        json_schema_extra={"propertyNames": {"pattern": r"^stages\.[0-9]+\.\w+$"}},
    )


FORMS: dict[str, type[BaseModel]] = {
    "model": CheckpointForm,
    "vocoder": CheckpointForm,
    "evaluate": EvaluateForm,
    **METHODS,
}


def json_schema() -> dict[str, Any]:
    """Gives the JSON Schema of recipe files, for editors."""
    schema = RecipeForm.model_json_schema()
    for method in METHODS.values():  # what is swept may be left out of its stage
        schema["$defs"][method.__name__]["required"] = ["method"]
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def swept_values(file: RecipeFile) -> dict[str, list[Any]]:
    """Gives the sweep of a recipe file, each key of which names a setting of a stage.

    Raises:
        RecipeError: The sweep is no mapping to lists, a list is empty, or a key names no setting.
    """
    given = file.values.get("sweep", {})
    try:
        sweep = TypeAdapter(Sweep).validate_python(given, strict=True)
    except ValidationError as error:
        raise _problem(file, error, ("sweep",)) from None
    stages = file.values.get("stages")
    methods = [_method(stage) for stage in stages] if isinstance(stages, list) else []
    known = [
        f"stages.{index}.{field}"
        for index, method in enumerate(methods)
        for field in (METHODS[method].model_fields if method else ())
        if field != "method"
    ]
    if not isinstance(stages, list) or None in methods:
        return {}  # what is wrong with the stages is said when they are checked
    for key in sweep:
        if key not in known:
            raise file.error(["sweep", key], f"names no setting of a stage. {nearest(key, known)}")
    return sweep


def _method(stage: Any) -> str | None:
    method = stage.get("method") if isinstance(stage, dict) else None
    return method if isinstance(method, str) and method in METHODS else None


def checked_form(
    file: RecipeFile, values: Mapping[str, Any], point: Mapping[str, Any]
) -> RecipeForm:
    """Gives the checked recipe.

    Args:
        file: Where the recipe stands, for messages.
        values: All that it says, with swept values in their places.
        point: The swept values by key.

    Raises:
        RecipeError: A key is unknown or missing, or a value is wrong.
    """
    try:
        return RecipeForm.model_validate_json(json.dumps(values, default=str), strict=True)
    except ValidationError as error:
        raise _problem(file, error, (), point) from None


MESSAGES = {
    "float_type": "must be a number",
    "int_type": "must be a whole number",
    "string_type": "must be text",
    "list_type": "must be a list",
    "tuple_type": "must be a list",
    "dict_type": "must be names and values",
    "model_type": "must be names and values",
    "model_attributes_type": "must be names and values",
    "string_pattern_mismatch": "cannot name a folder",
    "too_short": "must hold at least one value",
}


def _problem(
    file: RecipeFile,
    found: ValidationError,
    prefix: Sequence[str | int],
    point: Mapping[str, Any] | None = None,
) -> RecipeError:
    """Turns what pydantic says into one line: where, what is wrong, got what, what is known."""
    # A key that is missing may be one that is misspelled, which is said first.
    error = min(found.errors(), key=lambda error: error["type"] == "missing")
    keys = [*prefix, *error["loc"]]
    sections = [FORMS[key] for key in keys[:-1] if isinstance(key, str) and key in FORMS]
    fields = (sections[-1] if sections else RecipeForm).model_fields
    if keys[0] == "stages" and len(keys) > 2:
        del keys[2]  # the method, which pydantic counts as a key
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
    what = MESSAGES.get(error["type"]) or error["msg"].replace("Input should", "must")
    swept = ".".join(str(key) for key in keys[:3])
    if point and swept in point:
        keys = ["sweep", swept, file.values["sweep"][swept].index(point[swept])]
    return file.error(keys, f"{what}, got {error['input']!r}. {hint}")
