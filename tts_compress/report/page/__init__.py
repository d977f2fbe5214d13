"""The report: one page to look at and listen to, which opens from disk and asks no network."""

from collections.abc import Sequence
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import quote

from rich.console import Console

from tts_compress.extras import needed
from tts_compress.files import replaced
from tts_compress.report.figures import write_figures
from tts_compress.report.page.assets import Folder
from tts_compress.report.page.data import embedded, page_data
from tts_compress.report.page.voices import Voice, grouped
from tts_compress.report.reading import read_results, result_folders
from tts_compress.report.tables import write_tables

STYLES = ("base.css", "parts.css", "listen.css", "media.css")
SCRIPTS = (  # each needs what stands before it
    "dom.js",
    "state.js",
    "chart.js",
    "table.js",
    "card.js",
    "player.js",
    "pictures.js",
    "listen.js",
    "sentences.js",
    "ladder.js",
    "layers.js",
    "facts.js",
    "main.js",
)
USES = {
    ".csv": "a line a run: means, intervals, differences",
    ".parquet": "a line a value, with run and sentence",
    ".md": "table in Markdown",
    ".tex": "table for LaTeX, with booktabs",
    ".pdf": "plot for a paper",
    ".svg": "the same",
}


def write_report(runs: Sequence[Path], out: Path, console: Console) -> None:
    """Writes ``index.html`` with its audio and images, and the tables and plots beside it.

    Files that an earlier report left there, of runs that are gone, are removed.

    Args:
        runs: Folders of results, ``runs/<recipe>``, or ``runs`` for all of them.
        out: Folder to make.
        console: Where the page is named.

    Raises:
        ArtifactError: A folder is missing, or its ``recipe.json`` is damaged.
        ExtraError: The packages of the extra ``report`` are not installed.
    """
    for package in ("jinja2", "plotly"):
        needed(package, "report")
    found = [read_results(folder) for folder in result_folders(runs)]
    voices = grouped(found)
    out.mkdir(parents=True, exist_ok=True)
    folder = Folder(out)
    data = page_data(voices, folder, console)
    written = [*write_tables(found, out), *write_figures(found, out / "plots")]
    html = render(voices, data, _downloads(written, out))
    with replaced(out / "index.html") as partial:
        partial.write_text(html, encoding="utf-8")
    folder.written |= {path.relative_to(out).as_posix() for path in written}
    folder.clear()
    console.print(
        out / "index.html", *written, sep="\n", soft_wrap=True, markup=False, highlight=False
    )


def render(voices: Sequence[Voice], data: dict[str, Any], downloads: list[dict[str, str]]) -> str:
    """Gives the page with its style, scripts, charts and data inlined."""
    from jinja2 import Environment
    from plotly.offline import get_plotlyjs

    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(_text("index.html.j2")).render(
        title=_title(voices),
        data=data,
        downloads=downloads,
        css="".join(_text(name) for name in STYLES),
        scripts=[_text(name) for name in SCRIPTS],
        plotly=get_plotlyjs(),
        json=embedded(data),
        version=version("tts-compress"),
    )


def _downloads(written: Sequence[Path], out: Path) -> list[dict[str, str]]:
    """Gives the address, name and use of each file beside the page."""
    found = []
    for path in written:
        name = path.relative_to(out).as_posix()
        found.append({"href": quote(name), "name": name, "text": USES.get(path.suffix, "")})
    return found


def _title(voices: Sequence[Voice]) -> str:
    names = list(dict.fromkeys(results.name for voice in voices for results in voice.recipes))
    if not names:
        return "No results"
    return ", ".join(names) if len(names) < 3 else f"{len(names)} recipes"


def _text(name: str) -> str:
    return (files(__package__) / name).read_text(encoding="utf-8")
