"""What a search has tried, as a file that an interrupted one goes on from."""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rich.table import Table

from tts_compress.errors import OutputError
from tts_compress.files import replaced


@dataclass(frozen=True)
class Try:
    """One thing that was tried.

    Attributes:
        position: Which of the choices in a row.
        setting: The knob's value there.
        expected_bytes: What was expected before; None of the first, where nothing was known.
        n_bytes: Size of the file.
        mel_mae_db: Distance from the dense network, in its timing.
    """

    position: int
    setting: float
    expected_bytes: int | None
    n_bytes: int
    mel_mae_db: float


@dataclass
class Tries:
    """The tries of one search, by position, in order; each is on disk once it is made.

    Attributes:
        path: A file of JSON lines; the first says which search it is of.
        search: Stands for all that decides what the tries give.
        made: The tries.
    """

    path: Path
    search: str
    made: dict[int, Try] = field(default_factory=dict)

    @classmethod
    def of(cls, path: Path, search: str) -> "Tries":
        """Reads what an earlier process tried for the same search; of another, nothing.

        Raises:
            OutputError: The file is of something else.
        """
        if not path.exists():
            return cls(path, search)
        try:
            first, *others = map(json.loads, path.read_text(encoding="utf-8").splitlines())
            made = list(map(_read, others)) if first == {"search": search} else []
            if first.keys() != {"search"}:
                raise ValueError
        except (AttributeError, KeyError, OSError, TypeError, ValueError):
            raise OutputError(
                f"{path}: exists already, and holds no tries of a search. Move it, or name another "
                "file for what is found."
            ) from None
        return cls(path, search, {one.position: one for one in made})

    def add(self, one: Try) -> None:
        """Notes a try, on disk too."""
        self.made[one.position] = one
        values = [{"search": self.search}, *map(_written, self.made.values())]
        with replaced(self.path) as partial:
            partial.write_text("".join(f"{json.dumps(v)}\n" for v in values), encoding="utf-8")


def _written(one: Try) -> dict[str, Any]:
    """Gives a try as JSON has it, which knows no infinity."""
    distance = one.mel_mae_db if math.isfinite(one.mel_mae_db) else None
    return asdict(one) | {"mel_mae_db": distance}


def _read(values: dict[str, Any]) -> Try:
    distance = values["mel_mae_db"]
    return Try(**values | {"mel_mae_db": math.inf if distance is None else distance})


HEADINGS = ("expected bytes", "bytes", "ratio", "mel_mae_db")


def cells(one: Try, float32_bytes: int) -> tuple[str, ...]:
    """Gives a try as it is shown: the knob's value, then what `HEADINGS` say."""
    expected = "" if one.expected_bytes is None else f"{one.expected_bytes:,}"
    ratio = f"{float32_bytes / one.n_bytes:.2f}"
    return f"{one.setting:.4g}", expected, f"{one.n_bytes:,}", ratio, f"{one.mel_mae_db:.3f}"


def table(knob: str, made: Sequence[Try], best: Try, float32_bytes: int) -> Table:
    """Gives all tries for the console, from the largest file on, the best one in bold."""
    shown = Table(box=None)
    for heading in (knob, *HEADINGS):
        shown.add_column(heading, justify="right")
    for one in sorted(made, key=lambda one: one.position):
        shown.add_row(*cells(one, float32_bytes), style="bold" if one is best else None)
    return shown


def lines(knob: str, made: Sequence[Try], float32_bytes: int) -> list[str]:
    """Gives the same in lines of text."""
    rows: list[tuple[str, ...]] = [(knob, *HEADINGS)]
    rows += [cells(one, float32_bytes) for one in sorted(made, key=lambda one: one.position)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(map(str.rjust, row, widths)) for row in rows]
