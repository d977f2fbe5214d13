"""The page of an analysis: one file that needs no network, for the screen, a phone, or paper."""

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tts_compress.files import replaced
from tts_compress.listening.analysis import tables, wording
from tts_compress.listening.analysis.answers import RATED
from tts_compress.listening.analysis.power import binomial_power, power_of
from tts_compress.listening.analysis.results import trials_each
from tts_compress.listening.analysis.tables import Column

if TYPE_CHECKING:
    import pandas as pd

    from tts_compress.listening.analysis.analyze import Analysis

HERE = Path(__file__).parent
LISTENERS = (10, 15, 20, 30, 40, 60)
KINDS = {
    "mushra": "MUSHRA",
    "acr": "ACR, mean opinion score",
    "dcr": "DCR, degradation score",
    "cmos": "CMOS, comparison score",
    "ab": "AB preference",
    "abx": "ABX",
}
PLOTS = {
    "ratings": "Shaded: the middle half of the ratings, with the median. Small points: each "
    "listener's own mean. Large point: the mean, with its 95 % interval.",
    "differences": "Difference with its 95 % interval. Filled points differ clearly after Holm's "
    "correction; hollow ones do not, or are open.",
    "preferences": "Bars: what was chosen; grey: no preference. Point: share with ties split, with "
    "its 95 % interval.",
    "discriminations": "Point: share of right answers with its 95 % interval; filled if guessing "
    "does not explain it. Small points: each listener's own share.",
    "listeners": "One point a listener. Far right, they agree with the others; who is left out is "
    "red and named.",
    "power": "Share of tests in which Wilcoxon's test of listeners' means finds a difference of "
    "each size, at 5 %.",
}


def write_page(analysis: "Analysis", plots: Mapping[str, str], path: Path) -> None:
    """Writes the page, whole or not at all; texts of listeners are escaped.

    Args:
        analysis: What was found.
        plots: SVG by name.
        path: File to write.
    """
    import jinja2
    from markupsafe import Markup

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style = (HERE / "analysis.css").read_text(encoding="utf-8")
    page = environment.get_template("analysis.html.j2").render(
        **_content(analysis),
        style=Markup(style),
        plots={name: (Markup(svg), PLOTS[name]) for name, svg in plots.items()},
    )
    with replaced(path) as partial:
        partial.write_text(page, encoding="utf-8")


def _content(analysis: "Analysis") -> dict[str, Any]:
    test, kept, everyone = analysis.test, analysis.kept, analysis.everyone
    columns = tables.comparison_columns(test.kind)
    planned = kept.comparisons[kept.comparisons["planned"]] if len(kept.comparisons) else None
    others = kept.comparisons[~kept.comparisons["planned"]] if len(kept.comparisons) else None
    left_out = [each for each in analysis.screened if not each.kept]
    return {
        "test": test,
        "kind": KINDS[test.kind],
        "version": version("tts-compress"),
        "n_listeners": kept.n_listeners,
        "n_trials": kept.n_trials,
        "left_out": left_out,
        "unused": analysis.answers.unused,
        "notes": analysis.answers.notes,
        "base": kept.base,
        "findings": [_unbroken(sentence) for sentence in wording.findings(kept, everyone)],
        "changed": wording.changed(kept, everyone),
        "systems": _table(kept.systems, tables.system_columns(test.kind)),
        "planned": _table(
            planned, [c for c in columns if c.key != "versus" or test.kind not in RATED]
        ),
        "others": _table(others, columns),
        "all_systems": _table(everyone.systems, tables.system_columns(test.kind)),
        "all_comparisons": _table(everyone.comparisons, columns),
        "omnibus": kept.omnibus,
        "omnibus_p": _unbroken(wording.say_p(kept.omnibus[1])),
        "deviations": _deviations(analysis),
        "screened": analysis.screened,
        "rated": bool(len(kept.systems)),
        "power": _power(analysis),
        "spread": analysis.spread,
        "needed": None
        if analysis.difference is None
        else wording.needed(analysis.difference, kept, analysis.spread),
        "comments": analysis.answers.comments(),
        "questionnaire": analysis.answers.questionnaire(),
        "sources": test.source.get("systems", {}),
    }


def _unbroken(sentence: str) -> str:
    """A sentence whose numbers stay on one line with what belongs to them."""
    for kept in (" %", "p < ", "p = "):
        sentence = sentence.replace(kept, kept.replace(" ", "\N{NO-BREAK SPACE}"))
    return sentence


def _table(table: "pd.DataFrame | None", columns: Sequence[Column]) -> dict[str, Any] | None:
    """Columns and cells for the template; None of an empty table."""
    if table is None or not len(table):
        return None
    known = [column for column in columns if column.known(table)]
    texts = [column.key in ("system", "versus") for column in known]
    return {"columns": known, "texts": texts, "lines": tables.texts(table, known)}


def _deviations(analysis: "Analysis") -> list[tuple[str, str]]:
    """Standard deviations of the mixed model's parts."""
    names = {
        "listener": "listeners (how high they rate all)",
        "sentence": "sentences (how well all speak them)",
        "listener_system": "listeners' taste for single systems",
        "sentence_system": "sentences that single systems speak better or worse",
        "residual": "what is left, from trial to trial",
    }
    text = tables.number(1 if analysis.test.kind == "mushra" else 2)
    variances = analysis.kept.variances
    return [(said, text(variances[key] ** 0.5)) for key, said in names.items() if key in variances]


def _power(analysis: "Analysis") -> dict[str, Any]:
    """Power in percent for some differences and numbers of listeners."""
    each = analysis.spread.trials if analysis.spread else trials_each(analysis.test)
    lines = []
    for difference in analysis.differences:
        if analysis.test.kind == "abx" or analysis.spread is None:
            one_sided = analysis.test.kind == "abx"
            powers = [
                binomial_power(0.5 + difference, round(n * each), one_sided=one_sided)
                for n in LISTENERS
            ]
        else:
            powers = [power_of(difference, analysis.spread, n) for n in LISTENERS]
        name = analysis.name_of(difference)
        asked = difference == analysis.difference
        lines.append((name, [f"{100 * power:.0f} %" for power in powers], asked))
    return {"listeners": LISTENERS, "lines": lines, "trials": f"{each:.3g}"}
