"""What a test file says that no single value of it shows to be wrong."""

from collections.abc import Iterator
from pathlib import Path

from tts_compress.errors import nearest
from tts_compress.listening.building.form import PAIRED, RECORDING, ListeningForm, parse_form
from tts_compress.listening.built import Kind
from tts_compress.yaml_file import YamlFile

MOST_STIMULI = 12  # of a trial, ITU-R BS.1534-3
BELONGS: dict[str, tuple[Kind, ...]] = {
    "anchors": ("mushra",),
    "pairs": PAIRED,
    "ties": ("ab",),
    "hidden_reference": ("mushra", "acr", "dcr"),
    "reference": ("mushra", "acr", "dcr", "ab"),
}

Problem = tuple[str, list[str | int]]
"""What is wrong, and the keys that it stands under."""


def read_form(path: Path) -> tuple[YamlFile, ListeningForm]:
    """Gives the checked test file, and where in it everything stands.

    Raises:
        RecipeError: The file is missing, or says what it may not.
    """
    file, form = parse_form(path)
    for find in (_misplaced, _references, _pairs, _amounts, _pages, _parts):
        for message, keys in find(form):
            raise file.error(keys, message)
    return file, form


def _misplaced(form: ListeningForm) -> Iterator[Problem]:
    for key, kinds in BELONGS.items():
        if key in form.model_fields_set and form.kind not in kinds:
            yield f"belongs to {', '.join(kinds)}, got kind {form.kind!r}. Remove it.", [key]


def _references(form: ListeningForm) -> Iterator[Problem]:
    names = [*form.systems]
    if RECORDING in names:
        yield f"the recordings are called so, got {RECORDING!r}. Rename it.", ["systems", RECORDING]
    if form.kind in ("mushra", "dcr") and form.reference is None:
        advice = f"Name a system, or {RECORDING}."
        yield f"is missing, and {form.kind} compares with one. {advice}", ["reference"]
    if form.reference not in (None, RECORDING, *names):
        known = nearest(str(form.reference), [*names, RECORDING])
        yield f"unknown system {form.reference!r}. {known}", ["reference"]
    if form.kind == "acr" and form.hidden_reference is False:
        yield "a reference of acr is always hidden, got False. Remove it.", ["hidden_reference"]


def _pairs(form: ListeningForm) -> Iterator[Problem]:
    if form.kind not in PAIRED:
        return
    if len(form.systems) < 2:
        yield f"{form.kind} compares two systems, got {[*form.systems]!r}. Add one.", ["systems"]
    seen: list[set[str]] = []
    for index, pair in enumerate(form.all_pairs):
        for side, name in enumerate(pair):
            if name not in form.systems:
                known = nearest(name, form.systems)
                yield f"unknown system {name!r}. {known}", ["pairs", index, side]
        if set(pair) in seen or len(set(pair)) < 2:
            message = f"must be two systems that no other pair has, got {[*pair]!r}. Remove it."
            yield message, ["pairs", index]
        seen.append(set(pair))


def _amounts(form: ListeningForm) -> Iterator[Problem]:
    if not form.compared:
        yield f"nothing is compared, got {[*form.systems]!r}. Add a system.", ["systems"]
    if form.sentences == ():
        yield "must hold at least one number, got []. Name sentences, or all.", ["sentences"]
    for index, number in enumerate(form.sentences if form.sentences != "all" else ()):
        if number in form.sentences[:index]:
            yield f"named twice, got {number!r}. Remove one.", ["sentences", index]
    if len(set(form.cutoffs)) < len(form.cutoffs):
        yield f"must differ, got {[*form.cutoffs]!r}. Remove one.", ["anchors"]
    n = len(form.compared) + form.hides_reference + len(form.cutoffs)
    if form.kind == "mushra" and n > MOST_STIMULI:
        message = f"a trial holds at most {MOST_STIMULI} stimuli (ITU-R BS.1534-3), got {n!r}."
        yield f"{message} Leave systems out.", ["systems"]


def _pages(form: ListeningForm) -> Iterator[Problem]:
    types = [page.type for page in form.pages]
    if "trials" not in types:
        yield f"have no trials, got {types!r}. Add {{type: trials}}.", ["pages"]
    if types.count("finish") != 1 or types[-1] != "finish":
        yield f"must end with their only finish, got {types!r}. Add {{type: finish}}.", ["pages"]
    for index, type in enumerate(types):
        if type in ("consent", "headphones", "training") and type in types[:index]:
            yield f"only one page can be of this type, got {type!r}. Remove one.", ["pages", index]
        if type == "training" and "trials" in types[:index]:
            yield f"practice comes before trials, got {type!r} after. Move it.", ["pages", index]


def _parts(form: ListeningForm) -> Iterator[Problem]:
    parts = {i: page.part for i, page in enumerate(form.pages) if page.type == "trials"}
    last = max(parts, default=0)
    for index, part in parts.items():
        if part is None and index != last:
            message = "is missing, and more trials follow. Add one, as 'part: 0.5'."
            yield message, ["pages", index, "part"]
    total = sum(part or 0.0 for part in parts.values())
    rest = 1.0 - total
    if rest < -1e-9 or (parts.get(last) is not None and rest > 1e-9):
        message = f"parts of trials add up to {total:g} and must to 1, got {parts[last]!r}."
        yield f"{message} Correct it, or leave the last one out.", ["pages", last]
