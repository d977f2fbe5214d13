"""Everything that listeners answered, as one long table."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tts_compress.files import replaced
from tts_compress.listening import scales
from tts_compress.listening.analysis.answer_files import read_file
from tts_compress.listening.built import BuiltTest, Kind, Trial
from tts_compress.listening.design import session, trial_of
from tts_compress.listening.serving.database import Answer
from tts_compress.listening.serving.store import read_listeners

if TYPE_CHECKING:
    import pandas as pd

RATED: tuple[Kind, ...] = ("mushra", "acr", "dcr")
SCALES: dict[Kind, tuple[float, float]] = {
    kind: (scale["min"], scale["max"]) for kind, scale in scales.SCALES.items() if scale
}
COLUMNS = (
    "listener",
    "page",
    "order",
    "trial",
    "check",
    "sentence",
    "system",
    "role",
    "versus",
    "value",
    "choice",
    "side",
    "seconds",
)


@dataclass(frozen=True)
class Listener:
    """One who opened the test.

    Attributes:
        name: What tables call the listener; says nothing of the link.
        number: Which session of the design it was.
        finished: When the last page was reached, ISO 8601; None if it was not.
        pages: The session's pages by id, in order.
        trials: The trial behind each page that counts or checks.
        answers: What was said, by page.
    """

    name: str
    number: int
    finished: str | None
    pages: Mapping[str, dict[str, Any]]
    trials: Mapping[str, Trial]
    answers: Mapping[str, Answer]

    def done(self) -> Iterator[tuple[str, Trial, Answer]]:
        """Page, trial and answer of each trial that was answered to the end, in order."""
        for page, trial in self.trials.items():
            answer = self.answers.get(page)
            if answer is not None and answer.done:
                yield page, trial, answer


@dataclass(frozen=True)
class Question:
    """A question and all that was answered to it.

    Attributes:
        label: The question.
        type: What kind of answer it takes, as `pages.Question` has it.
        given: Listener and answer; of ``multiple``, one for each choice.
    """

    label: str
    type: str
    given: list[tuple[str, str]]

    @property
    def counts(self) -> list[tuple[str, int]]:
        """How often each answer was given, most often first."""
        return Counter(text for _, text in self.given).most_common()

    @property
    def written(self) -> bool:
        """Whether answers are in listeners' own words."""
        return self.type in ("text", "long")


@dataclass(frozen=True)
class Answers:
    """All answers to a test.

    Attributes:
        test: The test.
        listeners: Who answered anything, by number.
        unused: How many links were never opened.
        notes: What was left out while reading, as sentences.
    """

    test: BuiltTest
    listeners: tuple[Listener, ...]
    unused: int = 0
    notes: tuple[str, ...] = ()

    @cached_property
    def rows(self) -> "pd.DataFrame":
        """One line a rating or choice that is done, checks included.

        ``value`` is the rating; of pairs it says how ``system`` did against ``versus``: as
        `preference` has it. ``side`` is where the chosen stimulus stood, from 1.
        """
        import pandas as pd

        lines = [line for listener in self.listeners for line in _lines(self.test, listener)]
        return pd.DataFrame(lines, columns=list(COLUMNS))

    def comments(self) -> list[dict[str, Any]]:
        """What listeners wrote about trials: ``listener``, ``sentence``, ``text``."""
        return [
            {"listener": each.name, "sentence": trial.sentence, "text": answer.values["comment"]}
            for each in self.listeners
            for _, trial, answer in each.done()
            if answer.values.get("comment")
        ]

    def questionnaire(self) -> list["Question"]:
        """What listeners answered to the questions of all pages, in order."""
        found: dict[str, Question] = {}
        for each in self.listeners:
            for id, page in each.pages.items():
                given = each.answers[id].values.get("answers", {}) if id in each.answers else {}
                for question in page.get("questions", ()):
                    value = given.get(question["id"])
                    if value in (None, "", []):
                        continue
                    own = Question(question["label"], question["type"], [])
                    values = value if isinstance(value, list) else [value]
                    found.setdefault(f"{id}/{question['id']}", own).given.extend(
                        (each.name, text if isinstance(text, str) else f"{text:g}")
                        for text in values
                    )
        return [*found.values()]


def read(test: BuiltTest, folder: Path, files: Sequence[Path] = ()) -> Answers:
    """Reads the answers that a server stored and those that static tests gave as files.

    A token that comes twice is one listener; the more complete answers count.

    Args:
        test: The built test.
        folder: Its folder, with the database if it was served.
        files: Answers of static tests.

    Raises:
        ListeningError: The database or a file is damaged, or of another test.
    """
    best: dict[str, dict[str, Any]] = {}
    notes = []
    for record in [*read_listeners(folder), *(read_file(test, path) for path in files)]:
        token = record["token"]
        if token in best:
            notes.append(f"Answers of listener {record['number']} came twice and count once.")
        if token not in best or _progress(record) > _progress(best[token]):
            best[token] = record
    begun = [record for record in best.values() if record["answers"]]
    begun.sort(key=lambda record: (record["number"], record["started"] or "", record["token"]))
    names: list[str] = []
    for record in begun:
        name = f"L{record['number']:02}"
        same = sum(other.split(".")[0] == name for other in names)
        names.append(f"{name}.{same + 1}" if same else name)
    listeners = tuple(_listener(test, *pair) for pair in zip(names, begun, strict=True))
    return Answers(test, listeners, len(best) - len(begun), tuple(notes))


def safe(cell: Any) -> Any:
    """Gives a cell of a CSV file that no spreadsheet takes for a formula.

    >>> safe("=HYPERLINK(1)"), safe("magnitude 40 %"), safe(-3)
    ("'=HYPERLINK(1)", 'magnitude 40 %', -3)

    Source: owasp.org/www-community/attacks/CSV_Injection.
    """
    if isinstance(cell, str) and cell.lstrip().startswith(("=", "+", "-", "@", "\t", "\r", "\n")):
        return f"'{cell}"
    return cell


def write_csv(table: "pd.DataFrame", path: Path) -> None:
    """Writes a table, whole or not at all, with every cell made `safe`."""
    with replaced(path) as partial:
        cells = table.rename(columns=safe).map(safe)
        cells.to_csv(partial, index=False, lineterminator="\n", float_format="%.6g")


def _progress(record: Mapping[str, Any]) -> tuple[int, int]:
    answers = record["answers"].values()
    return sum(answer["done"] for answer in answers), sum(a["revision"] for a in answers)


def _listener(test: BuiltTest, name: str, record: Mapping[str, Any]) -> Listener:
    number = record["number"]
    return Listener(
        name,
        number,
        record["finished"],
        {page["id"]: page for page in session(test, number)["pages"]},
        trial_of(test, number),
        {page: Answer(**answer) for page, answer in record["answers"].items()},
    )


def _lines(test: BuiltTest, listener: Listener) -> Iterator[dict[str, Any]]:
    order = {page: place for place, page in enumerate(listener.trials, 1)}
    for page, trial, answer in listener.done():
        line = {"listener": listener.name, "page": page, "order": order[page]}
        line |= {"trial": trial.id, "check": trial.check or "", "sentence": trial.sentence}
        line |= {"seconds": answer.seconds}
        if test.kind in RATED:
            for id, rating in answer.values["ratings"].items():
                made = {"system": label(test, id), "role": test.stimulus(id).role}
                yield {**line, **made, "value": float(rating)}
        else:
            yield {**line, **_pair(test, trial, listener.pages[page], answer)}


def _pair(test: BuiltTest, trial: Trial, page: Mapping[str, Any], answer: Answer) -> dict[str, Any]:
    """What a trial of two stimuli says of the second one of the trial against the first."""
    versus, system = trial.stimuli
    line: dict[str, Any] = {"system": label(test, system), "versus": label(test, versus)}
    line["role"] = test.stimulus(system).role
    if test.kind == "cmos":
        (rated, rating), *_ = answer.values["ratings"].items()
        return line | {"value": float(rating if rated == system else -rating)}
    choice = answer.values["choice"]
    shown = [stimulus["id"] for stimulus in page["stimuli"]]
    line["choice"] = choice if choice == "none" else label(test, choice)
    line["side"] = shown.index(choice) + 1 if choice in shown else None
    if test.kind == "abx":
        if len(trial.unknown) > 1:
            right = trial.stimuli[trial.unknown.index(page["unknown"])]
        else:  # of a check
            right = (trial.expected and trial.expected.choice) or ""
        return line | {"value": float(choice == right)}
    return line | {"value": 0.5 if choice == "none" else float(choice == system)}


def label(test: BuiltTest, stimulus: str) -> str:
    """Name of what made a stimulus; of the hidden reference, what it is of."""
    found = test.stimulus(stimulus)
    if found.role == "reference" and test.reference:
        return f"{test.reference} (reference)"
    return found.system
