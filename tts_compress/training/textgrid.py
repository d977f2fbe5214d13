"""Words and phones in time, as TextGrid files in the layout of the Montreal Forced Aligner.

Source: https://www.fon.hum.uva.nl/praat/manual/TextGrid_file_formats.html
"""

import re
from dataclasses import dataclass
from pathlib import Path

from tts_compress.errors import CorpusError

# Only three things carry meaning, in the long and the short text format alike: strings in double
# quotes (a quote inside is doubled), free-standing numbers, and flags such as <exists>.
_VALUE = re.compile(r'"((?:[^"]|"")*)"|(?<!\S)(-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)(?!\S)|(<\w+>)')


@dataclass(frozen=True)
class Interval:
    """A labelled stretch of time, in seconds."""

    start: float
    end: float
    text: str


@dataclass(frozen=True)
class TextGrid:
    """The two tiers of one utterance; each covers it from 0 to its end, silence included."""

    words: tuple[Interval, ...]
    phones: tuple[Interval, ...]


def read_textgrid(path: Path) -> TextGrid:
    """The tiers "words" and "phones" of a TextGrid file, long or short format, in whichever order.

    Raises:
        CorpusError: the file is missing, is no TextGrid, or lacks one of the two tiers.
    """
    tiers = _read_tiers(path)
    for name in ("words", "phones"):
        if name not in tiers:
            raise CorpusError(
                f"{path}: no tier {name!r}, got {sorted(tiers)!r}."
                " Align with the Montreal Forced Aligner, which writes 'words' and 'phones'."
            )
    return TextGrid(words=tiers["words"], phones=tiers["phones"])


def write_textgrid(path: Path, grid: TextGrid) -> None:
    """Write the grid in the long text format; whoever reads it back gets equal times."""
    end = grid.phones[-1].end
    lines = [
        'File type = "ooTextFile"',
        'Object class = "TextGrid"',
        "",
        "xmin = 0",
        f"xmax = {end}",
        "tiers? <exists>",
        "size = 2",
        "item []:",
    ]
    for number, (name, tier) in enumerate((("words", grid.words), ("phones", grid.phones)), 1):
        lines += [
            f"    item [{number}]:",
            '        class = "IntervalTier"',
            f'        name = "{name}"',
            "        xmin = 0",
            f"        xmax = {end}",
            f"        intervals: size = {len(tier)}",
        ]
        for index, interval in enumerate(tier, 1):
            text = interval.text.replace('"', '""')
            lines += [
                f"        intervals [{index}]:",
                f"            xmin = {interval.start}",
                f"            xmax = {interval.end}",
                f'            text = "{text}"',
            ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _read_tiers(path: Path) -> dict[str, tuple[Interval, ...]]:
    values = _read_values(path)
    tiers: dict[str, tuple[Interval, ...]] = {}
    try:
        # "ooTextFile" "TextGrid" start end <exists> number-of-tiers, then each tier
        at = 6
        for _ in range(int(values[5])):
            kind, name, size = values[at], str(values[at + 1]), int(values[at + 4])
            width = 3 if kind == "IntervalTier" else 2
            rows = [values[i : i + width] for i in range(at + 5, at + 5 + width * size, width)]
            at += 5 + width * size
            if kind == "IntervalTier":
                tiers[name] = tuple(Interval(float(a), float(b), str(c)) for a, b, c in rows)
    except (IndexError, ValueError) as error:
        raise CorpusError(
            f"{path}: the TextGrid breaks off or is out of order, got {len(values)} values."
            " Align this utterance again."
        ) from error
    return tiers


def _read_values(path: Path) -> list[str | float]:
    """Strings, numbers and flags of a TextGrid file, in order."""
    if not path.is_file():
        raise CorpusError(f"{path}: no such file, got {path.name!r}. Align this utterance first.")
    text = path.read_text(encoding="utf-8-sig", errors="replace")
    values: list[str | float] = [
        float(match[2]) if match[2] else match[3] or match[1].replace('""', '"')
        for match in _VALUE.finditer(text)
    ]
    if values[:2] != ["ooTextFile", "TextGrid"]:
        raise CorpusError(
            f"{path}: not a TextGrid in a text format, got {text[:30]!r}."
            " Save it from Praat as a text file."
        )
    return values
