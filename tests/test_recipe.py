import itertools
import json
import pickle
import re
import shutil
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tts_compress import recipe
from tts_compress.errors import RecipeError
from tts_compress.methods import METHODS, Magnitude
from tts_compress.recipe import evaluating as evaluating_module

RECIPES = Path(__file__).parents[1] / "recipes"
ARCHITECTURES = ("fastspeech2", "tacotron2")
GOOD = """\
model: voice
stages:
  - method: magnitude
    sparsity: 0.4
evaluate:
  sentences: s.txt
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with what recipes name: a voice, a checkpoint with its config, and sentences."""
    (tmp_path / "voice").mkdir()
    (tmp_path / "voice" / "model.safetensors").write_bytes(b"weights")
    (tmp_path / "voice" / "config.json").write_text("{}")
    (tmp_path / "model.pt").write_bytes(b"weights")
    (tmp_path / "model.yaml").write_text("heads: 2")
    (tmp_path / "s.txt").write_text("One  sentence.\n\n Another one? \n", encoding="utf-8")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    return tmp_path


def load(folder, text, name="r.yaml"):
    (folder / name).write_text(text)
    return recipe.load(folder / name)


def test_dense_run_comes_first(folder):
    loaded = load(folder, GOOD)
    dense, run = loaded.runs
    assert (loaded.name, loaded.source) == ("r", GOOD)
    assert (dense.name, dense.stages) == ("dense", ())
    assert (run.name, run.stages) == ("magnitude 40 %", (Magnitude(sparsity=0.4),))
    assert run.model.path == folder / "voice"
    assert run.evaluate.sentences == ("One sentence.", "Another one?")
    assert (run.evaluate.seed, run.evaluate.vocoder) == (0, None)
    assert run.dense_id == dense.dense_id == dense.id
    assert len(run.id) == 12
    assert int(run.id, 16) != int(dense.id, 16)
    assert pickle.loads(pickle.dumps(run)) == run
    assert recipe.Run.model_validate_json(run.model_dump_json()) == run


def test_no_stages_is_the_dense_run_alone(folder):
    text = "name: my-dense\nmodel: voice\nstages: []\nevaluate: {sentences: s.txt}\n"
    loaded = load(folder, text)
    assert (loaded.name, [run.name for run in loaded.runs]) == ("my-dense", ["dense"])


def test_sweep_is_every_combination(folder):
    text = GOOD.replace("    sparsity: 0.4\n", "") + (
        "sweep:\n  stages.0.sparsity: [1e-3, 0.5]\n  stages.0.scope: [global, tensor]\n"
    )
    runs = load(folder, text).runs
    assert [run.name for run in runs] == [
        "dense",
        "magnitude 0.1 % (0.sparsity=0.001, 0.scope=global)",
        "magnitude 0.1 % (0.sparsity=0.001, 0.scope=tensor)",
        "magnitude 50 % (0.sparsity=0.5, 0.scope=global)",
        "magnitude 50 % (0.sparsity=0.5, 0.scope=tensor)",
    ]
    assert len({run.id for run in runs}) == 5
    assert {run.dense_id for run in runs} == {runs[0].id}


def test_two_stages_and_all_settings(folder):
    runs = load(
        folder,
        """\
model: {path: model.pt, config: [model.yaml], architecture: tacotron2}
stages:
  - {method: magnitude, include: [rnn], exclude: [x.*], scope: tensor, sparsity: 0}
  - {method: magnitude, sparsity: 0.25}
evaluate: {sentences: s.txt, vocoder: model.pt, seed: 7}
sweep: {"stages.1.sparsity": [0.25, 0.75]}
""",
    ).runs
    assert [run.name for run in runs[1:]] == [
        "magnitude 0 % + magnitude 25 %",
        "magnitude 0 % + magnitude 75 %",
    ]
    run = runs[2]
    assert run.model.config == (folder / "model.yaml",)
    assert (run.model.architecture, len(run.model.sha256)) == ("tacotron2", 2)
    assert run.evaluate.vocoder.path == folder / "model.pt"
    assert run.evaluate.seed == 7
    assert run.stages[0] == Magnitude(
        sparsity=0.0, include=("rnn",), exclude=("x.*",), scope="tensor"
    )


STAGES = """\
model: voice
calibration: s.txt
training: s.txt
stages:
  - {method: magnitude, sparsity: 0.4}
  - {method: channels, score: taylor}
  - {method: resize}
evaluate: {sentences: s.txt}
"""


def test_keys_joined_by_a_comma_take_their_values_together(folder):
    text = STAGES + (
        "sweep:\n  stages.0.enabled, stages.1.enabled , stages.1.keep:\n"
        "    - [true, false, 1]\n    - [false, true, 8]\n    - [true, true, 4]\n"
        "  stages.2.enabled: [false, true]\n"
    )
    assert [run.name for run in load(folder, text).runs] == [
        "dense",
        "magnitude 40 %",
        "magnitude 40 % + resized",
        "channels keep 8 by taylor",
        "channels keep 8 by taylor + resized",
        "magnitude 40 % + channels keep 4 by taylor",
        "magnitude 40 % + channels keep 4 by taylor + resized",
    ]


def lists(values):
    return st.lists(st.sampled_from(values), min_size=1, unique=True)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    sparsity=lists([0, 0.1, 0.5, 0.9]),
    scope=lists(["global", "tensor"]),
    joint=lists([(False, False), (False, True), (True, False), (True, True)]),
)
def test_every_combination_is_one_run_with_a_name_of_its_own(folder, sparsity, scope, joint):
    text = GOOD.replace("evaluate", "  - {method: heads, keep: 1}\n  - method: resize\nevaluate")
    sweep = {
        "stages.0.sparsity": sparsity,
        "stages.1.enabled, stages.2.enabled": [list(pair) for pair in joint],
        "stages.0.scope": scope,
    }
    _, *runs = load(folder, f"{text}sweep: {json.dumps(sweep)}\n").runs
    found = [
        (first.sparsity, [stage.method for stage in others], first.scope)
        for first, *others in (run.stages for run in runs)
    ]
    methods = [list(itertools.compress(["heads", "resize"], pair)) for pair in joint]
    assert found == list(itertools.product(sparsity, methods, scope))
    assert len({run.name for run in runs}) == len({run.id for run in runs}) == len(runs)


def test_a_disabled_stage_is_not_there(folder):
    _, one = load(folder, GOOD).runs
    more = "sparsity: 0.4\n  - {method: magnitude, sparsity: 0.9, enabled: false}\n"
    _, other = load(folder, GOOD.replace("sparsity: 0.4\n", more)).runs
    assert (other.id, other.name, other.stages) == (one.id, one.name, one.stages)
    off = GOOD.replace("sparsity: 0.4", "sparsity: 0.4\n    enabled: false")
    assert [run.name for run in load(folder, off).runs] == ["dense"]
    swept = off.replace("    enabled: false\n", "") + "sweep: {stages.0.enabled: [false, true]}\n"
    assert [run.id for run in load(folder, swept).runs] == [one.dense_id, one.id]


def test_runs_of_one_name_are_told_apart_by_what_is_swept(folder):
    text = GOOD.replace("evaluate", "  - {method: resize}\nevaluate") + (
        "sweep:\n  stages.0.scope: [global, tensor]\n  stages.1.enabled: [false, true]\n"
    )
    assert [run.name for run in load(folder, text).runs[1:]] == [
        "magnitude 40 % (0.scope=global)",
        "magnitude 40 % + resized (0.scope=global)",
        "magnitude 40 % (0.scope=tensor)",
        "magnitude 40 % + resized (0.scope=tensor)",
    ]
    text = GOOD.replace(
        "evaluate", "    include: [a]\n  - {method: magnitude, sparsity: 0.4}\nevaluate"
    )
    text += "sweep: {'stages.0.enabled, stages.1.enabled': [[true, false], [false, true]]}\n"
    assert [run.name for run in load(folder, text).runs[1:]] == [
        "magnitude 40 % (0.enabled=True, 1.enabled=False)",
        "magnitude 40 % (0.enabled=False, 1.enabled=True)",
    ]


def test_a_setting_of_a_disabled_stage_makes_no_run(folder):
    text = STAGES + "sweep:\n  stages.1.enabled: [false, true]\n  stages.1.keep: [4, 8]\n"
    message = (
        r"r\.yaml:9: sweep: two runs are the same, got 'magnitude 40 % \+ resized' for "
        r"stages\.1\.enabled=False, stages\.1\.keep=4 and stages\.1\.enabled=False, "
        r"stages\.1\.keep=8\. stages\.1\.keep changes nothing while its stage is disabled: "
        r"sweep 'stages\.1\.enabled, stages\.1\.keep' together\.$"
    )
    with pytest.raises(RecipeError, match=message):
        load(folder, text)


def test_what_is_looked_at_counts_where_a_stage_looks_at_it(folder):
    def ids(calibration, training):
        text = STAGES.replace("calibration: s.txt\ntraining: s.txt", f"{calibration}\n{training}")
        text = text.replace("score: taylor", "keep: 1, score: taylor")
        text = text.replace("method: resize", "method: finetune")
        enabled = ", ".join(f"stages.{stage}.enabled" for stage in range(3))
        one_each = [[n == stage for n in range(3)] for stage in range(3)]
        text += f"sweep: {{'{enabled}': {json.dumps(one_each)}}}\n"
        return [run.id for run in load(folder, text).runs]

    (folder / "t.txt").write_text("Others.\n")
    (folder / "corpus" / "wavs").mkdir(parents=True)
    (folder / "corpus" / "metadata.csv").write_text("a|Hi.|Hi.\n")
    first = ids("calibration: s.txt", "training: s.txt")
    assert ids("calibration: ./s.txt", "training: {text: ./s.txt}") == first
    looked = ids("calibration: t.txt", "training: s.txt")
    assert [a == b for a, b in zip(looked, first, strict=True)] == [True, True, False, True]
    found = [first[3]]
    for training in ("t.txt", "{corpus: corpus}"):
        trained = ids("calibration: s.txt", f"training: {training}")
        assert trained[:3] == first[:3]
        found.append(trained[3])
    (folder / "corpus" / "wavs" / "a.wav").write_bytes(b"sound")
    found.append(ids("calibration: s.txt", "training: {corpus: corpus}")[3])
    (folder / "corpus" / "metadata.csv").write_text("a|Ho.|Ho.\n")
    found.append(ids("calibration: s.txt", "training: {corpus: corpus}")[3])
    assert len(set(found)) == 5


def test_calibration_and_training_of_a_run(folder):
    run = load(folder, STAGES.replace("taylor", "taylor, keep: 1")).runs[1]
    sentences = ("One sentence.", "Another one?")
    assert (run.calibration, run.training.texts, run.training.corpus) == (
        sentences,
        sentences,
        None,
    )
    assert run.resolved()["calibration"] == list(sentences)
    assert "training" not in run.resolved()
    assert recipe.Run.model_validate_json(run.model_dump_json()) == run
    (folder / "metadata.csv").write_text("a|Hi.|Hi.\n")
    text = GOOD.replace("voice", "voice\ntraining: {corpus: .}")
    training = load(folder, text).runs[1].training
    assert (training.texts, training.corpus) == ((), folder)
    assert load(folder, GOOD).runs[1].training is None
    assert load(folder, GOOD).runs[1].calibration == ()


def evaluating(folder, more):
    """The dense run of a recipe with more settings of what is evaluated."""
    return load(folder, GOOD.replace("s.txt", f"s.txt\n  {more}")).runs[0]


def test_a_recognizer_counts_by_its_content(folder):
    said = ("none", "pocketsphinx", "whisper", "voice")
    nobody, first, by_name, by_path = (evaluating(folder, f"recognizer: {r}") for r in said)
    assert load(folder, GOOD).runs[0] == first
    assert (nobody.evaluate.recognizer, by_name.evaluate.recognizer) == (None, "whisper")
    assert "recognizer" not in nobody.resolved()
    assert first.resolved()["recognizer"] == "pocketsphinx"
    assert by_path.evaluate.recognizer == str(folder / "voice")
    shutil.copytree(folder / "voice", folder / "copy")
    assert evaluating(folder, "recognizer: copy").id == by_path.id
    (folder / "copy" / "config.json").write_text("[]")
    other = evaluating(folder, "recognizer: copy")
    assert len({run.id for run in (nobody, first, by_name, by_path, other)}) == 5


def test_another_package_brings_a_recognizer(folder, monkeypatch):
    plugin = EntryPoint("deaf", "somewhere:Deaf", "tts_compress.recognizers")
    monkeypatch.setattr(evaluating_module, "entry_points", lambda group: [plugin])
    assert evaluating(folder, "recognizer: deaf").evaluate.recognizer == "deaf"
    with pytest.raises(RecipeError, match=r"Did you mean 'deaf'\? Known: deaf, none, pocketsphinx"):
        evaluating(folder, "recognizer: deav")


def test_recordings_by_number(folder):
    (folder / "said").mkdir()
    for name in ("001.wav", "002.flac", "003.wav", "1.wav"):
        (folder / "said" / name).write_bytes(name.encode())
    found = evaluating(folder, "recordings: said").evaluate.recordings
    assert [(r.sentence, r.path.name) for r in found] == [(1, "001.wav"), (2, "002.flac")]
    (folder / "said" / "001.wav").unlink()
    found = evaluating(folder, "recordings: said").evaluate.recordings
    assert [r.sentence for r in found] == [2]


def test_recordings_by_text(folder):
    (folder / "lj" / "wavs").mkdir(parents=True)
    lines = [
        "LJ-1|Another 1?|Another one?",  # the second sentence, as it is read
        "LJ-2|ONE sentence|",  # the first, in other punctuation
        "LJ-3|One sentence.|One sentence.",  # again
        "LJ-4|Nobody asked.|Nobody asked.",
        "no text",
    ]
    (folder / "lj" / "metadata.csv").write_text("\n".join(lines))
    for number in (1, 2, 3, 4):
        (folder / "lj" / "wavs" / f"LJ-{number}.wav").write_bytes(b"%d" % number)
    found = evaluating(folder, "recordings: lj").evaluate.recordings
    assert [(r.sentence, r.path.name) for r in found] == [(1, "LJ-2.wav"), (2, "LJ-1.wav")]
    (folder / "lj" / "wavs" / "LJ-1.wav").unlink()
    assert [r.sentence for r in evaluating(folder, "recordings: lj").evaluate.recordings] == [1]


def test_recordings_count_by_content_where_they_are_named(folder):
    (folder / "said").mkdir()
    (folder / "said" / "001.wav").write_bytes(b"a")
    plain, first = load(folder, GOOD).runs[0], evaluating(folder, "recordings: said")
    assert "recordings" not in plain.resolved()
    (folder / "said").rename(folder / "moved")
    assert evaluating(folder, "recordings: ./moved").id == first.id
    (folder / "moved" / "001.wav").write_bytes(b"b")
    other = evaluating(folder, "recordings: moved")
    assert len({run.id for run in (plain, first, other)}) == 3
    assert hash(other) == hash(recipe.Run.model_validate_json(other.model_dump_json()))


def test_predictors_count_by_name_and_weights(folder):
    named = evaluating(folder, "predictors: [dnsmos]")
    assert [(p.name, p.weights) for p in named.evaluate.predictors] == [("dnsmos", None)]
    weighed = evaluating(folder, "predictors: {utmos: voice}")
    assert weighed.evaluate.predictors[0].weights == folder / "voice"
    (folder / "voice" / "config.json").write_text("[]")
    ids = [load(folder, GOOD).runs[0].id, named.id, weighed.id]
    assert len({*ids, evaluating(folder, "predictors: {utmos: voice}").id}) == 4


def test_id_is_of_contents_not_of_places(folder):
    before = load(folder, GOOD).runs[1].id
    assert load(folder, GOOD, "elsewhere/other.yaml").runs[1].id == before
    shutil.copytree(folder / "voice", folder / "copy")
    (folder / "voice" / "CARD.md").write_text("for people")
    explicit = GOOD.replace("model: voice", "model: {path: ./copy}") + "  vocoder: griffin_lim\n"
    assert load(folder, explicit).runs[1].id == before
    assert load(folder, GOOD.replace("0.4", "0.40")).runs[1].id == before


@pytest.mark.parametrize("file", ["s.txt", "voice/model.safetensors", "voice/config.json"])
def test_id_changes_with_each_file(folder, file):
    before = load(folder, GOOD).runs[1].id
    with (folder / file).open("a") as opened:
        opened.write("more\n")
    assert load(folder, GOOD).runs[1].id != before


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("sparsity: 0.4", "sparsity: 0.41"),
        ("sparsity: 0.4", "sparsity: 0.4\n    scope: tensor"),
        ("s.txt", "s.txt\n  seed: 1"),
        ("s.txt", "s.txt\n  vocoder: model.pt"),
        ("voice", "{path: voice, config: [model.yaml]}"),
    ],
)
def test_id_changes_with_each_setting(folder, old, new):
    assert load(folder, GOOD).runs[1].id != load(folder, GOOD.replace(old, new)).runs[1].id


JOINT = "sweep:\n  stages.0.sparsity, stages.0.scope:\n"
SWEEP = "sweep:\n  stages.0.sparsity: [0.1, 0.2]\n"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "sparsity: 0.4",
            "sparsty: 0.4",
            r"r\.yaml:4: stages\[0\]: unknown key 'sparsty'\. Did you mean 'sparsity'\? Known: ",
        ),
        (
            "magnitude",
            "magnitud",
            r"r\.yaml:3: stages\[0\]\.method: unknown method 'magnitud'\. "
            r"Did you mean 'magnitude'\? Known: .*magnitude.*\.$",
        ),
        ("- method: magnitude", "- sparsty: 1", r"r\.yaml:3: stages\[0\]\.method: is missing"),
        (
            "0.4",
            "1.0",
            r"r\.yaml:4: stages\[0\]\.sparsity: must be less than 1, got 1\.0\. "
            r"Fraction of zeros in \[0, 1\)\.$",
        ),
        ("0.4", "-0.1", r"sparsity: must be greater than or equal to 0, got -0\.1"),
        ("0.4", ".nan", r"sparsity: must be a number, got '\.nan'"),
        ("0.4", "'0.4'", r"sparsity: must be a number, got '0\.4'"),
        ("0.4", "true", r"sparsity: must be a number, got True"),
        ("    sparsity: 0.4\n", "", r"r\.yaml:3: stages\[0\]\.sparsity: is missing\. Fraction"),
        (
            "sparsity: 0.4",
            "sparsity: 0.4\n    include: rnn",
            r"r\.yaml:5: stages\[0\]\.include: must be a list, got 'rnn'\. Groups, patterns",
        ),
        (
            "sparsity: 0.4",
            "sparsity: 0.4\n    include: [rnn, 3]",
            r"r\.yaml:5: stages\[0\]\.include\[1\]: must be text, got 3",
        ),
        (
            "sparsity: 0.4",
            "sparsity: 0.4\n    scope: layer",
            r"r\.yaml:5: stages\[0\]\.scope: must be 'global' or 'tensor', got 'layer'",
        ),
        ("- method: magnitude\n    sparsity: 0.4", "- 3", r"stages\[0\]: must be names and values"),
        ("stages:", "stage:", r"r\.yaml:1: stages: is missing|r\.yaml:2: unknown key 'stage'"),
        (
            "model: voice",
            "modle: voice",
            r"r\.yaml:1: unknown key 'modle'\. Did you mean 'model'\?",
        ),
        ("model: voice", "model: 3", r"r\.yaml:1: model: must be names and values, got 3"),
        ("voice", "voices", r"r\.yaml:1: model: no such file or folder, got 'voices'\. Looked in"),
        ("voice", "''", r"r\.yaml:1: model: no such file or folder, got ''"),
        ("voice", "elsewhere", r"r\.yaml:1: model: no model\.safetensors in this folder"),
        (
            "voice",
            "{path: voice, confg: [a]}",
            r"r\.yaml:1: model: unknown key 'confg'\. Did you mean 'config'\?",
        ),
        (
            "s.txt",
            "t.txt",
            r"r\.yaml:6: evaluate\.sentences: no such file or folder, got 't\.txt'",
        ),
        (
            "s.txt",
            "s.txt\n  seed: 0.5",
            r"r\.yaml:7: evaluate\.seed: must be a whole number, got 0\.5",
        ),
        ("s.txt", "s.txt\n  seed: -1", r"evaluate\.seed: must be greater than or equal to 0"),
        (
            "s.txt",
            "s.txt\n  vocodr: x",
            r"r\.yaml:7: evaluate: unknown key 'vocodr'\. Did you mean",
        ),
        (
            "s.txt",
            "s.txt\n  vocoder: no-such-generator",
            r"r\.yaml:7: evaluate\.vocoder: no such file",
        ),
        (
            "model: voice",
            "name: a/b\nmodel: voice",
            r"r\.yaml:1: name: cannot name a folder, got 'a/b'\. Folder",
        ),
        (
            "sparsity: 0.4",
            "sparsity: 0.4\n    sparsity: 0.5",
            r"r\.yaml:5: key given twice, got 'spa",
        ),
        ("voice", "[voice", r"r\.yaml:2: cannot be read as YAML, .*\. Correct it\."),
        ("voice", "\tvoice\n\tx", r"r\.yaml:\d: cannot be read as YAML"),
        ("voice", "!!python/name:os.system x", r"r\.yaml:1: cannot be read as YAML, could not"),
        (
            "voice",
            "&v voice\nname: *v",
            r"r\.yaml:2: cannot be read as YAML, an alias is not known",
        ),
        ("voice", "\x07", r"r\.yaml: cannot be read as YAML"),
        (
            GOOD,
            "- a\n- b\n",
            r"r\.yaml: must be names and values, got \['a', 'b'\]\. Known: name, model",
        ),
        (GOOD, "", r"r\.yaml: must be names and values, got None"),
        (GOOD, "[" * 3000, r"r\.yaml.*: cannot be read as YAML"),
        (GOOD, GOOD + "sweep: [1]\n", r"r\.yaml:7: sweep: must be names and values, got \[1\]"),
        (
            GOOD,
            GOOD + "sweep:\n  stages.0.sparsty: [0.1]\n",
            r"r\.yaml:8: sweep\.stages\.0\.sparsty: names no setting of a stage\. "
            r"Did you mean 'stages\.0\.sparsity'\?",
        ),
        (GOOD, GOOD + "sweep: {stages.1.sparsity: [0.1]}\n", r"stages\.1\.sparsity: names no sett"),
        (GOOD, GOOD + "sweep: {stages.0.method: [magnitude]}\n", r"method: names no setting"),
        (GOOD, GOOD + "sweep: {evaluate.seed: [1]}\n", r"evaluate\.seed: names no setting"),
        (
            GOOD,
            GOOD + "sweep:\n  stages.0.sparsity: []\n",
            r"r\.yaml:8: sweep\.stages\.0\.sparsity: must hold at least one value, got \[\]",
        ),
        (GOOD, GOOD + "sweep:\n  stages.0.sparsity: 0.1\n", r"sparsity: must be a list, got 0\.1"),
        (
            GOOD,
            GOOD + "sweep:\n  stages.0.sparsity:\n    - 0.1\n    - 1.5\n",
            r"r\.yaml:10: sweep\.stages\.0\.sparsity\[1\]: must be less than 1, got 1\.5",
        ),
        (
            GOOD,
            GOOD + "sweep: {stages.0.sparsity: [0.1, 1e-1]}\n",
            r"r\.yaml:7: sweep: two runs are the same, got 'magnitude 10 %' for "
            r"stages\.0\.sparsity=0\.1 and stages\.0\.sparsity=0\.1\. Remove one\.$",
        ),
        (
            GOOD,
            GOOD + JOINT + "    - [0, tensor]\n    - [1, tensor]\n",
            r"r\.yaml:10: sweep\.stages\.0\.sparsity, stages\.0\.scope\[1\]\[0\]: must be less",
        ),
        (
            GOOD,
            GOOD + JOINT + "    - [0.1, tensor]\n    - [0.1]\n",
            r"r\.yaml:10: sweep\.stages\.0\.sparsity, stages\.0\.scope\[1\]: must be a list of "
            r"2 values, got \[0\.1\]\. Give one a key\.$",
        ),
        (
            GOOD,
            GOOD + "sweep: {'stages.0.sparsity, stages.0.scope': [0.1]}\n",
            r"r\.yaml:7: .*\[0\]: must be a list of 2 values, got 0\.1\. Give one a key",
        ),
        (
            GOOD,
            GOOD + "sweep: {'stages.0.sparsity, stages.0.scop': [[0.1, tensor]]}\n",
            r"r\.yaml:7: sweep\.stages\.0\.sparsity, stages\.0\.scop: 'stages\.0\.scop' names no "
            r"setting of a stage\. Did you mean 'stages\.0\.scope'\?",
        ),
        (
            GOOD,
            GOOD + "sweep: {'stages.0.sparsity,': [[0.1, 1]]}\n",
            r"sparsity,: '' names no setting of a stage\. Known: stages\.0\.enabled",
        ),
        (
            GOOD,
            GOOD
            + "sweep:\n  stages.0.sparsity: [0.1]\n"
            + "  stages.0.scope, stages.0.sparsity: [[tensor, 0.2]]\n",
            r"r\.yaml:9: .* a setting is swept twice, got 'stages\.0\.sparsity' again\. Remove one",
        ),
        (
            GOOD,
            GOOD + "sweep: {'stages.0.sparsity, stages.0.sparsity': [[0.1, 0.2]]}\n",
            r"swept twice, got 'stages\.0\.sparsity' again",
        ),
        (
            GOOD,
            GOOD + "sweep:\n  stages.0.enabled: [true, 1]\n",
            r"r\.yaml:8: sweep\.stages\.0\.enabled\[1\]: must be true or false, got 1\. Whether",
        ),
        (
            "magnitude\n    sparsity: 0.4",
            "channels",
            r"r\.yaml:3: stages\[0\]: needs exactly one of sparsity and keep, got "
            r"\{'method': 'channels'\}\.$",
        ),
        (
            "magnitude\n    sparsity: 0.4",
            "channels\n  - method: unit",
            r"r\.yaml:4: stages\[1\]\.method: unknown method 'unit'\. Did you mean 'units'\?",
        ),
        (
            "magnitude\n    sparsity: 0.4",
            "channels\n    keep: 1.5",
            r"r\.yaml:4: stages\[0\]\.keep: must be a whole number, got 1\.5\. Units that stay",
        ),
        (
            "magnitude\n    sparsity: 0.4",
            "units\n    score: batchnorm\n    keep: 3",
            r"r\.yaml:4: stages\[0\]\.score: must be 'l1', 'l2' or 'taylor', got 'batchnorm'\.",
        ),
        (
            "magnitude\n    sparsity: 0.4",
            "channels\n    keep: 3\n    score: taylor",
            r"r\.yaml:3: stages\[0\]: channels needs 'calibration', got none\. Name a text file of "
            r"sentences, as 'calibration: sentences\.txt'\.$",
        ),
        (
            "magnitude\n    sparsity: 0.4",
            "finetune",
            r"r\.yaml:3: stages\[0\]: finetune needs 'training', got none\. Name a text file, as "
            r"'training: sentences\.txt', or 'training: \{corpus: folder\}'\.$",
        ),
        (GOOD, GOOD + "calibration: t.txt\n", r"r\.yaml:7: calibration: no such file .*'t\.txt'"),
        (GOOD, GOOD + "calibration: [s.txt]\n", r"r\.yaml:7: calibration: must be text, got \['s"),
        (GOOD, GOOD + "training: t.txt\n", r"r\.yaml:7: training: no such file .*'t\.txt'"),
        (
            GOOD,
            GOOD + "training: {text: s.txt, corpus: voice}\n",
            r"r\.yaml:7: training: must name one of text and corpus, got \{'text': 's\.txt', "
            r"'corpus': 'voice'\}\. Text file of sentences that stages may train on",
        ),
        (GOOD, GOOD + "training: {}\n", r"r\.yaml:7: training: must name one of text and corpus"),
        (
            GOOD,
            GOOD + "training: {corpora: c}\n",
            r"r\.yaml:7: training: unknown key 'corpora'\. Did you mean 'corpus'\?",
        ),
        (
            GOOD,
            GOOD + "training:\n  corpus: voice\n",
            r"r\.yaml:8: training\.corpus: no metadata\.csv in this folder, got 'voice'\. A corpus",
        ),
        (
            GOOD,
            GOOD + "training: elsewhere\n",
            r"r\.yaml:7: training: must be a text file, got the folder 'elsewhere'",
        ),
        (
            "s.txt",
            "s.txt\n  recognizer: whispr",
            r"r\.yaml:7: evaluate\.recognizer: no such recognizer and no such folder, got "
            r"'whispr'\. Did you mean 'whisper'\? Known: none, pocketsphinx, whisper\. Or name",
        ),
        (
            "s.txt",
            "s.txt\n  recognizer: models/tiny",
            r"r\.yaml:7: evaluate\.recognizer: no such file or folder, got 'models/tiny'",
        ),
        (
            "s.txt",
            "s.txt\n  recognizer:",
            r"evaluate\.recognizer: must be text, got None\. Who lis",
        ),
        (
            "s.txt",
            "s.txt\n  recordings: elsewhere",
            r"r\.yaml:7: evaluate\.recordings: no recording of any of 2 sentences, got "
            r"'elsewhere'\. Give 001\.wav or 001\.flac and so on\.$",
        ),
        (
            "s.txt",
            "s.txt\n  recordings: s.txt",
            r"evaluate\.recordings: must be a folder, got the file 's\.txt'\. Name the one",
        ),
        ("s.txt", "s.txt\n  recordings: none", r"evaluate\.recordings: no such file or folder"),
        (
            "s.txt",
            "s.txt\n  predictors: {utmos: weights.pt}",
            r"r\.yaml:7: evaluate\.predictors\.utmos: no such file or folder, got 'weights\.pt'",
        ),
        (
            "s.txt",
            "s.txt\n  predictors: utmos",
            r"evaluate\.predictors: must be names and values, got 'utmos'\. Networks",
        ),
        (
            "stages:\n  - method: magnitude\n    sparsity: 0.4\n",
            "stages: []\n" + SWEEP,
            r"names no setting of a stage",
        ),
        ("  - method: magnitude\n    sparsity: 0.4\n", SWEEP, r"r\.yaml:2: stages: must be a list"),
        (
            "magnitude\n    sparsity: 0.4\n",
            "magnitud\n" + SWEEP,
            r"stages\[0\]\.method: unknown method 'magnitud'",
        ),
    ],
)
def test_one_clear_line(folder, old, new, message):
    assert old in GOOD
    with pytest.raises(RecipeError, match=message) as raised:
        load(folder, GOOD.replace(old, new))
    assert "\n" not in str(raised.value)


def chained(folder, *methods, more=""):
    """Loads a recipe of stages in this order; each is a name, or with settings."""
    stages = "".join(f"  - {{method: {method}}}\n" for method in methods)
    start, end = GOOD.split("  - method: magnitude\n    sparsity: 0.4\n")
    calibration = "calibration: s.txt\ntraining: s.txt\n"
    return load(folder, start + stages + end + calibration + more)


PRUNE, ROUND = "magnitude, sparsity: 0.4", "uniform, bits: 4"
CHANGES = "it would change what was quantized"
SHAPES = "it needs the layers of the dense network"


@pytest.mark.parametrize(
    ("methods", "message"),
    [
        (
            [ROUND, PRUNE],
            r"r\.yaml:4: stages\[1\]: magnitude cannot follow uniform \(stages\[0\]\): "
            rf"{CHANGES}\. Put it before\.$",
        ),
        ([PRUNE, "narrow", "finetune"], rf"stages\[2\]: finetune cannot follow narrow .*{CHANGES}"),
        (
            ["multibit, bits: 2", "resize"],
            rf"resize cannot follow multibit \(stages\[0\]\): {CHANGES}",
        ),
        ([ROUND, "fold"], rf"fold cannot follow uniform \(stages\[0\]\): {CHANGES}"),
        (["fold", "recalibrate"], rf"recalibrate cannot follow fold \(stages\[0\]\): {SHAPES}"),
        (["fold", "fold"], r"fold cannot follow fold .*: no batch norm is left .*\. Remove one\.$"),
        (["fold", "channels, sparsity: 0.5"], rf"channels cannot follow fold .*: {SHAPES}"),
        (["resize", PRUNE, "recalibrate"], rf"recalibrate cannot follow resize .*: {SHAPES}"),
    ],
)
def test_stages_in_an_order_that_makes_no_sense(folder, methods, message):
    with pytest.raises(RecipeError, match=message) as raised:
        chained(folder, *methods)
    assert "\n" not in str(raised.value)


def test_stages_in_the_order_of_a_full_chain(folder):
    whole = [PRUNE, "recalibrate", "finetune", "resize", "fold", PRUNE, "finetune"]
    whole += [ROUND, "multibit, bits: 2", "narrow"]
    stages = chained(folder, *whole).runs[1].stages
    assert [stage.method for stage in stages] == [method.split(",")[0] for method in whole]


def test_the_order_of_stages_that_are_not_done_does_not_matter(folder):
    off = "uniform, bits: 4, enabled: false"
    assert len(chained(folder, off, PRUNE).runs) == 2
    assert len(chained(folder, ROUND, "finetune, enabled: false").runs) == 2
    sweep = "sweep: {stages.0.enabled: [false, true]}\n"
    with pytest.raises(RecipeError, match="magnitude cannot follow uniform"):
        chained(folder, off, PRUNE, more=sweep)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"s\.txt: holds no sentences\. Write one a line"),
        (b" \n\n", r"s\.txt: holds no sentences"),
        (b"\xff\xfe", r"s\.txt: is no UTF-8 text"),
        (b"a" * (2**20 + 1), r"s\.txt: larger than 1048576 bytes"),
    ],
)
def test_sentences_that_are_none(folder, content, message):
    (folder / "s.txt").write_bytes(content)
    with pytest.raises(RecipeError, match=message):
        load(folder, GOOD)


def test_recordings_of_other_texts(folder):
    (folder / "metadata.csv").write_text("a|Others.|Others.\n")
    message = (
        r"no recording of any of 2 sentences, got '\.'\. Give a metadata\.csv with their texts"
    )
    with pytest.raises(RecipeError, match=message):
        evaluating(folder, "recordings: .")


def test_missing_files(folder):
    with pytest.raises(RecipeError, match=r"none\.yaml: no such file"):
        recipe.load(folder / "none.yaml")
    message = r"r\.yaml:6: evaluate\.sentences: must be a text file, got the folder 'elsewhere'"
    with pytest.raises(RecipeError, match=message):
        load(folder, GOOD.replace("s.txt", "elsewhere"))


def test_yaml_is_read_as_its_version_1_2(folder):
    text = GOOD.replace("sparsity: 0.4", "sparsity: 4e-1\n    include: [no, 2020-01-01, 1:30]")
    stage = load(folder, text).runs[1].stages[0]
    assert (stage.sparsity, stage.include) == (0.4, ("no", "2020-01-01", "1:30"))


@pytest.fixture
def tree(tmp_path):
    """The recipes where their voices are, of no weights."""
    shutil.copytree(RECIPES, tmp_path / "recipes")
    for name in ("tacotron2-slt", "fastspeech2-slt"):
        (tmp_path / "models" / name).mkdir(parents=True)
        (tmp_path / "models" / name / "model.safetensors").touch()
    return tmp_path / "recipes"


def test_the_recipe_of_the_page_is_one(tree):
    (shown,) = re.findall(r"```yaml\n(.*?)```", (RECIPES / "README.md").read_text(), re.DOTALL)
    (tree / "page.yaml").write_text(shown)
    runs = recipe.load(tree / "page.yaml").runs
    assert len(runs) == 1 + 3 * 3
    used = {stage.method for run in runs for stage in run.stages}
    page = (RECIPES / "README.md").read_text()
    assert used == {"channels", "recalibrate", "finetune", "resize"}
    for method in METHODS:
        assert f"| `{method}` | " in page


@pytest.mark.parametrize(
    "path",
    sorted(path for name in ARCHITECTURES for path in (RECIPES / name).glob("*.yaml")),
    ids=lambda path: f"{path.parent.name}-{path.stem}",
)
def test_recipe_files(path, tree):
    """Each loads where its voice is, and tells editors where its schema is."""
    loaded = recipe.load(tree / path.relative_to(RECIPES))
    assert loaded.name == f"{path.parent.name}-{path.stem}"
    assert len({run.id for run in loaded.runs}) == len(loaded.runs) > 1
    if all(type(stage) is Magnitude for run in loaded.runs for stage in run.stages):
        assert [run.stages[0].sparsity for run in loaded.runs[1:]] == [
            *(0.001, 0.004, 0.008, 0.01, 0.02, 0.06, 0.08, 0.09),
            *(0.2, 0.4, 0.6, 0.8, 0.9, 0.99),
        ]
    evaluate = loaded.runs[0].evaluate
    assert len(evaluate.sentences) in (10, 48)
    assert evaluate.recognizer == "whisper"
    assert [r.sentence for r in evaluate.recordings] in ([], [*range(1, 11)])
    first = path.read_text().splitlines()[0]
    schema = first.removeprefix("# yaml-language-server: $schema=")
    assert (path.parent / schema).resolve() == (RECIPES / "recipe.schema.json").resolve()


def test_sentence_files_share_no_sentence():
    names = ("heldout", "sweep", "calibration", "training")
    files = [(RECIPES / "sentences" / f"{name}.txt").read_text().splitlines() for name in names]
    sentences = [line for lines in files for line in lines if line]
    assert len(set(sentences)) == len(sentences)
    heldout, sweep = files[:2]
    assert (len(heldout), len(sweep)) == (48, 10)
    assert all(5 <= len(line.split()) <= 18 for line in heldout + sweep)


def test_schema_file_is_up_to_date():
    code = "import json; from tts_compress.recipe import json_schema as schema; "
    code += "print(json.dumps(schema(), indent=2))"
    expected = json.dumps(recipe.json_schema(), indent=2) + "\n"
    found = (RECIPES / "recipe.schema.json").read_text()
    assert found == expected, f"run: python -c '{code}' > recipes/recipe.schema.json"


def test_schema_knows_every_method():
    schema = recipe.json_schema()
    stage = schema["properties"]["stages"]["items"]["discriminator"]["mapping"]
    assert stage.keys() == METHODS.keys()
    for method in METHODS.values():
        assert schema["$defs"][method.__name__]["required"] == ["method"]
    assert not schema["additionalProperties"]


@pytest.mark.parametrize(
    ("key", "known"),
    [
        ("stages.0.sparsity", True),
        ("stages.10.keep, stages.2.enabled", True),
        ("stages.0.a,stages.1.b , stages.2.c", True),
        ("stages.0.sparsity,", False),
        ("stages.0", False),
        ("evaluate.seed", False),
    ],
)
def test_schema_knows_the_form_of_swept_keys(key, known):
    pattern = recipe.json_schema()["properties"]["sweep"]["propertyNames"]["pattern"]
    assert bool(re.search(pattern, key)) == known


def test_imports_without_torch():
    code = (
        "import sys, tts_compress.recipe, tts_compress.methods.selection\n"
        "assert not {'torch', 'numpy'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
