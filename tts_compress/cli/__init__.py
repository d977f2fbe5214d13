"""The command line: thin commands, and one clear line with exit code 2 for a user's mistake."""

import sys
import warnings
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn, TextIO

import typer

from tts_compress.cli.arguments import Device, Recipes
from tts_compress.cli.checkpoints import inspect, pack, synth, unpack
from tts_compress.cli.consoles import console, errors
from tts_compress.cli.listen import listen
from tts_compress.errors import RecipeError, TtsCompressError

if TYPE_CHECKING:
    from tts_compress.recipe import Recipe

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.add_typer(listen, name="listen")

INTERRUPTED = 130  # what typer exits with, too


def _show_version(wanted: bool) -> None:
    if wanted:
        console.print(f"tts-compress {version('tts-compress')}", highlight=False)
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Make text-to-speech models small, and measure and hear what it costs."""


@app.command()
def plan(recipes: Recipes) -> None:
    """Show every run of the recipes and the tensors it selects, without running anything."""
    from tts_compress.plan import show_recipe
    from tts_compress.recipe import load

    for path in recipes:
        show_recipe(load(path), console)


@app.command()
def run(
    recipes: Recipes,
    out: Annotated[Path, typer.Option(help="Folder of results.")] = Path("runs"),
    device: Device = "cpu",
    jobs: Annotated[int, typer.Option(min=1, help="Runs at a time.")] = 2,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Do only this many runs of each recipe.")
    ] = None,
) -> None:
    """Do every run of the recipes that is not done yet, and show what came out.

    A recipe with a search is made a plain one first, as by the command search.
    """
    from tts_compress.recipe import load
    from tts_compress.sweep import sweep

    loaded = [(path, load(path)) for path in recipes]  # all are checked before the first runs
    for path, recipe in loaded:
        plain = load(_found(path, recipe, out, device)) if recipe.search else recipe
        sweep(plain, out, console, device=device, jobs=jobs, limit=limit)


@app.command()
def search(
    recipe: Annotated[Path, typer.Argument(help="Recipe with a search.", show_default=False)],
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="The plain recipe; runs/<recipe>/found.yaml by default."),
    ] = None,
    device: Device = "cpu",
) -> None:
    """Find what meets the target of a recipe, and write it as a plain recipe."""
    from tts_compress.recipe import load

    loaded = load(recipe)
    if loaded.search is None:
        known = "'search: {target: {bytes: 400_000}}'"
        raise RecipeError(f"{recipe}: must have a search, got none. Give it one, as {known}.")
    _found(recipe, loaded, Path("runs"), device, out)


def _found(path: Path, recipe: "Recipe", out: Path, device: str, found: Path | None = None) -> Path:
    """Gives the plain recipe that a search finds."""
    from tts_compress.searching import search

    found = found or out / recipe.name / "found.yaml"
    return search(path, recipe, found, console, device)


for command in (synth, inspect, pack, unpack):
    app.command()(command)


@app.command()
def table(
    runs: Annotated[Path, typer.Argument(help="Results of one recipe, runs/<recipe>.")],
) -> None:
    """Show the table of results again, and write results.csv and the plot anew."""
    from tts_compress.report.results import write_results

    write_results(runs, console)


@app.command()
def pareto(
    runs: Annotated[
        list[Path],
        typer.Argument(help="Results of recipes, runs/<recipe>.", show_default=False),
    ],
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Where to write: .md, .csv and .png are added.")
    ] = Path("pareto"),
) -> None:
    """Compare the runs of several recipes: size and speed against quality."""
    from tts_compress.report.pareto import write_pareto

    write_pareto(runs, out, console)


@app.command()
def report(
    runs: Annotated[
        list[Path],
        typer.Argument(help="Results of recipes, runs/<recipe>, or runs.", show_default=False),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder to make.")] = Path("report"),
    log_to: Annotated[
        str | None, typer.Option(help="Also mirror to a tracker: tensorboard, mlflow or wandb.")
    ] = None,
    log_dir: Annotated[
        Path | None, typer.Option(help="Where the tracker writes; its own default if none.")
    ] = None,
) -> None:
    """Make a page to look at and listen to, tables, and plots for a paper."""
    from tts_compress.report.page import write_report
    from tts_compress.trackers import log, tracker

    if log_to:
        tracker(log_to)  # a name that is not known is said before anything is made
    write_report(runs, out, console)
    if log_to:
        log(runs, log_to, log_dir, console)


@app.command()
def corpus(
    out: Annotated[Path, typer.Argument(help="Folder to make.")],
    voice: Annotated[str, typer.Option(help="A voice of flite: slt, rms or awb.")] = "slt",
    utterances: Annotated[int, typer.Option(min=1, help="Sentences to make.")] = 4500,
    seed: Annotated[int, typer.Option(help="Seed of the choice of sentences.")] = 0,
    jobs: Annotated[int, typer.Option(min=1, help="Processes.")] = 2,
    text: Annotated[
        Path | None, typer.Option(help="Sentences to read, one a line, in place of WordNet's.")
    ] = None,
) -> None:
    """Make a corpus with exact alignments by letting flite read sentences."""
    from tts_compress.training.teacher import make_corpus

    make_corpus(out, voice=voice, n_utterances=utterances, seed=seed, jobs=jobs, text=text)


@app.command()
def train(
    architecture: Annotated[str, typer.Argument(help="tacotron2 or fastspeech2.")],
    corpus: Annotated[Path, typer.Argument(help="Corpus: wavs/, metadata.csv, alignments/.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the training; resumed.")],
    voice: Annotated[
        Path | None, typer.Option(help="Voice folder to write when done, such as models/mine.")
    ] = None,
    size: Annotated[str, typer.Option(help="small or full.")] = "small",
    steps: Annotated[int, typer.Option(min=1, help="Steps in all.")] = 5000,
    batch_size: Annotated[int, typer.Option(min=1, help="Sentences a step.")] = 12,
    learning_rate: Annotated[float, typer.Option(help="Peak of the learning rate.")] = 1e-3,
    validation: Annotated[int, typer.Option(min=1, help="Sentences kept for validation.")] = 64,
    minutes: Annotated[
        float | None, typer.Option(help="Stop after this time; run again to go on.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of weights, batches and dropout.")] = 0,
    precision: Annotated[str, typer.Option(help="float32 or bfloat16.")] = "bfloat16",
    threads: Annotated[int, typer.Option(min=1, help="Threads of torch on the CPU.")] = 1,
    device: Device = "cpu",
) -> None:
    """Train a voice on a corpus, or go on with a training that was stopped."""
    from tts_compress.training.loop import train as start
    from tts_compress.training.settings import TrainSettings

    settings = TrainSettings(
        architecture=architecture,
        size=size,
        steps=steps,
        batch_size=batch_size,
        learning_rate=learning_rate,
        n_validation=validation,
        seed=seed,
        precision=precision,
        threads=threads,
        device=device,
    )
    start(corpus, out, settings, minutes=minutes, voice=voice)


def _warn(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Shows our own warnings as a line; those of libraries are not the user's to act on."""
    if category.__module__.startswith("tts_compress"):
        errors.print(str(message), style="yellow")


def main() -> None:
    """Runs the command line; a user's mistake ends with one line and exit code 2."""
    warnings.showwarning = _warn
    try:
        app()
    except TtsCompressError as error:
        _fail(str(error))
    except OSError as error:
        where = error.filename or "output"
        _fail(f"{where}: {error.strerror or error}. Check the path, or choose another.")
    except (KeyboardInterrupt, SystemExit) as stop:
        if isinstance(stop, SystemExit) and stop.code != INTERRUPTED:
            raise
        errors.print("Interrupted; what is done is kept. Run again to go on.")
        sys.exit(INTERRUPTED)


def _fail(message: str) -> NoReturn:
    errors.print(message, style="red")
    sys.exit(2)
