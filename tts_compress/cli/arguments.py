"""What several commands take."""

from pathlib import Path
from typing import Annotated

import typer

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
Device = Annotated[str, typer.Option(help="Where torch runs: cpu, cuda.")]
Force = Annotated[bool, typer.Option("--force", help="Replace a file that is there.")]
