"""One JSON line for each measured value: what was not taken has no line."""

import json
import math
import warnings
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from tts_compress.errors import ArtifactError
from tts_compress.files import replaced


@dataclass(frozen=True)
class Record:
    """One measured value.

    Attributes:
        run_id: The run that it was taken of.
        metric: What was measured.
        sentence: Number of the sentence, from 1; None if it is of the whole run.
        value: A finite number.
        unit: Unit of the value, such as ``dB``.
    """

    run_id: str
    metric: str
    sentence: int | None
    value: float
    unit: str


class TornRecordWarning(UserWarning):
    """The last line of a file of records was cut off, and is left out."""


def write_records(path: Path, records: Iterable[Record]) -> None:
    """Writes a file of records, whole or not at all; NaN and infinity are left out."""
    with replaced(path) as partial:
        partial.write_text("".join(_lines(records)), encoding="utf-8")


def read_records(path: Path) -> list[Record]:
    """Gives the records of a file; warns if its last line was cut off.

    Raises:
        ArtifactError: The file is missing, or another line is no record.
    """
    try:
        *lines, last = path.read_text(encoding="utf-8").split("\n")
    except (FileNotFoundError, UnicodeDecodeError):
        raise ArtifactError(f"{path}: no file of records. Run the recipe again.") from None
    if last:
        message = f"{path}: the last line was cut off, and is left out. Run the recipe again."
        warnings.warn(message, TornRecordWarning, stacklevel=2)
    return [_record(path, number, line) for number, line in enumerate(lines, 1)]


def _lines(records: Iterable[Record]) -> Iterable[str]:
    for record in records:
        if math.isfinite(record.value):
            yield json.dumps(asdict(record), allow_nan=False) + "\n"


def _record(path: Path, number: int, line: str) -> Record:
    try:
        return Record(**json.loads(line))
    except (ValueError, TypeError):
        raise ArtifactError(
            f"{path}:{number}: no record, got {line!r}. Run the recipe again."
        ) from None
