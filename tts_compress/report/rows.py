"""One row a run: what it is, the mean of all it measured, and how sure that is."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import fmean

from tts_compress.records import Record
from tts_compress.report.intervals import (
    Interval,
    Sample,
    Taken,
    difference_of,
    intervals,
    mean_of,
    rate_of,
)

RESIZED = "resized"  # how a run is brought into its final shape is no property of its quality
TREATMENT = re.compile(r"recalibrat|fine-?tun")
SETTING = re.compile(r"(?<!\S)(keep )?\d[\d.]*( %| bits?)?(?!\S)")
ENDINGS = ("", "_low", "_high", "_difference", "_difference_low", "_difference_high")
POOLED = {  # rates of all sentences together: what is added up, and by what that is divided
    "word_error_rate": ("word_errors", "words"),
    "character_error_rate": ("character_errors", "characters"),
    "word_error_rate_recording": ("word_errors_recording", "words_recording"),
    "character_error_rate_recording": ("character_errors_recording", "characters_recording"),
    "macs_per_second": ("macs", "seconds"),
    "effective_macs_per_second": ("effective_macs", "seconds"),
}


@dataclass(frozen=True)
class Row:
    """One run: what it is and the mean of each metric; a metric that was not taken is absent.

    Attributes:
        run_id: Its id, the name of its folder.
        name: The labels of its stages, joined by " + ".
        values: The mean of each metric, or its value where it is one of the whole run.
        counts: How many values that is of.
        sentences: The values of each metric that is taken of sentences, by their numbers from 1.
        intervals: How sure the means are, and the rates pooled over sentences; only of metrics of
            enough sentences.
        differences: How far they are from those of the dense run, of the sentences that both have;
            empty for the dense run itself.
    """

    run_id: str
    name: str
    values: Mapping[str, float]
    counts: Mapping[str, int]
    sentences: Mapping[str, Taken] = field(default_factory=dict)
    intervals: Mapping[str, Interval] = field(default_factory=dict)
    differences: Mapping[str, Interval] = field(default_factory=dict)

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
        removed = (SETTING.sub("", re.sub(r"\(.*", "", part)) for part in self._pruning)
        return " + ".join(" ".join(part.split()) for part in removed)

    @property
    def setting(self) -> str:
        """How much was removed or kept: ``50 %``, ``4 bits`` or, of two stages, ``50 %, 20 %``."""
        found = (SETTING.finditer(re.sub(r"\(.*", "", part)) for part in self._pruning)
        return ", ".join(dict.fromkeys(match[0] for matches in found for match in matches))

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

    @property
    def numbers(self) -> dict[str, float]:
        """All means, and their intervals and differences under names that end in `ENDINGS`."""
        found = dict(self.values)
        for metric, ends in self.intervals.items():
            found |= {f"{metric}_low": ends.low, f"{metric}_high": ends.high}
        for metric, apart in self.differences.items():
            found[f"{metric}_difference"] = apart.mean
            found[f"{metric}_difference_low"] = apart.low
            found[f"{metric}_difference_high"] = apart.high
        return found


def row_of(run_id: str, name: str, records: Iterable[Record]) -> Row:
    """Gives the row of one run, without intervals."""
    taken: dict[str, list[Record]] = {}
    for record in records:
        taken.setdefault(record.metric, []).append(record)
    sentences = {
        metric: {r.sentence: r.value for r in found if r.sentence is not None}
        for metric, found in taken.items()
    }
    return Row(
        run_id,
        name,
        {metric: fmean(record.value for record in found) for metric, found in taken.items()},
        {metric: len(found) for metric, found in taken.items()},
        {metric: values for metric, values in sentences.items() if values},
    )


def with_intervals(rows: Sequence[Row], dense: Row | None) -> list[Row]:
    """Gives the rows with their intervals, all of the same draws.

    Args:
        rows: Some runs of the same sentences.
        dense: The one of them that the others are compared with, if there is one.
    """
    means, differences = dict[tuple[str, str], Sample](), dict[tuple[str, str], Sample]()
    for row in rows:
        for metric, parts in _parts(row).items():
            means[row.run_id, metric] = rate_of(*parts) if len(parts) == 2 else mean_of(*parts)
            theirs = _parts(dense).get(metric) if dense and dense is not row else None
            if theirs:
                differences[row.run_id, metric] = difference_of(parts, theirs)
    found, apart = intervals(means), intervals(differences)
    return [
        replace(
            row,
            intervals={m: ends for (run, m), ends in found.items() if run == row.run_id},
            differences={m: ends for (run, m), ends in apart.items() if run == row.run_id},
        )
        for row in rows
    ]


def compared(rows: Sequence[Row], other: Row, metric: str) -> dict[str, Interval]:
    """Gives by id how far runs are from another, each of the sentences that both have."""
    theirs = _parts(other).get(metric, ())
    parts = {row.run_id: _parts(row).get(metric, ()) for row in rows}
    return intervals(
        {run: difference_of(ours, theirs) for run, ours in parts.items() if ours and theirs}
    )


def _parts(row: Row) -> dict[str, tuple[Taken, ...]]:
    """Gives what each mean of a row is made of: tops, and bottoms where it is a pooled rate."""
    means = {metric: (taken,) for metric, taken in row.sentences.items()}
    rates = {
        metric: tuple(row.sentences[part] for part in parts)
        for metric, parts in POOLED.items()
        if metric in row.values and row.sentences.keys() >= set(parts)
    }
    return {**means, **rates}


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
