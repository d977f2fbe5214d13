"""What the YAML file of a listening test may say, and one clear line for what it may not."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, Field, ValidationError, model_validator

from tts_compress.errors import RecipeError, nearest
from tts_compress.listening.building.pages import PAGES, Frozen, Page, Question, default_pages
from tts_compress.listening.built import KINDS, Kind
from tts_compress.yaml_file import YamlFile, complaint

RECORDING = "recording"
PAIRED: tuple[Kind, ...] = ("abx", "ab", "cmos")


class SourceForm(Frozen):
    """Where the wavs of a system are."""

    run: str | None = Field(None, description="recipe/run, the run by its id or name.")
    folder: str | None = Field(None, description="Folder of NNN.wav.")

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if (self.run is None) == (self.folder is None):
            raise ValueError("must be recipe/run, or {folder: wavs}")
        return self


def _as_run(value: Any) -> Any:
    return {"run": value} if isinstance(value, str) else value


RunOrFolder = Annotated[
    SourceForm, BeforeValidator(_as_run, json_schema_input_type=str | SourceForm)
]


class ListeningForm(Frozen):
    """A listening test: what is compared, by what method, and how listeners share the work."""

    name: str | None = Field(
        None, pattern=r"^\w[\w.-]*$", description="By default the file's name."
    )
    kind: Kind = Field(description="What listeners do.")
    title: str = Field("Listening test", description="What listeners read above every page.")
    question: str | None = Field(
        None, min_length=1, description="What every trial asks; by default that of the kind."
    )
    systems: dict[str, RunOrFolder] = Field(
        min_length=1, description="What is compared: name to recipe/run, or to {folder: wavs}."
    )
    reference: str | None = Field(
        None, description="A system's name, or recording: the recordings beside the runs."
    )
    hidden_reference: bool | None = Field(
        None, description="Whether the reference is judged too, unnamed; true by default."
    )
    anchors: tuple[Annotated[int, Field(ge=500, le=16000)], ...] | None = Field(
        None, description="Low-pass copies of the reference, Hz; [3500, 7000] by default."
    )
    pairs: tuple[tuple[str, str], ...] | None = Field(
        None, min_length=1, description="Two systems each; by default every one with the first."
    )
    sentences: tuple[Annotated[int, Field(ge=1)], ...] | Literal["all"] = Field(
        "all", description="Numbers of sentences, from 1, or all."
    )
    per_listener: int | None = Field(None, ge=1, description="Trials of one listener; all if none.")
    listeners: int = Field(24, ge=1, le=10000, description="How many the design is balanced over.")
    seed: int = Field(0, ge=0, lt=2**32, description="Seed of all that differs between listeners.")
    loudness: float = Field(-23.0, ge=-40, le=-10, description="LUFS, ITU-R BS.1770.")
    ties: bool = Field(False, description="Whether 'no preference' is offered.")
    show_text: bool = Field(True, description="Whether listeners read the sentence.")
    comments: bool = Field(False, description="Whether listeners may comment on every trial.")
    checks: int | None = Field(
        None, ge=0, le=20, description="Gold and trap trials per listener; 2, and 0 for mushra."
    )
    pages: tuple[Page, ...] = Field(
        default_factory=default_pages, description="Pages in order, each with its type."
    )

    @property
    def compared(self) -> tuple[str, ...]:
        """Systems that are judged; a reference is judged as the hidden reference, not here."""
        if self.kind in PAIRED:
            return tuple(name for name in self.systems if any(name in p for p in self.all_pairs))
        return tuple(name for name in self.systems if name != self.reference)

    @property
    def all_pairs(self) -> tuple[tuple[str, str], ...]:
        """Pairs that are compared: those given, or the first system with every other."""
        first, *others = self.systems
        return self.pairs or tuple((first, other) for other in others)

    @property
    def hides_reference(self) -> bool:
        """Whether a copy of the reference is judged."""
        judged = self.reference is not None and self.kind not in PAIRED
        return judged and self.hidden_reference is not False

    @property
    def cutoffs(self) -> tuple[int, ...]:
        """Cutoff of each anchor, Hz."""
        if self.kind != "mushra":
            return ()
        return (3500, 7000) if self.anchors is None else self.anchors

    @property
    def checks_per_listener(self) -> int:
        """How many gold and trap trials a listener gets."""
        return (0 if self.kind == "mushra" else 2) if self.checks is None else self.checks


def parse_form(path: Path) -> tuple[YamlFile, ListeningForm]:
    """Gives the test file, each of its values checked, and where in it everything stands.

    Raises:
        RecipeError: The file is missing, or a key is unknown or missing, or a value is wrong.
    """
    file = YamlFile.read(path, ListeningForm.model_fields)
    try:
        form = ListeningForm.model_validate_json(json.dumps(file.values, default=str), strict=True)
    except ValidationError as error:
        raise _problem(file, error) from None
    return file, form


# A list in which a value is wrong is too short for pydantic, and a key that is missing may be
# misspelled: those come last.
ORDER = {"union_tag_invalid": 0, "union_tag_not_found": 0, "missing": 2, "too_short": 3}


def _problem(file: YamlFile, found: ValidationError) -> RecipeError:
    """Turns what pydantic says into one line: where, what is wrong, got what, what is known."""
    error = min(found.errors(), key=lambda error: ORDER.get(error["type"], 1))
    form, keys = _place(error["loc"])
    last = keys[-1]
    description = form.model_fields[last].description if last in form.model_fields else None
    hint = description or ""
    match error["type"]:
        case "extra_forbidden":
            known = nearest(str(last), form.model_fields)
            return file.error(keys[:-1], f"unknown key {last!r}. {known}", keys)
        case "union_tag_invalid":
            given = error["ctx"]["tag"]
            return file.error([*keys, "type"], f"unknown page {given!r}. {nearest(given, PAGES)}")
        case "union_tag_not_found":
            return file.error([*keys, "type"], f"is missing. Known: {', '.join(PAGES)}.")
        case "missing":
            return file.error(keys, f"is missing. {hint}")
        case "literal_error" if last == "kind":
            given = str(error["input"])
            return file.error(keys, f"unknown kind {given!r}. {nearest(given, KINDS)}")
    if keys[0] == "sentences" and len(keys) == 1:
        given = error["input"]
        return file.error(keys, f"must be a list of numbers, or all, got {given!r}. {hint}")
    return file.error(keys, f"{complaint(error)} {hint}")


def _place(loc: Sequence[str | int]) -> tuple[type[BaseModel], list[str | int]]:
    """Gives the form that an error is in, and its keys, without the names of types in them."""
    keys = list(loc)
    if not keys:
        return ListeningForm, ["kind"]
    if keys[0] == "pages" and len(keys) > 2:
        page = PAGES[str(keys.pop(2))]
        inside = keys[2:3] == ["questions"] and len(keys) > 4
        return (Question if inside else page), keys
    if keys[0] == "systems" and len(keys) > 2:
        return SourceForm, keys
    if keys[0] in ("sentences", "anchors"):
        keys[1:] = [key for key in keys[1:] if isinstance(key, int)]
    return ListeningForm, keys
