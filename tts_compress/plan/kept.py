"""Which layers of a network run on their 8-bit weights, and which do not."""

import re
from collections import Counter
from collections.abc import Collection, Sequence
from pathlib import Path

from rich.console import Console

from tts_compress.int8 import NOT_INT8, Kept
from tts_compress.plan.tables import say

MOST_NAMES = 4


def show_kept(path: Path, report: Sequence[Kept], console: Console) -> None:
    """Prints a line for the layers in int8, and one for each reason why others are not.

    Those of most weights are named. Numbers in names are stars where all such layers run alike.

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
        fates: dict[str, set[str | None]] = {}
        for layer in report:
            fates.setdefault(_starred(layer.layer), set()).add(layer.why)
        mixed = {name for name, whys in fates.items() if len(whys) > 1}
        reasons = sorted({layer.why or "" for layer in report})
        alike = [[layer for layer in report if (layer.why or "") == why] for why in reasons]
        lines = [f"{path}:", *(_line(layers, mixed) for layers in alike)]
    for line in lines:
        say(console, line)


def _starred(name: str) -> str:
    return re.sub(r"\b\d+\b", "*", name)


def _line(alike: Sequence[Kept], mixed: Collection[str]) -> str:
    """Says in a line how layers run that all run so; some stars stand for others, too."""
    weights = Counter[str]()
    for layer in alike:
        star = _starred(layer.layer)
        weights[layer.layer if star in mixed else star] += layer.n_weights
    names = [name for name, _ in weights.most_common(MOST_NAMES)]
    if len(weights) > MOST_NAMES:
        names.append("...")
    why = alike[0].why
    what = f"{len(alike):3} layers, {weights.total():,} weights"
    where = f"in float32 ({why})" if why else "in int8"
    return f"  {what} {where}: {', '.join(names)}"
