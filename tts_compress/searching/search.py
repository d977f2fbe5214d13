"""A search: a recipe with a target becomes a plain one that meets it."""

import hashlib
import json
import math
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from rich.console import Console

from tts_compress.errors import OutputError
from tts_compress.files import locked, replaced
from tts_compress.plan.tables import say
from tts_compress.recipe import Recipe, Run, SearchForm, written
from tts_compress.searching import tries
from tts_compress.searching.crossing import cross
from tts_compress.searching.offers import Allocations, Offer, RateWeights
from tts_compress.searching.target import Target
from tts_compress.searching.tries import Tries, Try
from tts_compress.searching.trying import Begun
from tts_compress.yaml_file import YamlFile

HEAD = "# Found for"
"""How a recipe starts that a search wrote."""

EVERY = 4
"""Every which calibration sentence judges tries; where distance decides, it is held aside."""


def search(path: Path, recipe: Recipe, found: Path, console: Console, device: str = "cpu") -> Path:
    """Finds what meets a recipe's target, and writes it as a plain recipe.

    Beside it go the tries, as JSON lines, and, where the target is a distance, the calibration
    sentences that stages then look at, since the others judge. A search that was finished is not
    done again, and one that was interrupted goes on from its tries.

    Args:
        path: The recipe.
        recipe: What it says.
        found: Where the plain recipe goes.
        console: Where tries are shown.
        device: Where torch runs.

    Returns:
        `found`.

    Raises:
        RecipeError: The target cannot be met.
        OutputError: `found` is no YAML file by its name; it, or what goes beside it, is there
            already and not of a search.
    """
    assert recipe.search is not None
    run, form = recipe.runs[-1], recipe.search
    _check_place(found, path)
    found.parent.mkdir(parents=True, exist_ok=True)
    with locked(found.with_name(f".{found.name}.lock")):
        if found.is_file() and f"# {_mark(run, form)}" in found.read_text("utf-8").splitlines():
            say(console, f"{found} is there already")
            return found
        with _one_thread(), tempfile.TemporaryDirectory() as folder:
            _Search(path, recipe.name, run, form, found, console).find(Path(folder), device)
    return found


def _check_place(found: Path, path: Path) -> None:
    """Keeps files that no search wrote, and the recipe that is read."""
    if found.suffix not in (".yaml", ".yml"):
        raise OutputError(f"{found}: must end with .yaml, got {found.suffix!r}. Name another file.")
    if found.exists() and (found.samefile(path) or not _is_found(found)):
        raise OutputError(f"{found}: exists already, and no search wrote it. Name another file.")


def _is_found(path: Path) -> bool:
    return path.is_file() and path.read_bytes().startswith(HEAD.encode())


@dataclass(frozen=True)
class _Search:
    """What one search is about."""

    path: Path
    name: str
    run: Run
    form: SearchForm
    found: Path
    console: Console

    def find(self, folder: Path, device: str) -> None:
        """Tries until the target is met, and writes the recipe."""
        made = Tries.of(self.found.with_suffix(".jsonl"), _mark(self.run, self.form))
        begun = self._begin(folder, device)
        offer, target = _offer(begun, self.form), Target(self.form.target, begun.float32_bytes)
        with self.console.status("") as status:

            def measure(position: int) -> float:
                status.update(f"try {offer.knob} {offer.setting(position):.4g}")
                return target.excess(self._try(position, begun, offer, made)) - target.aim

            by_size = target.n_bytes is not None
            expected = offer.sizes if by_size else offer.changes
            start = offer.start(target.n_bytes)
            cross(measure, expected, start, lambda off: abs(off) <= abs(target.aim))
        best = target.best(made.made.values())
        if best is None:
            message = target.why_not(made.made.values())
            raise YamlFile.read(self.path, ()).error(["search", "target"], message)
        self._write(begun, offer, target, made, best)

    def _begin(self, folder: Path, device: str) -> Begun:
        """Does the recipe's own stages, with the sentences that stages may look at."""
        judging, others = _split(self.run.calibration)
        if self.form.target.mel_mae_db is None:
            return Begun.of(self.run, judging, folder, device)
        if not others:
            raise YamlFile.read(self.path, ()).error(
                ["calibration"],
                f"a search for a mel_mae_db needs two sentences or more, got {len(judging)}. "
                "Give more.",
            )
        self._check_sentences(_lines(others))
        run = self.run.model_copy(update={"calibration": others})
        return Begun.of(run, judging, folder, device)

    @property
    def _sentences(self) -> Path:
        """Where those go that stages may look at, if others judge."""
        return self.found.with_suffix(".calibration.txt")

    def _check_sentences(self, lines: str) -> None:
        """Keeps a file that no search wrote."""
        path = self._sentences
        if path.exists() and not _is_found(self.found) and path.read_text("utf-8") != lines:
            raise OutputError(f"{path}: exists already, and no search wrote it. Move it.")

    def _try(self, position: int, begun: Begun, offer: Offer, made: Tries) -> Try:
        """Gives what comes of a position, which may have been tried before."""
        if position in made.made:
            return made.made[position]
        expected = _expected_bytes(position, offer, list(made.made.values()))
        n_bytes, distance = begun.go_on(offer.stages(position))
        one = Try(position, offer.setting(position), expected, n_bytes, distance)
        made.add(one)
        return one

    def _write(self, begun: Begun, offer: Offer, target: Target, made: Tries, best: Try) -> None:
        """Writes what was found, and shows all that was tried."""
        tried, size = list(made.made.values()), begun.float32_bytes
        stages = (*self.run.stages, *offer.stages(best.position))
        sentences = None
        if begun.run.calibration != self.run.calibration:
            sentences = self._sentences
            with replaced(sentences) as partial:
                partial.write_text(_lines(begun.run.calibration), encoding="utf-8")
        calibration = sentences.name if sentences else None
        body = written(self.path, self.found.parent.absolute(), self.name, stages, calibration)
        comment = [
            made.search,
            f"The best is {offer.knob} {best.setting:.4g}: {best.n_bytes:,} bytes.",
            "",
            *tries.lines(offer.knob, tried, size),
        ]
        header = f"{HEAD} {self.path.name}: {target.words}.\n"
        header += "".join(f"# {line}".rstrip() + "\n" for line in comment)
        with replaced(self.found) as partial:
            partial.write_text(header + body, encoding="utf-8")
        self.console.print(tries.table(offer.knob, tried, best, size))
        say(self.console, f"{self.found}  {target.words}: {best.n_bytes:,} bytes")


def _lines(texts: Sequence[str]) -> str:
    return "".join(f"{text}\n" for text in texts)


def _split(calibration: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Gives the sentences that judge, and the others."""
    others = [text for number, text in enumerate(calibration) if number % EVERY]
    return tuple(calibration[::EVERY]), tuple(others)


def _offer(begun: Begun, form: SearchForm) -> Offer:
    if form.method == "rounding":
        return Allocations(begun.model, begun.context, form)
    return RateWeights(begun.model, begun.context)


def _expected_bytes(position: int, offer: Offer, made: Sequence[Try]) -> int | None:
    """Gives the bytes expected after the last try."""
    if not made:
        return round(math.exp(-offer.sizes[position])) if offer.absolute else None
    last = made[-1]
    return round(last.n_bytes * math.exp(offer.sizes[last.position] - offer.sizes[position]))


def _mark(run: Run, form: SearchForm) -> str:
    """Gives what stands for all that decides what is found."""
    values = [run.resolved(), run.calibration, form.model_dump(mode="json")]
    canonical = json.dumps(values, sort_keys=True, separators=(",", ":"))
    return f"search {hashlib.sha256(canonical.encode()).hexdigest()[:12]}"


@contextmanager
def _one_thread() -> Iterator[None]:
    """Has torch count on one thread, as runs do, so that they make the same bytes."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
