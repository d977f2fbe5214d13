"""What an answer to a page may be: its form, and what makes it complete.

An answer that is not done may lack anything; what it has must be of this page and in range.
"""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Generic, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import PydanticCustomError

from tts_compress.errors import ListeningError
from tts_compress.listening.built import Id
from tts_compress.listening.design import sounds_of
from tts_compress.listening.serving.database import Answer

LONGEST = {"text": 1000, "long": 10_000}  # characters of an answer in words
LONGEST_COMMENT = 5000
STEP_ERROR = 1e-6  # how far a rating may be from a step of its scale, by rounding
LARGEST = 10**9
Page = Mapping[str, Any]


def _is_number(value: Any) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and abs(value) <= LARGEST  # false for NaN


def _number(value: Any) -> int | float:
    if not _is_number(value):
        raise PydanticCustomError("number", "must be a finite number")
    return value  # type: ignore[no-any-return]


Whole = Annotated[int, Field(ge=0, le=10**9)]
Number = Annotated[Any, AfterValidator(_number)]
Comment = Annotated[str, Field(max_length=LONGEST_COMMENT)]


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _Nothing(_Form):
    pass


class _Consent(_Form):
    agreed: bool = False


class _Volume(_Form):
    volume: Number = 1


class _Headphones(_Form):
    choices: dict[Id, Whole] = {}


class _Questionnaire(_Form):
    answers: dict[Id, Any] = {}  # by the type of each question


class _Ratings(_Form):
    ratings: dict[Id, Number] = {}
    comment: Comment = ""


class _Choice(_Form):
    choice: Id = ""
    comment: Comment = ""


V = TypeVar("V", bound=_Form)


class _Offered(_Form, Generic[V]):
    revision: Annotated[int, Field(ge=1, le=10**9)]
    done: bool
    values: V
    seconds: Number
    plays: dict[Id, Whole]


FORMS: dict[str, type[_Offered[Any]]] = {
    "text": _Offered[_Nothing],
    "finish": _Offered[_Nothing],
    "consent": _Offered[_Consent],
    "volume": _Offered[_Volume],
    "headphones": _Offered[_Headphones],
    "questionnaire": _Offered[_Questionnaire],
    "ratings": _Offered[_Ratings],
    "choice": _Offered[_Choice],
}


def read_answer(page: Page, body: bytes) -> Answer:
    """Reads an answer to a page of a listener's session.

    Args:
        page: The page, as `design.session` gives it.
        body: The answer as JSON.

    Raises:
        ListeningError: It is no answer to this page, or done without being complete.
    """
    form = page["type"]
    if form == "trial":
        form = "ratings" if page["scale"] else "choice"
    try:
        offered = FORMS[form].model_validate_json(body)
    except ValidationError as error:
        raise ListeningError(f"{page['id']}: {_first(error)}") from None
    values = offered.values.model_dump(exclude_unset=True)
    fault = "seconds: negative" if offered.seconds < 0 else None
    fault = fault or _plays_fault(page, offered.plays, offered.done)
    fault = fault or CHECKS[form](page, values, offered.done)
    if fault:
        raise ListeningError(f"{page['id']}: {fault}.")
    return Answer(
        offered.revision, offered.done, values, float(offered.seconds), dict(offered.plays)
    )


def _first(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_context=False)[0]
    where = ".".join(map(_key, first["loc"])) or "answer"
    return f"{where}: {first['msg']}, got {first['input']!r:.60}."


def _key(part: int | str) -> str:
    """Gives a part of a place, which may be any text that was sent, as what fits into a line."""
    text = str(part)
    return text if text.isprintable() and len(text) <= 60 else f"{text!r:.60}"


def _plays_fault(page: Page, plays: dict[str, int], done: bool) -> str | None:
    heard = sounds_of(page)
    if unknown := plays.keys() - heard:
        return f"plays: no sound of this page, got {min(unknown)!r}"
    missing = {each for each in heard if not plays.get(each)}
    if done and page["type"] == "trial" and missing:
        return f"plays: not heard to the end, got {sorted(missing)}"
    return None


def _nothing(page: Page, values: dict[str, Any], done: bool) -> str | None:
    return None


def _consent(page: Page, values: dict[str, Any], done: bool) -> str | None:
    return "agreed: must be given to go on" if done and not values.get("agreed") else None


def _volume(page: Page, values: dict[str, Any], done: bool) -> str | None:
    if not 0 <= values.get("volume", 0) <= 1:
        return f"volume: not in 0 to 1, got {values['volume']!r}"
    return _missing("volume", {"volume"} - values.keys(), done)


def _headphones(page: Page, values: dict[str, Any], done: bool) -> str | None:
    choices = values.get("choices", {})
    most = {trial["id"]: len(trial["choices"]) for trial in page["trials"]}
    for key, choice in choices.items():
        if choice >= most.get(key, 0):
            return f"choices.{key}: no choice of this page, got {choice!r}"
    return _missing("choices", most.keys() - choices.keys(), done)


def _questionnaire(page: Page, values: dict[str, Any], done: bool) -> str | None:
    answers = values.get("answers", {})
    questions = {question["id"]: question for question in page["questions"]}
    for key, answer in answers.items():
        if key not in questions:
            return f"answers.{key}: no question of this page"
        if fault := _question_fault(questions[key], answer, done):
            return f"answers.{key}: {fault}, got {answer!r:.60}"
    answered = {key for key, answer in answers.items() if answer not in ("", [])}
    required = {key for key, question in questions.items() if question.get("required")}
    return _missing("answers", required - answered, done)


def _question_fault(question: Page, answer: Any, done: bool) -> str | None:
    """Says what is wrong; a number may be out of range while it is being typed."""
    form, choices = question["type"], question.get("choices") or ()
    if form == "number":
        low, high = question.get("min"), question.get("max")
        if not _is_number(answer):
            return "must be a finite number"
        outside = (low is not None and answer < low) or (high is not None and answer > high)
        return f"must be in {low} to {high}" if done and outside else None
    if form == "multiple":
        known = isinstance(answer, list) and all(each in choices for each in answer)
        return None if known and len(set(answer)) == len(answer) else "must be choices, each once"
    if not isinstance(answer, str):
        return "must be a text"
    if form == "choice":
        return None if answer in choices else "must be one of the choices"
    longest = LONGEST[form]
    return f"must have at most {longest} characters" if len(answer) > longest else None


def _ratings(page: Page, values: dict[str, Any], done: bool) -> str | None:
    ratings, scale = values.get("ratings", {}), page["scale"]
    rated = [each["id"] for each in page["stimuli"]]
    if page["kind"] == "cmos":
        rated = rated[1:]  # the second, against the first
    for key, rating in ratings.items():
        if key not in rated:
            return f"ratings.{key}: not rated on this page"
        steps = (rating - scale["min"]) / scale["step"]
        on_scale = scale["min"] <= rating <= scale["max"]
        if not on_scale or abs(steps - round(steps)) > STEP_ERROR:
            return f"ratings.{key}: not on the scale, got {rating!r}"
    return _missing("ratings", set(rated) - ratings.keys(), done) or _comment(page, values)


def _choice(page: Page, values: dict[str, Any], done: bool) -> str | None:
    choices = {each["id"] for each in page["stimuli"]} | ({"none"} if page["ties"] else set())
    if "choice" in values and values["choice"] not in choices:
        return f"choice: no choice of this page, got {values['choice']!r}"
    return _missing("choice", {"choice"} - values.keys(), done) or _comment(page, values)


def _comment(page: Page, values: dict[str, Any]) -> str | None:
    return "comment: not asked for" if values.get("comment") and not page["comment"] else None


def _missing(what: str, missing: set[str], done: bool) -> str | None:
    return f"{what}: missing, got none for {sorted(missing)}" if done and missing else None


CHECKS: dict[str, Callable[[Page, dict[str, Any], bool], str | None]] = {
    "text": _nothing,
    "finish": _nothing,
    "consent": _consent,
    "volume": _volume,
    "headphones": _headphones,
    "questionnaire": _questionnaire,
    "ratings": _ratings,
    "choice": _choice,
}
