"""What a .ttsz file holds: what was done to its network, and what each tensor takes."""

import math
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console

from tts_compress import container
from tts_compress.plan.tables import folded, plain_table, say


def show_file(path: Path, console: Console) -> None:
    """Prints how a .ttsz file holds each tensor, and what was done; nothing of other files.

    A tensor that shares its block with others has the bits that these have on average.
    """
    if not container.is_container(path):
        return
    contents = container.read(path)
    places = contents.manifest["tensors"]
    n_weights = Counter[int]()
    for block, spec in filter(None, places.values()):
        n_weights[block] += math.prod(spec["shape"])
    rows = [(name, *_cells(contents, place, n_weights)) for name, place in places.items()]
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
        say(console, _printable(f"{number}. {stage['label']} ({settings})"))
    say(console, _printable(contents.manifest["summary"]))
    say(console, f"{contents.n_bytes:,} bytes in this file")


def _cells(
    contents: container.Container, place: Any, n_weights: Mapping[int, int]
) -> tuple[str, str, str]:
    """Gives the encoding of a tensor, its block, and the bits that a weight takes there."""
    if place is None:
        return "computed", "", "0"
    number, spec = place
    bits = 8 * contents.size(number) / max(1, n_weights[number])
    return str(spec["encoding"]), str(number), f"{bits:.2f}"


def _printable(line: str) -> str:
    """Gives a file's words without what is no letter but moves the cursor."""
    return "".join(letter if letter.isprintable() else "?" for letter in line)
