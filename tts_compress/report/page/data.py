"""All that the page shows, as one JSON object."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Console

from tts_compress.errors import ArtifactError
from tts_compress.report.axes import SPREAD
from tts_compress.report.frontier import EQUAL
from tts_compress.report.intervals import Interval
from tts_compress.report.labels import apart
from tts_compress.report.ladder import BOUND, RUNGS
from tts_compress.report.measures import MEASURES, SIZE, WORK, measure
from tts_compress.report.page import images
from tts_compress.report.page.assets import Arrays, Folder
from tts_compress.report.page.gist import gist
from tts_compress.report.page.voices import Voice
from tts_compress.report.reading import Results, RunResult
from tts_compress.report.rows import Row
from tts_compress.report.sizes import compared_by

COUNTS = ("words", "characters", "word_errors", "character_errors", "seconds")  # rates say more
RECORDED = "_recording"  # ends the names of measures of the recordings
COLUMNS = (  # beside the size that runs are compared by
    "sparsity",
    "n_parameters",
    "speedup",
    "mel_mae_db",
    "mcd_dtw_db",
    "f0_rmse_cents",
    "word_error_rate",
    "utmos",
    "dnsmos_ovrl",
    "nisqa_mos",
    "repeats",
    "skips",
    "failed",
)
OF_SENTENCES = (
    "seconds",
    "mel_mae_db",
    "mcd_dtw_db",
    "f0_rmse_cents",
    "duration_ratio",
    "word_errors",
    "repeats",
    "skips",
    "no_stop",
    "early_stop",
    "utmos",
    "dnsmos_ovrl",
    "nisqa_mos",
)
SCALES = {
    "mel": (images.MEL, "Level of each mel band in dB, low bands below; time goes to the right."),
    "difference": (
        images.DIFFERENCE,
        "Red is louder than dense, blue is softer, white is equal; beyond 20 dB all is the same.",
    ),
    "alignment": (images.ALIGNMENT, "Bright is more attention, from 0 to 1; first symbol below."),
}


def page_data(voices: Sequence[Voice], folder: Folder, console: Console) -> dict[str, Any]:
    """Gives what the page shows, and puts the sound and pictures of it into its folder."""
    units = {m: unit for v in voices for run in v.runs.values() for m, unit in run.units.items()}
    return {
        "measures": {name: _measure(name, unit) for name, unit in units.items()},
        "ladder": {**RUNGS, BOUND: measure(BOUND).label},
        "bound": BOUND,
        "scales": {
            name: {"low": scale.low, "high": scale.high, "unit": scale.unit, "css": scale.css()}
            | {"text": text}
            for name, (scale, text) in SCALES.items()
        },
        "voices": [_voice(voice, folder, console) for voice in voices],
    }


def embedded(data: Mapping[str, Any]) -> str:
    r"""Gives JSON that can stand in a script element: no ``<`` can end or open anything there.

    >>> embedded({"name": "</script><!--"})
    '{"name":"\\u003c/script>\\u003c!--"}'
    """
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c")


def _measure(name: str, unit: str) -> dict[str, Any]:
    equal = EQUAL if name in SIZE or name in WORK else 0
    spread = SPREAD if name in SIZE and name.endswith("_bytes") else 0
    return {**asdict(measure(name, unit)), "equal": equal, "spread": spread}


def _voice(voice: Voice, folder: Folder, console: Console) -> dict[str, Any]:
    taken = _ordered({metric for row in voice.rows for metric in row.values})
    measures = [metric for metric in taken if metric.removesuffix(RECORDED) not in COUNTS]
    sentences = voice.sentences
    size = compared_by(voice.rows).metric
    columns = [metric for metric in (size, *COLUMNS) if _says_something(metric, voice)]
    quality = ("word_error_rate", "mcd_dtw_db", "mel_mae_db")
    return {
        "name": voice.name,
        "gist": gist(voice),
        "recipes": [_recipe(results) for results in voice.recipes],
        "sentences": sentences,
        "recordings": _recordings(voice, len(sentences), folder),
        "measures": measures,
        "sentence_measures": [metric for metric in OF_SENTENCES if _says_something(metric, voice)],
        "columns": columns or measures[:8],
        "default_x": _first_varied((size, *measures), voice),
        "default_y": _first_varied((*quality, *measures[1:]), voice),
        "dense": voice.dense.id if voice.dense else None,
        "runs": _runs(voice, len(sentences), folder, console),
    }


def _recipe(results: Results) -> dict[str, Any]:
    return {
        "name": results.name,
        "model": results.model,
        "seed": results.seed,
        "source": results.source,
        "folder": str(results.folder),
    }


def _recordings(voice: Voice, n_sentences: int, folder: Folder) -> list[str | None]:
    found = voice.recordings
    return [
        folder.audio(found[n], f"recordings-{voice.key}", n) if n in found else None
        for n in range(1, n_sentences + 1)
    ]


def _runs(voice: Voice, n_sentences: int, folder: Folder, console: Console) -> list[dict[str, Any]]:
    dense = _arrays(voice.dense, console) if voice.dense else {}
    found = []
    for run in voice.runs.values():
        arrays = dense if run is voice.dense else _arrays(run, console)
        others = None if run is voice.dense else dense
        sentences = [
            _sentence(run, number, arrays, others, folder) for number in range(1, n_sentences + 1)
        ]
        found.append({**_run(run, voice), "sentences": sentences if run.row else []})
    methods = list(dict.fromkeys(run["method"] for run in found if run["key"] != voice.key))
    short = dict(zip(methods, apart(methods, " + "), strict=True))
    return [{**run, "method": short.get(run["method"], run["method"])} for run in found]


def _arrays(run: RunResult, console: Console) -> Arrays:
    """Gives the arrays of a run; damaged ones are named, and the page does without them."""
    if run.mels is None:
        return {}
    try:
        return images.read_arrays(run.mels)
    except ArtifactError as error:
        console.print(str(error), style="yellow", markup=False, highlight=False)
        return {}


def _run(run: RunResult, voice: Voice) -> dict[str, Any]:
    row = run.row or Row(run.id, run.name, {}, {})
    return {
        "key": run.id,
        "id": run.id,
        "name": run.name,
        "recipes": voice.recipes_of[run.id],
        "status": run.status,
        "error": run.error,
        "method": row.method,
        "treatment": row.treatment,
        "n_failed": row.n_failed,
        "n_sentences": row.counts.get("failed", 0),
        "values": {
            metric: _ends(row.intervals.get(metric), value) for metric, value in row.values.items()
        },
        "differences": _differences(row, voice),
        "layers": [
            {key: value for key, value in asdict(layer).items() if value is not None}
            for layer in run.layers
        ],
        "provenance": dict(run.provenance) or None,
    }


def _differences(row: Row, voice: Voice) -> dict[str, list[float | None]]:
    """Gives differences to dense: with an interval where paired, else those of the values."""
    dense = voice.dense.row if voice.dense else None
    if dense is None or row.run_id == dense.run_id:
        return {}
    return {
        metric: _ends(row.differences.get(metric), value - dense.values[metric])
        for metric, value in row.values.items()
        if metric in dense.values
    }


def _sentence(
    run: RunResult, number: int, arrays: Arrays, dense: Arrays | None, folder: Folder
) -> dict[str, Any]:
    wav = run.wavs.get(number)
    values = {metric: taken.get(number) for metric, taken in run.values.items()}
    return {
        "audio": folder.audio(wav, run.id, number) if wav else None,
        "failed": bool(values.get("failed")),
        "values": {
            metric: _short(value)
            for metric, value in values.items()
            if value is not None and metric.removesuffix(RECORDED) in OF_SENTENCES
        },
        **asdict(folder.pictures(arrays, dense, run.id, number)),
    }


def _ends(found: Interval | None, value: float) -> list[float | None]:
    """Gives a value and the ends of its interval, None where it has none."""
    if found is None:
        return [_short(value), None, None]
    return [_short(value), _short(found.low), _short(found.high)]


def _short(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.7g}")


def _ordered(metrics: Iterable[str]) -> list[str]:
    """Gives metrics in the order of MEASURES, then those that are not there by their names."""
    places = {name: place for place, name in enumerate(MEASURES)}
    return sorted(metrics, key=lambda name: (places.get(name, len(places)), name))


def _says_something(metric: str, voice: Voice) -> bool:
    """Whether a measure is written other than as zero somewhere, and not as the same everywhere."""
    known = measure(metric)
    values = [
        round(row.values[metric] * known.scale, known.digits)
        for row in voice.rows
        if metric in row.values
    ]
    return any(values) and (len(set(values)) > 1 or len(values) == 1)


def _first_varied(metrics: Iterable[str], voice: Voice) -> str | None:
    """Gives the first measure with different values in two runs, or else the first taken."""
    names = list(metrics)
    varied = [m for m in names if len({r.values[m] for r in voice.rows if m in r.values}) > 1]
    taken = [m for m in names if any(m in row.values for row in voice.rows)]
    return next(iter([*varied, *taken]), None)
