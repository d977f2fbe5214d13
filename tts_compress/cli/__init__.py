"""The command line: thin commands, and one clear line with exit code 2 for a user's mistake."""

import sys
import warnings
from enum import StrEnum
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn, TextIO

import typer

from tts_compress.cli.consoles import console, errors
from tts_compress.cli.listen import listen
from tts_compress.errors import OutputError, RecipeError, TtsCompressError

if TYPE_CHECKING:
    from tts_compress.architectures.base import Architecture
    from tts_compress.recipe import Recipe

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.add_typer(listen, name="listen")

INTERRUPTED = 130  # what typer exits with, too

Recipes = Annotated[list[Path], typer.Argument(help="Recipe files.", show_default=False)]
CheckpointPath = Annotated[
    Path, typer.Argument(help="Voice folder, .ttsz file or another checkpoint file.")
]
Config = Annotated[
    list[Path] | None,
    typer.Option(
        help="Config file of a public checkpoint, such as ming024's model.yaml; repeatable."
    ),
]


class Keep(StrEnum):
    """Numbers that weights can be kept in."""

    INT8 = "int8"


Device = Annotated[str, typer.Option(help="Where torch runs: cpu, cuda.")]


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


@app.command()
def synth(
    checkpoint: CheckpointPath,
    text: Annotated[list[str], typer.Argument(help="Sentences to speak.", show_default=False)],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the wav files.")] = Path(),
    config: Config = None,
    vocoder: Annotated[
        Path | None, typer.Option(help="HiFi-GAN generator; Griffin-Lim without it.")
    ] = None,
    vocoder_config: Annotated[Path | None, typer.Option(help="Its config.json.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of dropout and first phases.")] = 0,
    device: Device = "cpu",
    keep: Annotated[
        Keep | None,
        typer.Option(help="Let 8-bit weights of .ttsz files stay so, where that is faster."),
    ] = None,
) -> None:
    """Speak sentences with a checkpoint, one wav each."""
    from tts_compress import load_model
    from tts_compress.audio.wav import write_wav
    from tts_compress.synthesis import speak
    from tts_compress.synthesis import vocoder as make_vocoder

    model = load_model(checkpoint, config, device=device)
    generator = (
        load_model(vocoder, vocoder_config, device, architecture="hifigan") if vocoder else None
    )
    if keep:
        _keep_int8(checkpoint, model)
    if keep and vocoder and generator:
        _keep_int8(vocoder, generator)
    speeches = speak(model, text, seed)
    out.mkdir(parents=True, exist_ok=True)
    wavs = iter(make_vocoder(generator, seed)([s.mel for s in speeches if s.audible]))
    for number, speech in enumerate(speeches, 1):
        if speech.failure:
            errors.print(f"{speech.text!r}: {speech.failure}", style="yellow")
        if speech.audible:
            path = out / f"{number:03d}.wav"
            write_wav(path, next(wavs))
            line = f"{path}  {speech.seconds:.2f} s  {speech.text!r}"
            console.print(line, soft_wrap=True, markup=False, highlight=False)


def _keep_int8(path: Path, model: "Architecture") -> None:
    """Lets layers of a network run on the 8-bit weights of its file, and says which."""
    from tts_compress import artifact, container
    from tts_compress.int8 import keep_int8
    from tts_compress.plan import show_kept

    packed = path.is_file() and container.is_container(path)
    show_kept(path, keep_int8(model, artifact.quantized(path) if packed else {}), console)


@app.command()
def inspect(
    checkpoint: CheckpointPath,
    config: Config = None,
    couplings: Annotated[
        bool, typer.Option("--couplings", help="Show what belongs together, and can leave.")
    ] = False,
) -> None:
    """Show the groups, shapes, parameters, sparsity and bytes of a checkpoint."""
    from tts_compress import load_model
    from tts_compress.plan import show_couplings, show_file, show_model

    model = load_model(checkpoint, config)
    show = show_couplings if couplings else show_model
    show(model, checkpoint, console)
    if not couplings:
        show_file(checkpoint, console)


Force = Annotated[bool, typer.Option("--force", help="Replace a file that is there.")]


@app.command()
def pack(
    checkpoint: CheckpointPath,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="The .ttsz file; the checkpoint's name by default."),
    ] = None,
    config: Config = None,
    force: Force = False,
) -> None:
    """Pack a checkpoint into one small .ttsz file, without losing a bit."""
    from tts_compress import artifact
    from tts_compress.exporting import plain_name

    out = out or Path(f"{plain_name(checkpoint)}.ttsz")
    _refuse(out, force)
    n_bytes = artifact.pack_checkpoint(out, checkpoint, config).n_bytes
    weights = checkpoint / "model.safetensors" if checkpoint.is_dir() else checkpoint
    _show_written(out, n_bytes, weights)


@app.command()
def unpack(
    file: Annotated[Path, typer.Argument(help="A .ttsz file.", show_default=False)],
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            "-o",
            help="The checkpoint: .safetensors, or as its public project saves it, "
            ".pt, .pth or .pth.tar, each also with .gz.",
            show_default=False,
        ),
    ],
    force: Force = False,
) -> None:
    """Unpack a .ttsz file to a checkpoint that other programs read."""
    from tts_compress.artifact import load_model
    from tts_compress.exporting import export

    _refuse(out, force)
    _show_written(out, export(out, load_model(file)), file)


def _refuse(out: Path, force: bool) -> None:
    """Keeps a file that is there, and what is no place for one."""
    if out.is_dir():
        raise OutputError(f"{out}: is a folder. Name a file in it.")
    if not out.parent.is_dir():
        raise OutputError(f"{out}: cannot be written, {out.parent} is no folder. Make it first.")
    if out.exists() and not force:
        raise OutputError(f"{out}: exists already. Name another file, or give --force.")


def _show_written(out: Path, n_bytes: int, source: Path) -> None:
    before = source.stat().st_size
    times = before / n_bytes if n_bytes < before else n_bytes / before
    how = "smaller" if n_bytes < before else "larger"
    line = f"{out}  {n_bytes:,} bytes, {times:.2f} times {how} than {source} of {before:,}"
    console.print(line, soft_wrap=True, markup=False, highlight=False)


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
        _fail(f"{error.filename or 'output'}: {error.strerror or error}.")
    except (KeyboardInterrupt, SystemExit) as stop:
        if isinstance(stop, SystemExit) and stop.code != INTERRUPTED:
            raise
        errors.print("Interrupted; what is done is kept. Run again to go on.")
        sys.exit(INTERRUPTED)


def _fail(message: str) -> NoReturn:
    errors.print(message, style="red")
    sys.exit(2)
