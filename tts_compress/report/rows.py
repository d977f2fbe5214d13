"""The runs of a folder of results, as rows: what each is, and the mean of all it measured.

A folder of results has ``recipe.json`` (``{"name": ..., "runs": [{"id", "name"}, ...]}``, the dense
run first) and a folder of each run's id with ``DONE``, ``records.jsonl`` and ``timings.jsonl``.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from tts_compress.errors import ArtifactError
from tts_compress.records import read_records

RESIZED = "resized"  # how a run is brought into its final shape is no property of its quality
TREATMENT = re.compile(r"recalibrat|fine-?tun")
SETTING = re.compile(r"(keep )?\d[\d.]*( %)?")


@dataclass(frozen=True)
class Row:
    """One run: what it is and the mean of each metric; a metric that was not taken is absent.

    The name of a run joins the labels of its stages by " + ".
    """

    run_id: str
    name: str
    values: Mapping[str, float]
    counts: Mapping[str, int]

    @property
    def stages(self) -> tuple[str, ...]:
        """Labels of the stages, without the one that only removes what is zero."""
        return tuple(part for part in self.name.split(" + ") if part != RESIZED)

    @property
    def method(self) -> str:
        """What was removed, without how much.

        >>> Row("", "channels ffn 50 % by taylor + recalibrated + resized", {}, {}).method
        'channels ffn by taylor'
        """
        removed = (SETTING.sub("", re.sub(r"\(.*", "", part), count=1) for part in self._pruning)
        return " + ".join(" ".join(part.split()) for part in removed)

    @property
    def setting(self) -> str:
        """How much was removed, such as ``50 %``, ``keep 7`` or, of two stages, ``50 %, 20 %``."""
        found = (SETTING.search(part) for part in self._pruning)
        return ", ".join(dict.fromkeys(match[0] for match in found if match))

    @property
    def treatment(self) -> str:
        """What was done to recover, such as ``recalibrated``; ``bare`` if nothing was."""
        return " + ".join(part for part in self.stages if TREATMENT.match(part)) or "bare"

    @property
    def _pruning(self) -> list[str]:
        return [part for part in self.stages if not TREATMENT.match(part)]

    @property
    def n_failed(self) -> int:
        """How many sentences failed."""
        return round(self.values.get("failed", 0.0) * self.counts.get("failed", 0))


def read_rows(folder: Path) -> tuple[str, list[Row]]:
    """Gives the recipe's name and a row for each finished run, in the recipe's order.

    Raises:
        ArtifactError: The folder holds no results, or not those of the dense run, which the others
            are compared with.
    """
    index = folder / "recipe.json"
    if not index.is_file():
        raise ArtifactError(
            f"{folder}: no results, recipe.json is missing. Give a folder such as runs/<recipe>."
        )
    try:
        recipe = json.loads(index.read_text(encoding="utf-8"))
        name, runs = recipe["name"], [(run["id"], run["name"]) for run in recipe["runs"]]
    except (ValueError, TypeError, KeyError) as error:
        raise ArtifactError(
            f"{index}: truncated or altered ({error}). Run the recipe again."
        ) from None
    done = [run for run in runs if (folder / run[0] / "DONE").exists()]
    if runs[:1] != done[:1]:
        raise ArtifactError(f"{folder}: the dense run is not done. Run the recipe again.")
    return name, [_row(*run, folder / run[0]) for run in done]


def indented(rows: Sequence[Row]) -> list[str]:
    """Names runs as a tree: a run that adds stages to one above it says only these, indented.

    >>> names = ["heads keep 2", "heads keep 2 + recalibrated", "heads keep 1"]
    >>> indented([Row("", name, {}, {}) for name in names])
    ['heads keep 2', '  + recalibrated', 'heads keep 1']
    """
    names, above = [], list[tuple[str, ...]]()
    for row in rows:
        while above and row.stages[: len(above[-1])] != above[-1]:
            above.pop()
        shared = len(above[-1]) if above else 0
        lead = "  " * len(above) + "+ " if above else ""
        names.append(lead + " + ".join(row.stages[shared:]))
        above.append(row.stages)
    return names


def _row(run_id: str, name: str, folder: Path) -> Row:
    values: dict[str, list[float]] = {}
    for record in [
        *read_records(folder / "records.jsonl"),
        *read_records(folder / "timings.jsonl"),
    ]:
        values.setdefault(record.metric, []).append(record.value)
    return Row(
        run_id,
        name,
        {metric: fmean(taken) for metric, taken in values.items()},
        {metric: len(taken) for metric, taken in values.items()},
    )
