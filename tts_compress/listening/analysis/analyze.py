"""From answers to a page, tables and plots: ``tts-compress listen analyze``."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from tts_compress.errors import ListeningError
from tts_compress.extras import needed
from tts_compress.files import replaced
from tts_compress.listening.analysis import figures, tables, wording
from tts_compress.listening.analysis.agreement import agreement
from tts_compress.listening.analysis.answers import Answers, read, write_csv
from tts_compress.listening.analysis.power import Spread
from tts_compress.listening.analysis.results import Results, expected_spread, take
from tts_compress.listening.analysis.screening import Screened, as_table, screen
from tts_compress.listening.built import BuiltTest

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

DIFFERENCES = {
    "mushra": (3.0, 5.0, 10.0, 15.0),
    "acr": (0.1, 0.25, 0.5, 1.0),
    "dcr": (0.1, 0.25, 0.5, 1.0),
    "cmos": (0.1, 0.25, 0.5, 1.0),
    "ab": (0.05, 0.1, 0.15, 0.25),
    "abx": (0.05, 0.1, 0.15, 0.25),
}


@dataclass(frozen=True)
class Analysis:
    """All that is found of one test.

    Attributes:
        answers: What was answered.
        screened: Who counts.
        kept: Results of those who count.
        everyone: Results of all listeners, without a mixed model if anyone is left out.
        difference: What the next test should find; None if that was not asked.
        spread: How differences scatter, measured or else expected; None where chance says enough.
    """

    answers: Answers
    screened: list[Screened]
    kept: Results
    everyone: Results
    difference: float | None
    spread: Spread | None

    @property
    def test(self) -> BuiltTest:
        """The test."""
        return self.answers.test

    @property
    def rows(self) -> "pd.DataFrame":
        """Answers of the listeners who count."""
        names = [each.listener for each in self.screened if each.kept]
        rows = self.answers.rows
        return rows[rows["listener"].isin(names)]

    @property
    def differences(self) -> tuple[float, ...]:
        """Differences that the table of power shows."""
        wanted = {self.difference} if self.difference else set()
        return tuple(sorted({*DIFFERENCES[self.test.kind], *wanted}))

    def name_of(self, difference: float) -> str:
        """A difference as text: in points, or as the share that it makes."""
        if self.test.kind in ("ab", "abx"):
            return f"{100 * (0.5 + difference):.3g} %"
        return "1 point" if difference == 1 else f"{difference:g} points"


def analyze(
    folder: Path,
    answers: Sequence[Path],
    out: Path,
    console: Console,
    difference: float | None = None,
) -> None:
    """Screens listeners, tests differences, and writes the page, tables and plots of a test.

    Writes ``analysis.html``, ``results.csv``, ``answers.csv``, ``screening.csv``, ``tables.tex``,
    and each plot as PNG, SVG and PDF.

    Args:
        folder: The built test, with its database if it was served.
        answers: Files that static tests gave.
        out: Folder to write to.
        console: Where the summary goes.
        difference: Difference that the next test should find: in points of the scale; of shares,
            as a fraction above 1/2, so 0.1 is 60 %.

    Raises:
        ListeningError: The test or an answer cannot be used, or the difference is not on the scale.
        ExtraError: statsmodels, pandas or Jinja2 is missing.
    """
    for package in ("statsmodels", "pandas", "jinja2"):
        needed(package, "listen")
    from tts_compress.listening.analysis.page import write_page

    test = BuiltTest.load(folder)
    analysis = analyzed(read(test, folder, answers), difference)
    out.mkdir(parents=True, exist_ok=True)
    write_csv(analysis.answers.rows, out / "answers.csv")
    write_csv(as_table(analysis.screened), out / "screening.csv")
    write_csv(_results_table(analysis), out / "results.csv")
    with replaced(out / "tables.tex") as partial:
        partial.write_text(_tex(analysis), encoding="utf-8")
    drawn = {name: figures.save(figure, out / name) for name, figure in _figures(analysis).items()}
    write_page(analysis, drawn, out / "analysis.html")
    _print(analysis, out, console)


def analyzed(answers: Answers, difference: float | None = None) -> Analysis:
    """Screens and computes; writes nothing.

    Raises:
        ListeningError: The difference is not on the scale.
    """
    screened = screen(answers)
    rows = answers.rows
    kept = {each.listener for each in screened if each.kept}
    results = take(answers.test, rows[rows["listener"].isin(kept)])
    everyone = results if len(kept) == len(screened) else take(answers.test, rows, mixed=False)
    most = wording.largest_difference(results.kind)
    if difference is not None and not 0 < difference <= most:
        raise ListeningError(
            f"--difference: must be above 0 and at most {most:g}, got {difference!r}. "
            "Give points of the scale, or, of ab and abx, what the share is above 1/2."
        )
    spread = results.spread or expected_spread(answers.test)
    return Analysis(answers, screened, results, everyone, difference, spread)


def _figures(analysis: Analysis) -> dict[str, "Figure"]:
    """Every plot that the answers allow, by its file's name."""
    kept, rows = analysis.kept, analysis.rows
    drawn: dict[str, Figure] = {}
    if len(kept.systems):
        drawn["ratings"] = figures.plot_ratings(kept, rows)
    if len(kept.comparisons):
        if kept.kind == "ab":
            drawn["preferences"] = figures.plot_preferences(kept)
        elif kept.kind == "abx":
            drawn["discriminations"] = figures.plot_discriminations(kept, rows)
        else:
            drawn["differences"] = figures.plot_differences(
                kept, wording.open_pairs(kept, analysis.everyone)
            )
    compared = agreement(analysis.answers.rows, kept.kind, analysis.screened)
    if len(compared) > 2:
        drawn["listeners"] = figures.plot_listeners(compared)
    if analysis.spread:
        drawn["power"] = figures.plot_power(
            analysis.spread, analysis.differences, kept.n_listeners, analysis.name_of
        )
    return drawn


def _results_table(analysis: Analysis) -> "pd.DataFrame":
    """Every number of both tables, of listeners who count and of all, one line each."""
    import pandas as pd

    parts = []
    for who, results in (("kept", analysis.kept), ("all", analysis.everyone)):
        for what, table in (("system", results.systems), ("comparison", results.comparisons)):
            if len(table):
                named = table.copy()
                named.insert(0, "what", what)
                named.insert(0, "listeners_taken", who)
                parts.append(named)
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=["what"])


def _tex(analysis: Analysis) -> str:
    kept, name = analysis.kept, analysis.test.name
    parts = []
    if len(kept.systems):
        columns = tables.system_columns(kept.kind)
        parts.append(tables.as_tex(kept.systems, columns, f"{name}: ratings by system."))
    if len(kept.comparisons):
        columns = tables.comparison_columns(kept.kind)
        parts.append(tables.as_tex(kept.comparisons, columns, f"{name}: comparisons."))
    return "% needs booktabs\n" + "\n".join(parts)


def _print(analysis: Analysis, out: Path, console: Console) -> None:
    kept = analysis.kept
    n_out = sum(not each.kept for each in analysis.screened)
    count = "1 listener counts" if kept.n_listeners == 1 else f"{kept.n_listeners} listeners count"
    console.print(
        f"{analysis.test.name}: {count}, {n_out} left out, {kept.n_trials} trials",
        markup=False,
        highlight=False,
    )
    if len(kept.comparisons):
        shown = tables.comparison_columns(kept.kind)[:5]
        table = Table(*(column.title for column in shown))
        planned = kept.comparisons[kept.comparisons["planned"]]
        for cells in tables.texts(planned, shown):
            table.add_row(*map(escape, cells))
        console.print(table)
    for each in analysis.screened:
        if not each.kept:
            text = f"left out: {each.listener} {', '.join(each.reasons)}"
            console.print(text, markup=False, highlight=False)
    console.print(out / "analysis.html", soft_wrap=True, markup=False, highlight=False)
