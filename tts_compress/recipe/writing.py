"""A recipe as a plain file: what another recipe says, with other stages, written elsewhere."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from tts_compress.methods.base import Method
from tts_compress.recipe.forms import GRIFFIN_LIM, RecipeForm
from tts_compress.yaml_file import YamlFile

PATHS = {"model", "path", "config", "calibration", "training", "text", "corpus"}
PATHS |= {"sentences", "vocoder", "recordings"}
"""Keys of paths, which are written as seen from the new file."""

WIDTH = 100


def written(
    path: Path, folder: Path, name: str, stages: Sequence[Method], calibration: str | None = None
) -> str:
    """Gives the YAML of a recipe that does these stages, and else what one at a path does.

    Args:
        path: A recipe, with a search or without.
        folder: Where the new one will be.
        name: The name of its results.
        stages: What it does.
        calibration: Its file of calibration sentences, seen from the folder; that of the other one
            if None.
    """
    file = YamlFile.read(path, RecipeForm.model_fields)
    kept = ("model", "calibration", "training", "evaluate")
    values = _moved(file, {key: file.values[key] for key in kept if key in file.values}, folder)
    evaluate = values.pop("evaluate")
    if calibration is not None:
        values["calibration"] = calibration
    values = {"name": name, **values, "stages": list(map(_stage, stages)), "evaluate": evaluate}
    return yaml.safe_dump(values, sort_keys=False, width=WIDTH, allow_unicode=True)


def _moved(file: YamlFile, values: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Gives values with every path as seen from a folder."""

    def moved(key: str, value: Any) -> Any:
        if isinstance(value, dict):
            return {name: moved(name, inner) for name, inner in value.items()}
        if isinstance(value, list):
            return [moved(key, inner) for inner in value]
        if isinstance(value, str) and key in PATHS and value != GRIFFIN_LIM:
            return os.path.relpath(file.find(value, [key]), folder)
        return value

    found: dict[str, Any] = moved("", values)
    _move_tools(file, found["evaluate"], folder)
    return found


def _move_tools(file: YamlFile, evaluate: dict[str, Any], folder: Path) -> None:
    """Moves the paths of what listens and guesses, which may be names as well."""
    if "/" in (recognizer := str(evaluate.get("recognizer", ""))):
        evaluate["recognizer"] = os.path.relpath(file.find(recognizer, ["recognizer"]), folder)
    if isinstance(predictors := evaluate.get("predictors"), dict):
        evaluate["predictors"] = {
            name: weights and os.path.relpath(file.find(weights, [name]), folder)
            for name, weights in predictors.items()
        }


def _stage(stage: Method) -> dict[str, Any]:
    """Gives a stage as recipes say it, without what is so by default."""
    settings = stage.model_dump(mode="json", exclude_defaults=True)
    return {"method": stage.method, **settings}
