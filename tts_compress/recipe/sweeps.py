"""Sweeps: lists of values by setting to points, and a name for the run of each."""

import itertools
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from pydantic import TypeAdapter, ValidationError

from tts_compress.errors import RecipeError, nearest
from tts_compress.methods import METHODS
from tts_compress.recipe.forms import Given, Point, RecipeForm, Sweep, problem
from tts_compress.yaml_file import YamlFile


def points(file: YamlFile) -> list[Point]:
    """Gives each combination of swept values, the last key changing fastest.

    Raises:
        RecipeError: The sweep is no mapping to lists, a list is empty, a key names no setting or
            names one again, or a row of a joint key has not one value for each.
    """
    entries = [list(_rows(file, key, values)) for key, values in _swept(file).items()]
    return [
        {setting: given for row in rows for setting, given in row.items()}
        for rows in itertools.product(*entries)
    ]


def filled(file: YamlFile, point: Point) -> dict[str, Any]:
    """Gives what a recipe says, with the swept values of a point in their places."""
    values: dict[str, Any] = json.loads(json.dumps(file.values, default=str))
    for setting, given in point.items():
        _, index, field = setting.split(".")
        values["stages"][int(index)][field] = given.value
    return values


def _swept(file: YamlFile) -> dict[str, list[Any]]:
    """Gives the sweep of a recipe file, each key of which names settings of stages."""
    try:
        sweep = TypeAdapter(Sweep).validate_python(file.values.get("sweep", {}), strict=True)
    except ValidationError as error:
        raise problem(file, error, ("sweep",)) from None
    stages = file.values.get("stages")
    methods = [_method(stage) for stage in stages] if isinstance(stages, list) else []
    if not isinstance(stages, list) or None in methods:
        return {}  # what is wrong with the stages is said when they are checked
    known = [
        f"stages.{index}.{field}"
        for index, method in enumerate(methods)
        for field in (METHODS[method].model_fields if method else ())
        if field != "method"
    ]
    first: dict[str, str] = {}
    for key in sweep:
        for setting in _settings(key):
            which = f"{setting!r} " if "," in key else ""
            if setting not in known:
                message = f"{which}names no setting of a stage. {nearest(setting, known)}"
                raise file.error(["sweep", key], message)
            if first.setdefault(setting, key) != key or _settings(key).count(setting) > 1:
                message = f"a setting is swept twice, got {setting!r} again. Remove one."
                raise file.error(["sweep", key], message)
    return sweep


def _method(stage: Any) -> str | None:
    method = stage.get("method") if isinstance(stage, dict) else None
    return method if isinstance(method, str) and method in METHODS else None


def _settings(key: str) -> list[str]:
    """Gives the settings that a key names.

    >>> _settings("stages.1.enabled, stages.2.enabled")
    ['stages.1.enabled', 'stages.2.enabled']
    """
    return [setting.strip() for setting in key.split(",")]


def _rows(file: YamlFile, key: str, values: Sequence[Any]) -> Iterator[Point]:
    """Gives what each value of a key sets, which is several settings if the key is joint."""
    settings = _settings(key)
    for index, value in enumerate(values):
        at = ("sweep", key, index)
        if len(settings) == 1:
            yield {settings[0]: Given(value, at)}
        elif isinstance(value, list) and len(value) == len(settings):
            each = zip(settings, value, strict=True)
            yield {name: Given(v, (*at, column)) for column, (name, v) in enumerate(each)}
        else:
            message = f"must be a list of {len(settings)} values, got {value!r}. Give one a key."
            raise file.error(at, message)


def names(file: YamlFile, given: Sequence[Point], forms: Sequence[RecipeForm]) -> list[str]:
    """Names the run of each point: labels of its stages, and swept values where they are the same.

    Raises:
        RecipeError: Two points have the same stages.
    """
    _check_distinct(file, given, forms)
    labels = [" + ".join(stage.label for stage in form.stages if stage.enabled) for form in forms]
    found = labels
    for full in (False, True):  # values of stages that are done mostly suffice
        counts = Counter(found)
        values = [_values(point, form, full) for point, form in zip(given, forms, strict=True)]
        found = [
            f"{label} ({more})" if more and counts[name] > 1 else name
            for name, label, more in zip(found, labels, values, strict=True)
        ]
    return found


def _values(point: Point, form: RecipeForm, full: bool) -> str:
    """Writes the swept values that make a run another one; in full, also what is not done."""
    return ", ".join(
        f"{setting.removeprefix('stages.')}={given.value}"
        for setting, given in point.items()
        if full or (_is_done(setting, form) and not setting.endswith(".enabled"))
    )


def _is_done(setting: str, form: RecipeForm) -> bool:
    return form.stages[int(setting.split(".")[1])].enabled


def _check_distinct(file: YamlFile, given: Sequence[Point], forms: Sequence[RecipeForm]) -> None:
    """Says which points give the same run, and why if that is since a stage is not done."""
    first: dict[str, Point] = {}
    for point, form in zip(given, forms, strict=True):
        stages = [stage for stage in form.stages if stage.enabled]
        key = json.dumps([stage.model_dump(mode="json") for stage in stages])
        other = first.setdefault(key, point)
        if other is point or not stages:
            continue
        differ = [setting for setting in point if other[setting].value != point[setting].value]
        idle = next((setting for setting in differ if not _is_done(setting, form)), None)
        name = " + ".join(stage.label for stage in stages)
        raise _same(file, name, (other, point), idle)


def _same(file: YamlFile, name: str, both: Sequence[Point], idle: str | None) -> RecipeError:
    at = " and ".join(", ".join(f"{key}={g.value}" for key, g in point.items()) for point in both)
    advice = "Remove one."
    if idle:
        stage, _, field = idle.rpartition(".")
        joint = f"{stage}.enabled, {stage}.{field}"
        advice = f"{idle} changes nothing while its stage is disabled: sweep {joint!r} together."
    return file.error(["sweep"], f"two runs are the same, got {name!r} for {at}. {advice}")
