"""Tables for the terminal, and names of tensors that fit into them."""

import re

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table


def plain_table(title: str, *headings: str) -> Table:
    """Gives a table with a line under its headings and no others."""
    return Table(
        *headings,
        title=escape(title),
        title_justify="left",
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        collapse_padding=True,
    )


def say(console: Console, line: str, style: str | None = None) -> None:
    """Prints a line as it is, however long it is and whatever it holds."""
    console.print(line, style=style, soft_wrap=True, markup=False, highlight=False)


def folded(name: str, width: int) -> str:
    """Breaks the name of a tensor after dots, and after commas where it is one of several.

    >>> print(folded("decoder.prenet.layers.0.weight", 20))
    decoder.prenet.
      layers.0.weight
    """
    lines = [""]
    for part in re.findall(r"[^.,]+[.,]?", name):
        if lines[-1].strip() and len(lines[-1] + part) > width:
            lines.append("  ")
        lines[-1] += part
    return "\n".join(lines)
