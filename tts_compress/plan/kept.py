"""Which layers of a network run on their 8-bit weights, and which do not."""

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from tts_compress.int8 import NOT_INT8, Kept

MOST_NAMES = 4


def show_kept(path: Path, report: Sequence[Kept], console: Console) -> None:
    """Prints a line for the layers in int8, and one for each reason why others are not.

    Layers whose names differ in a number alone are one name, with a star; those of most weights
    are named.

    Args:
        path: The file of the network.
        report: What `keep_int8` gives.
        console: Where to print.
    """
    if all(layer.why == NOT_INT8 for layer in report):
        lines = [
            f"{path}: runs in float32, since no layer has uniform weights of 8 bits or fewer "
            "with a scale for each row or for all. Quantize it with the method 'uniform'."
        ]
    else:
        reasons = sorted({layer.why or "" for layer in report})
        lines = [f"{path}:", *(_line([k for k in report if (k.why or "") == w]) for w in reasons)]
    for line in lines:
        console.print(line, soft_wrap=True, markup=False, highlight=False)


def _line(alike: Sequence[Kept]) -> str:
    """Says in a line how layers run that all run so."""
    weights = Counter[str]()
    for layer in alike:
        weights[re.sub(r"\b\d+\b", "*", layer.layer)] += layer.n_weights
    names = [name for name, _ in weights.most_common(MOST_NAMES)]
    if len(weights) > MOST_NAMES:
        names.append("...")
    why = alike[0].why
    what = f"{len(alike):3} layers, {weights.total():,} weights"
    where = f"in float32 ({why})" if why else "in int8"
    return f"  {what} {where}: {', '.join(names)}"
