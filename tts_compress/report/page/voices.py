"""Which runs belong on one plot: those of one dense network on the same sentences."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tts_compress.report.reading import Results, RunResult
from tts_compress.report.rows import Row


@dataclass
class Voice:
    """The runs of one dense network on the same sentences, from one recipe or several.

    Attributes:
        key: Id of the dense run, or the folder's name where there is no run.
        recipes: Their folders of results.
        runs: Every run by its id, that of the first recipe that has it done.
        recipes_of: Names of the recipes that each run is in, by its id.
    """

    key: str
    recipes: list[Results] = field(default_factory=list)
    runs: dict[str, RunResult] = field(default_factory=dict)
    recipes_of: dict[str, list[str]] = field(default_factory=dict)

    @property
    def dense(self) -> RunResult | None:
        """The dense run, if it is done."""
        run = self.runs.get(self.key)
        return run if run and run.status == "done" else None

    @property
    def name(self) -> str:
        """The recipe's name, or the architecture and the names of its recipes."""
        names = list(dict.fromkeys(results.name for results in self.recipes))
        if len(names) == 1:
            return names[0]
        architectures = [run.architecture for run in self.runs.values() if run.architecture]
        return ": ".join([*architectures[:1], ", ".join(names)])

    @property
    def sentences(self) -> list[str]:
        """The sentences; those whose text is not known are called by their numbers."""
        known = max((results.sentences for results in self.recipes), key=len, default=())
        numbers = [n for run in self.runs.values() for n in run.wavs]
        numbers += [n for row in self.rows for taken in row.sentences.values() for n in taken]
        rest = range(len(known) + 1, max(numbers, default=0) + 1)
        return [*known, *(f"Sentence {number}" for number in rest)]

    @property
    def rows(self) -> list[Row]:
        """The rows of the runs that are done."""
        return [run.row for run in self.runs.values() if run.row]

    @property
    def recordings(self) -> Mapping[int, Path]:
        """Recordings of the sentences, by number."""
        return next((r.recordings for r in self.recipes if r.recordings), {})


def grouped(found: Sequence[Results]) -> list[Voice]:
    """Puts recipes whose dense run is the same together, in the order they were given."""
    voices: dict[str, Voice] = {}
    for results in found:
        key = results.runs[0].id if results.runs else f"{results.folder}"
        voice = voices.setdefault(key, Voice(key))
        voice.recipes.append(results)
        for run in results.runs:
            names = voice.recipes_of.setdefault(run.id, [])
            if results.name not in names:
                names.append(results.name)
            if run.id not in voice.runs or _better(run, voice.runs[run.id]):
                voice.runs[run.id] = run
    return list(voices.values())


def _better(run: RunResult, other: RunResult) -> bool:
    return run.status == "done" and other.status != "done"
