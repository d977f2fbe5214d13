"""Searches of a tiny network that speaks: what they find is what a run then makes."""

import json
import shutil
from io import StringIO

import pytest
import torch
import yaml
from rich.console import Console

from tests.networks import golden_network, say_frames
from tts_compress import artifact, cli, load_model, recipe
from tts_compress.architectures.checkpoints import save_voice
from tts_compress.architectures.fastspeech2 import FastSpeech2
from tts_compress.errors import OutputError, RecipeError
from tts_compress.methods import Rounding
from tts_compress.methods.base import Memory
from tts_compress.metrics.sizes import float32_bytes
from tts_compress.pipeline import context_of, save
from tts_compress.plan import show_recipe
from tts_compress.searching import search

SENTENCES = ["Hello there.", "How are you?", "I am well.", "Good.", "See you."]
FOR_A_SIZE = "{target: {bytes: 50_000}}"
RECIPE = """\
name: tiny
model: voice
calibration: sentences.txt
stages: [{{method: fold}}]
search: {search}
evaluate: {{sentences: sentences.txt, recognizer: none}}
"""


@pytest.fixture(scope="module")
def voice(tmp_path_factory):
    """A FastSpeech2 even smaller than the tiny one, that gives every phone five frames."""
    folder = tmp_path_factory.mktemp("voice") / "voice"
    tiny = golden_network("fastspeech2")
    fewer = {"encoder": tiny.settings.encoder[:1], "decoder": tiny.settings.decoder[:1]}
    fewer["postnet_channels"] = (24,)
    torch.manual_seed(0)
    model = FastSpeech2(tiny.settings.model_copy(update=fewer))
    save_voice(folder, say_frames(model, 5).eval(), dtype=torch.float32)
    return folder


def folder_of(voice, folder):
    """Makes a folder of a recipe: its voice and its sentences."""
    shutil.copytree(voice, folder / "voice")
    (folder / "sentences.txt").write_text("\n".join(SENTENCES))
    return folder


@pytest.fixture
def folder(voice, tmp_path):
    return folder_of(voice, tmp_path)


@pytest.fixture(scope="module")
def done(voice, tmp_path_factory):
    """A finished search for a size: (folder, the recipe it found)."""
    folder = folder_of(voice, tmp_path_factory.mktemp("done"))
    return folder, find(folder, FOR_A_SIZE)


def write(folder, asked):
    path = folder / "search.yaml"
    path.write_text(RECIPE.format(search=asked))
    return path


def find(folder, asked, out="out"):
    """Does a search and gives the recipe that it wrote."""
    path, console = write(folder, asked), Console(file=StringIO(), width=200)
    found = folder / out / "found.yaml" if isinstance(out, str) else out
    return search(path, recipe.load(path), found, console)


def tries_of(found):
    return [json.loads(line) for line in found.with_suffix(".jsonl").read_text().splitlines()[1:]]


def made_by(found, folder):
    """The file that the run of a plain recipe makes."""
    run = recipe.load(found).runs[1]
    model = load_model(run.model.path)
    context = context_of(run, Memory(), folder, "cpu")
    changes = [change for stage in run.stages for change in stage(model, context)]
    return save(folder / "made.ttsz", model, changes, run, context, None)


def test_a_size_is_met_and_the_run_of_what_was_found_makes_it(done):
    folder, found = done
    best = max(one["n_bytes"] for one in tries_of(found) if one["n_bytes"] <= 50_000)
    assert best >= 0.995 * 50_000
    plain = recipe.load(found)
    assert (plain.name, plain.search) == ("tiny", None)
    assert [stage.method for stage in plain.runs[1].stages] == ["fold", "rate_aware"]
    made = made_by(found, folder)
    assert made.n_bytes == best
    assert f"{best:,} bytes" in found.read_text().split("\nname:")[0]


def test_a_finished_search_is_not_done_again(done):
    folder, found = done
    before = found.stat().st_mtime_ns
    assert find(folder, FOR_A_SIZE).stat().st_mtime_ns == before


def test_no_file_is_replaced_that_no_search_wrote(done):
    folder, found = done
    (folder / "search.yml").mkdir(exist_ok=True)
    for out in (found.parent / "../search.yaml", folder / "search.yml"):
        with pytest.raises(
            OutputError, match=r"search\.ya?ml: exists already, and no search wrote"
        ):
            find(folder, FOR_A_SIZE, out=out)
    with pytest.raises(OutputError, match=r"sentences\.txt: must end with \.yaml, got '\.txt'\."):
        find(folder, FOR_A_SIZE, out=folder / "sentences.txt")
    again = folder / "again.yaml"  # a recipe that a search wrote, to be searched on
    again.write_text(found.read_text() + f"search: {FOR_A_SIZE}\ncalibration: sentences.txt\n")
    with pytest.raises(OutputError, match=r"again\.yaml: exists already"):
        search(again, recipe.load(folder / "search.yaml"), again, Console(file=StringIO()))


def test_no_file_beside_it_is_replaced_that_no_search_wrote(folder):
    before = (folder / "sentences.txt").read_text()
    find(folder, "{target: {mel_mae_db: 30}}", out=folder / "sentences.yaml")
    assert (folder / "sentences.txt").read_text() == before
    for text in ("no JSON", '{"search": "x", "more": 1}\n', "[]"):
        (folder / "found.jsonl").write_text(text)
        with pytest.raises(OutputError, match=r"found\.jsonl: exists already, and holds no tries"):
            find(folder, FOR_A_SIZE, out=folder / "found.yaml")
        assert (folder / "found.jsonl").read_text() == text
    (folder / "other.calibration.txt").write_text("Mine.")
    with pytest.raises(OutputError, match=r"other\.calibration\.txt: exists already, and no sear"):
        find(folder, "{target: {mel_mae_db: 30}}", out=folder / "other.yaml")
    assert (folder / "other.calibration.txt").read_text() == "Mine."


def test_the_command_finds_it_too(done, capsys):
    folder, found = done
    cli.search(folder / "search.yaml", found)
    assert f"{found} is there already" in capsys.readouterr().out


def test_a_plan_says_what_is_searched(done):
    console = Console(file=StringIO(), width=200)
    show_recipe(recipe.load(done[0] / "search.yaml"), console)
    line = "and then rate_aware, as a search finds it for {'bytes': 50000}"
    assert line in console.file.getvalue()


def test_the_same_search_gives_the_same_bytes(done):
    folder, found = done
    again = find(folder, FOR_A_SIZE, out="again")
    assert again.read_bytes() == found.read_bytes()
    assert again.with_suffix(".jsonl").read_bytes() == found.with_suffix(".jsonl").read_bytes()


def test_an_interrupted_search_goes_on_from_its_tries(done):
    folder, found = done
    (folder / "cut").mkdir()
    first, one, *_ = found.with_suffix(".jsonl").read_text().splitlines()
    known = json.dumps(json.loads(one) | {"mel_mae_db": 7.5})  # only what is read can tell so
    (folder / "cut" / "found.jsonl").write_text(f"{first}\n{known}\n")
    gone_on = find(folder, FOR_A_SIZE, out="cut")
    assert tries_of(gone_on)[0]["mel_mae_db"] == 7.5
    assert tries_of(gone_on)[1:] == tries_of(found)[1:]


def test_a_distance_is_met_on_sentences_that_no_stage_hears(folder):
    found = find(folder, "{target: {mel_mae_db: 0.2}}")
    met = [one for one in tries_of(found) if one["mel_mae_db"] <= 0.2]
    assert min(met, key=lambda one: one["n_bytes"])["mel_mae_db"] > 0.19
    assert recipe.load(found).runs[1].calibration == tuple(SENTENCES[1:4])
    assert made_by(found, folder).n_bytes == min(one["n_bytes"] for one in met)


def test_bits_and_sparsity_of_each_tensor(folder):
    asked = "{target: {ratio: 9}, method: rounding, bits: [3, 6], sparsity: [0, 0.5]}"
    found = find(folder, asked)
    *rounded, last = recipe.load(found).runs[1].stages[1:]
    assert last.method == "narrow"
    pairs = [(stage.bits, stage.sparsity) for stage in rounded]
    assert len(set(pairs)) == len(pairs) > 1
    assert set(pairs) <= {(3, 0), (6, 0), (3, 0.5), (6, 0.5)}
    model = load_model(folder / "voice")
    names = [name for stage in rounded for name in stage.include]
    assert sorted(names) == sorted(Rounding().chosen(model))
    sizes = [one["n_bytes"] for one in tries_of(found)]
    limit = float32_bytes(artifact.stored_items(model)) / 9
    assert made_by(found, folder).n_bytes == max(size for size in sizes if size <= limit)


def test_a_target_that_cannot_be_met(folder):
    message = r"search\.yaml:5: search\.target: fewer bytes than [0-9,]+ cannot be had, got 100\."
    with pytest.raises(RecipeError, match=message):
        find(folder, "{target: {bytes: 100}}")
    assert not (folder / "out" / "found.yaml").exists()


def test_a_distance_needs_two_sentences(folder):
    (folder / "sentences.txt").write_text("Hello there.")
    message = r"calibration: a search for a mel_mae_db needs two sentences or more, got 1\."
    with pytest.raises(RecipeError, match=message):
        find(folder, "{target: {mel_mae_db: 1}}")


def test_a_network_that_does_not_speak(folder):
    model = load_model(folder / "voice")
    say_frames(model, 0)
    save_voice(folder / "voice", model, dtype=torch.float32)
    message = r"calibration: the dense network speaks none of the sentences that judge a search"
    with pytest.raises(RecipeError, match=message):
        find(folder, FOR_A_SIZE)


def test_paths_are_written_as_seen_from_the_new_recipe(folder):
    path = write(folder, FOR_A_SIZE)
    assert yaml.safe_load(recipe.written(path, folder / "sub", "x", [], "found.txt")) == {
        "name": "x",
        "model": "../voice",
        "calibration": "found.txt",
        "stages": [],
        "evaluate": {"sentences": "../sentences.txt", "recognizer": "none"},
    }
