"""The commands of listening tests."""

from pathlib import Path
from typing import Annotated

import typer

from tts_compress.cli.consoles import console

listen = typer.Typer(no_args_is_help=True, help="Make listening tests, run them, analyze them.")

Folder = Annotated[Path, typer.Argument(help="A built test.", show_default=False)]


@listen.command()
def build(
    form: Annotated[Path, typer.Argument(help="The test as YAML.", show_default=False)],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder to make.")],
    runs: Annotated[Path, typer.Option(help="Folder of results.")] = Path("runs"),
) -> None:
    """Make a blinded listening test of what runs said."""
    from tts_compress.listening.building.build import build_test

    build_test(form, runs, out, console)


@listen.command()
def serve(
    folder: Folder,
    host: Annotated[str, typer.Option(help="Address to listen at.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port; any free one if 0.")] = 8000,
    links: Annotated[int, typer.Option(min=0, help="Links of listeners to make and print.")] = 1,
    open_to_all: Annotated[
        bool, typer.Option("--open", help="Give a link to everyone who opens the first page.")
    ] = False,
) -> None:
    """Run a test: print the links of listeners and the password of the admin page."""
    from tts_compress.listening.serving.serve import serve as run

    run(folder, console, host=host, port=port, links=links, open_to_all=open_to_all)


@listen.command()
def export_static(
    folder: Folder,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder to make.")],
) -> None:
    """Make the test a folder of files that needs no server and gives answers as a file."""
    from tts_compress.listening.building.static import export_static as export

    export(folder, out, console)


@listen.command()
def export_webmushra(
    folder: Folder,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder to make.")],
) -> None:
    """Write the test as a configuration of webMUSHRA, with its sounds."""
    from tts_compress.listening.building.webmushra import export_webmushra as export

    export(folder, out, console)


@listen.command()
def analyze(
    folder: Folder,
    answers: Annotated[
        list[Path] | None, typer.Argument(help="Files that static tests gave.", show_default=False)
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Folder to write to; in the test's if none.")
    ] = None,
    difference: Annotated[
        float | None, typer.Option(help="Difference that the next test should find.")
    ] = None,
) -> None:
    """Screen listeners, test differences, and say how many listeners a difference needs."""
    from tts_compress.listening.analysis.analyze import analyze as make

    make(folder, answers or [], out or folder / "analysis", console, difference=difference)
