"""What a .ttsz file holds: what was done to its network, and what each tensor takes."""

import math
from pathlib import Path
from typing import Any

from rich.console import Console

from tts_compress import container
from tts_compress.plan.tables import folded, plain_table


def show_file(path: Path, console: Console) -> None:
    """Prints how a .ttsz file holds each tensor, and what was done; nothing of other files.

    A tensor that shares its block with others has the bits that these have on average.
    """
    if not path.is_file() or not container.is_container(path):
        return
    contents = container.read(path)
    rows = [
        (name, *_cells(contents, place)) for name, place in contents.manifest["tensors"].items()
    ]
    widths = [2 + max(map(len, column)) for column in zip(*rows, strict=True)]
    table = plain_table("how the file holds them")
    for heading in ("tensor", "encoding", "block", "bits a weight"):
        left = heading in ("tensor", "encoding")
        table.add_column(heading, justify="left" if left else "right", no_wrap=True)
    for name, *cells in rows:
        table.add_row(folded(name, console.width - sum(widths[1:]) - 8), *cells)
    console.print(table)
    for number, stage in enumerate(contents.manifest["history"], 1):
        settings = ", ".join(f"{key}: {value}" for key, value in stage.items() if key != "label")
        _say(console, f"{number}. {stage['label']} ({settings})")
    _say(console, contents.manifest["summary"])
    _say(console, f"{contents.n_bytes:,} bytes in this file")


def _cells(contents: container.Container, place: Any) -> tuple[str, str, str]:
    """Gives the encoding of a tensor, its block, and the bits that a weight takes there."""
    if place is None:
        return "computed", "", "0"
    number, spec = place
    together = [other for other in contents.manifest["tensors"].values() if other]
    n_weights = sum(math.prod(other["shape"]) for block, other in together if block == number)
    bits = 8 * contents.size(number) / max(1, n_weights)
    return str(spec["encoding"]), str(number), f"{bits:.2f}"


def _say(console: Console, line: str) -> None:
    """Prints a line of a file's words, which may hold what is no letter but moves the cursor."""
    line = "".join(letter if letter.isprintable() else "?" for letter in line)
    console.print(line, soft_wrap=True, markup=False, highlight=False)
