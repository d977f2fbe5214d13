"""What is shown before anything runs, for every recipe of the repository."""

import io
import itertools
import re
from pathlib import Path

import pytest
from rich.console import Console
from torch import nn

from tests.networks import GOLDEN, golden_network
from tts_compress import load_model, recipe
from tts_compress.errors import CheckpointError, RecipeError, TextError
from tts_compress.methods.selection import groups_of
from tts_compress.plan import show_couplings, show_model, show_recipe
from tts_compress.plan.couplings import merged

ROOT = Path(__file__).parents[1]


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
    sorted(p for p in (ROOT / "recipes").glob("*/*.yaml") if p.parent.name != "listening"),
    ids=lambda path: f"{path.parent.name}-{path.stem}",
)
def test_every_recipe_can_be_planned(path):
    loaded = recipe.load(path)
    text = shown(show_recipe, loaded)
    assert text.startswith(f"{loaded.name}: {len(loaded.runs)} runs of ")
    wide = shown(show_recipe, loaded, width=200)
    for run in loaded.runs:
        assert f"{run.id}  {run.name} " in wide
    assert max(len(line) for line in text.splitlines() if " the first: " not in line) <= 80


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
        ({"model": "hifigan_tiny.pth.tar"}, CheckpointError, "must read text, got a 'hifigan'"),
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
    model = golden_network("fastspeech2")
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
    model = golden_network("fastspeech2")
    assert shown(show_model, model, Path("a[b]")).startswith("a[b]: fastspeech2")


def write_structured(write_recipe, stages, more=""):
    path = write_recipe()
    head, _, rest = path.read_text().partition("stages:")
    evaluate = rest[rest.index("evaluate:") : rest.index("sweep:")]
    path.write_text(f"{head}stages: [{stages}]\n{evaluate}{more}\n")
    return path


def test_units_that_stay_are_counted_where_no_score_decides(write_recipe):
    path = write_structured(
        write_recipe,
        "{method: channels, include: [ffn]}, {method: resize}",
        "sweep:\n  stages.0.keep: [8, 13]\n  stages.0.scope: [layer, global]\n"
        "  stages.0.multiple_of: [1, 4]\n",
    )
    text = path.read_text()
    table = shown(show_recipe, recipe.load(path), width=200)
    # 4 layers of 48 channels, each with 9 x 32 weights and a bias in, and 32 weights out
    assert len(re.findall(rf" {4 * 48 * (9 * 32 + 1 + 32):,} ", table)) == 8
    row = r"keep (\d+) .*scope=(\w+), 0.multiple_of=(\d)\) .* %  +(?:(\d+) )?of (\d+)"
    rows = re.findall(row, table)
    assert rows == [
        ("8", "layer", "1", "32", "192"),
        ("8", "layer", "4", "32", "192"),
        ("8", "global", "1", "8", "192"),
        ("8", "global", "4", "", "192"),
        ("13", "layer", "1", "52", "192"),
        ("13", "layer", "4", "64", "192"),
        ("13", "global", "1", "13", "192"),
        ("13", "global", "4", "", "192"),
    ]
    path.write_text(text.replace("[8, 13]", "[3]").replace("layer, ", ""))
    with pytest.raises(RecipeError, match=r"channels: 3 of 192 channels would stay, got keep 3"):
        shown(show_recipe, recipe.load(path))


def test_other_sentences_are_shown_and_checked_where_a_stage_looks(write_recipe, tmp_path):
    stage = "{method: heads, keep: 1, score: SCORE}"
    path = write_structured(write_recipe, stage, "calibration: calibration.txt")
    text = path.read_text()
    (tmp_path / "calibration.txt").write_text("One.\nTwo.\nThree.\n")
    path.write_text(text.replace("SCORE", "sensitivity"))
    assert shown(show_recipe, recipe.load(path)).endswith(
        "2 sentences, the first: 'Hello there.'\n3 calibration sentences, the first: 'One.'\n"
    )
    (tmp_path / "calibration.txt").write_text("One.\n...\n")
    with pytest.raises(TextError, match=r"nothing to speak, got '\.\.\.'"):
        shown(show_recipe, recipe.load(path))
    path.write_text(text.replace("SCORE", "l1"))
    assert "calibration" not in shown(show_recipe, recipe.load(path))


def test_weights_of_a_unit_are_counted_as_by_hand():
    text = shown(show_couplings, golden_network("tacotron2"), Path("m"))
    # 4 gates of 72 inputs, 48 states and 2 biases; a column of 4 x 48 states, of which 4 were
    # counted; and what 80 mel bins and the gate read
    unit = 4 * (72 + 48 + 2) + 4 * 48 - 4 + 80 + 1
    assert re.search(rf"(?m)^decoder\.decoder_rnn +units +48 +{unit}$", text)
    model = golden_network("fastspeech2")
    text = shown(show_couplings, model, Path("m[b]"))
    head = 3 * (16 * 32 + 16) + 16 * 32
    assert text.startswith("m[b]: fastspeech2; ")
    assert re.search(
        rf"(?m)^encoder\.layer_stack\.0\.slf_attn +heads +2 +{head:,}\n"
        r"  groups +encoder attention\n"
        r"  makes +16 rows +encoder\.layer_stack\.0\.slf_attn\.w_vs\.\{weight,bias\}\n"
        r"  steers +16 rows +encoder\.layer_stack\.0\.slf_attn\.\{w_qs,w_ks\}\.\{weight,\n"
        r" +bias\}\n"
        r"  reads +16 columns +encoder\.layer_stack\.0\.slf_attn\.fc\.weight$",
        text,
    )
    assert "\nmel" in text
    assert "  cannot leave: mel bins are the sound that is left\n" in text
    free = [c for c in model.couplings() if not c.fixed]
    units = sum(c.n_units for c in free)
    assert f"\n{len(free)} couplings with {units:,} units that can leave" in text


def expanded(name: str) -> set[str]:
    """Every name that one with ranges and braces stands for."""
    parts = []
    for part in name.split("."):
        if bounds := re.fullmatch(r"(\d+)-(\d+)", part):
            parts.append([str(n) for n in range(int(bounds[1]), int(bounds[2]) + 1)])
        else:
            parts.append(part.strip("{}").split(","))
    return {".".join(choice) for choice in itertools.product(*parts)}


@pytest.mark.parametrize(
    ("name", "config"),
    [
        ("tacotron2_tiny.pt", None),
        ("fastspeech2_tiny.pth.tar", None),
        ("hifigan_tiny.pth.tar", [GOLDEN / "hifigan_tiny_config.json"]),
    ],
)
def test_couplings_name_every_tensor_and_fit_their_width(name, config):
    model = load_model(GOLDEN / name, config)
    for coupling in model.couplings():
        names = [member.tensor for member in coupling]
        assert set().union(*map(expanded, merged(names))) == set(names)
    for width in (80, 120):
        text = shown(show_couplings, model, Path("m"), width=width)
        assert max(len(line) for line in text.splitlines()) <= width
        for coupling in model.couplings():
            start, dot, _ = coupling.name.partition(".")
            assert f"\n{start}{dot}" in text
