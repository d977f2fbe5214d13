"""What recipes may ask a search for, and what they may not."""

import pytest

from tts_compress import recipe
from tts_compress.errors import RecipeError

GOOD = """\
model: voice
calibration: s.txt
stages: []
search: {target: {bytes: 400_000}}
evaluate: {sentences: s.txt}
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "voice").mkdir()
    (tmp_path / "voice" / "model.safetensors").write_bytes(b"weights")
    (tmp_path / "s.txt").write_text("One sentence.\nAnother.\n")
    return tmp_path


def load(folder, text=GOOD, asked="{target: {bytes: 400_000}}"):
    path = folder / "r.yaml"
    path.write_text(text.replace("{target: {bytes: 400_000}}", asked))
    return recipe.load(path)


def test_a_search_is_part_of_a_recipe(folder):
    loaded = load(folder)
    assert [run.name for run in loaded.runs] == ["dense"]
    assert loaded.search.target == recipe.TargetForm(bytes=400_000)
    assert loaded.search.method == "rate_aware"
    loaded = load(folder, asked="{target: {ratio: 20}, method: rounding, bits: [2, null]}")
    assert (loaded.search.target.ratio, loaded.search.bits) == (20, [2, None])
    assert loaded.search.sparsity == [0]
    assert load(folder, asked="{target: {bytes: 400000}}").search.target.bytes == 400_000


WRONG = {
    "{}": r"search\.target: is missing\. One of bytes, ratio and mel_mae_db",
    "{target: {}}": r"search\.target: must name one of bytes, ratio, mel_mae_db, got \{\}\.",
    "{target: {bytes: 1, ratio: 2}}": r"must name one of bytes, ratio, mel_mae_db, got \{'bytes'",
    "{target: {bites: 1}}": r"search\.target: unknown key 'bites'\. Did you mean 'bytes'\?",
    "{target: {bytes: 4e5}}": r"search\.target\.bytes: must be a whole number, got 400000\.0\.",
    "{target: {bytes: 4_}}": r"search\.target\.bytes: must be a whole number, got '4_'\.",
    "{target: {bytes: 0}}": r"search\.target\.bytes: must be greater than 0, got 0\. Most bytes",
    "{target: {ratio: 1}}": r"search\.target\.ratio: must be greater than 1, got 1",
    "{target: {mel_mae_db: 0}}": r"mel_mae_db: must be greater than 0, got 0",
    "{target: {ratio: 9}, bits: [4]}": r"rate_aware chooses no bits, got 'rate_aware'; method: rou",
    "{target: {ratio: 9}, method: uniform}": r"search\.method: must be 'rate_aware' or 'rounding'",
    "{target: {ratio: 9}, method: rounding, bits: [1]}": r"search\.bits\[0\]: .*got 1\.",
    "{target: {ratio: 9}, method: rounding, bits: []}": r"search\.bits: .*got \[\]\.",
    "{target: {ratio: 9}, method: rounding, sparsity: [1]}": r"search\.sparsity\[0\]: .*got 1",
    "{target: {ratio: 9}, method: rounding, bits: [null]}": r"search: must let something change",
    "{target: {ratio: 9}, methods: rounding}": r"search: unknown key 'methods'\. Did you mean 'me",
}


@pytest.mark.parametrize(("asked", "message"), WRONG.items(), ids=WRONG)
def test_what_is_wrong_is_said(folder, asked, message):
    with pytest.raises(RecipeError, match=rf"r\.yaml:4: .*{message}"):
        load(folder, asked=asked)


def test_a_search_needs_calibration_sentences(folder):
    message = r"r\.yaml:3: search: needs 'calibration', got none\. Name a text file of sentences"
    with pytest.raises(RecipeError, match=message):
        load(folder, GOOD.replace("calibration: s.txt\n", ""))


def test_a_search_cannot_be_beside_a_sweep(folder):
    stage = "[{method: magnitude}]"
    text = GOOD.replace("[]", stage) + "sweep: {stages.0.sparsity: [0.1, 0.2]}\n"
    message = r"r\.yaml:4: search: cannot be beside a sweep, got one of stages\.0\.sparsity\."
    with pytest.raises(RecipeError, match=message):
        load(folder, text)
