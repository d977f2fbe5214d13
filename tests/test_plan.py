"""What is shown before anything runs, for every recipe of the repository."""

import io
import re
from pathlib import Path

import pytest
from rich.console import Console
from torch import nn

from tts_compress import load_model, recipe
from tts_compress.errors import CheckpointError, RecipeError, TextError
from tts_compress.methods.selection import groups_of
from tts_compress.plan import show_model, show_recipe

ROOT = Path(__file__).parents[1]
GOLDEN = Path(__file__).parent / "golden"


def shown(show, *arguments, width=80) -> str:
    file = io.StringIO()
    show(*arguments, Console(file=file, width=width))
    return file.getvalue()


def unfolded(text: str) -> str:
    """Names of several lines on one again."""
    while (joined := re.sub(r"(?m)^(\S+\.)( .*)\n  (\S+) *$", r"\1\3\2", text)) != text:
        text = joined
    return text


@pytest.mark.parametrize(
    "path",
    sorted((ROOT / "recipes").glob("*/*.yaml")),
    ids=lambda path: f"{path.parent.name}-{path.stem}",
)
def test_every_recipe_can_be_planned(path):
    loaded = recipe.load(path)
    text = shown(show_recipe, loaded)
    assert text.startswith(f"{loaded.name}: {len(loaded.runs)} runs of ")
    for run in loaded.runs:
        assert f"{run.id}  {run.name} " in text
    assert max(len(line) for line in text.splitlines()[:-1]) <= 80


def test_each_stage_selects_its_own(write_recipe):
    path = write_recipe(include="attention", sparsities="0.5")
    text = path.read_text().replace(
        "evaluate:", "  - {method: magnitude, include: [mel_linear.weight], sparsity: 0}\nevaluate:"
    )
    path.write_text(text)
    text = shown(show_recipe, recipe.load(path))
    # 16 matrices of 32 x 32 and one of 80 x 32
    assert re.search(r"magnitude 50 % \+ magnitude 0 % +18,944 +9\.5 %", text)
    assert "mel_linear.weight" in text


def test_runs_that_select_the_same_share_a_table(write_recipe):
    text = shown(show_recipe, recipe.load(write_recipe(sparsities="0.1, 0.2, 0.3")))
    assert text.count("and runs like it") == 1


def test_no_weights_are_selected_by_the_dense_run(write_recipe):
    text = shown(show_recipe, recipe.load(write_recipe()))
    assert re.search(r"[0-9a-f]{12}  dense *\n", text)


@pytest.mark.parametrize(
    ("changed", "error", "message"),
    [
        ({"include": "atention"}, RecipeError, r"Did you mean 'attention'\?"),
        ({"sentences": "Hello.\n...\n"}, TextError, r"nothing to speak, got '\.\.\.'"),
        ({"model": "hifigan_tiny.pth.tar"}, CheckpointError, "hifigan: reads no text"),
    ],
)
def test_what_cannot_run_cannot_be_planned(write_recipe, changed, error, message):
    with pytest.raises(error, match=message):
        shown(show_recipe, recipe.load(write_recipe(**changed)))


@pytest.mark.parametrize("name", ["tacotron2_tiny.pt", "fastspeech2_tiny.pth.tar"])
def test_every_tensor_is_listed_at_any_width(name):
    model = load_model(GOLDEN / name)
    narrow = shown(show_model, model, Path(name))
    assert max(len(line) for line in narrow.splitlines()) <= 80
    wide = shown(show_model, model, Path(name), width=160)
    for text in (unfolded(narrow), wide):
        rows = {line.split()[0]: line.split() for line in text.splitlines() if " " in line}
        for tensor, parameter in model.named_parameters():
            row = rows[tensor]
            groups = list(groups_of(model).get(tensor, ()))
            shape = "x".join(map(str, parameter.shape))
            assert row[1:-2] == [*groups, shape, f"{parameter.numel():,}"]


def test_zeros_and_groups_are_counted():
    model = load_model(GOLDEN / "fastspeech2_tiny.pth.tar")
    nn.init.zeros_(model.get_parameter("mel_linear.weight"))
    model.get_parameter("mel_linear.bias").data[:20] = 0
    text = shown(show_model, model, Path("m"))
    assert re.search(r"mel_linear\.weight +projection +80x32 +2,560 +100\.0 %", text)
    assert re.search(r"mel_linear\.bias +80 +80 +25\.0 %", text)
    assert re.search(r"(?m)^projection +1 +2,560 +1\.3 %$", text)
    floats = [t for t in model.state_dict().values() if t.is_floating_point()]
    assert f"{4 * sum(t.numel() for t in floats):,} bytes in float32" in text


def test_names_are_text_and_no_markup(write_recipe):
    path = write_recipe(sentences="[red]Hello[red] there.\n", sparsities="0.5")
    assert "the first: '[red]Hello[red] there.'" in shown(show_recipe, recipe.load(path))
    model = load_model(GOLDEN / "fastspeech2_tiny.pth.tar")
    assert shown(show_model, model, Path("a[b]")).startswith("a[b]: fastspeech2")
