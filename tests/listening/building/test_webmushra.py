"""The export to webMUSHRA: documented pages and keys only, and sounds that are there."""

from io import StringIO

import pytest
import soundfile
import yaml
from rich.console import Console

from tests.listening.material import build
from tts_compress.errors import ListeningError
from tts_compress.listening.building.webmushra import export_webmushra
from tts_compress.listening.built import KINDS

# Keys by type as doc/experimenter.md of audiolabs/webMUSHRA lists them, with `questionnaire` of the
# finish page, which its configs/ show.
TOP = {
    "testname",
    "testId",
    "bufferSize",
    "stopOnErrors",
    "showButtonPreviousPage",
    "remoteService",
    "pages",
}
NAMED = {"type", "id", "name", "content"}
SOUND = NAMED | {"showWaveform", "enableLooping", "reference", "stimuli"}
KEYS = {
    "generic": NAMED,
    "volume": NAMED | {"stimulus", "defaultVolume"},
    "mushra": SOUND
    | {"strict", "createAnchor35", "createAnchor70", "randomize", "showConditionNames"},
    "paired_comparison": SOUND | {"unforced"},
    "likert_single_stimulus": NAMED | {"mustRate", "mustPlayback", "stimuli", "response"},
    "finish": {"type", "name", "content", "showResults", "writeResults", "questionnaire"},
}
QUESTION_KEYS = {
    "text": {"type", "name", "label", "optional"},
    "long_text": {"type", "name", "label", "optional"},
    "number": {"type", "name", "label", "optional", "min", "max", "default"},
    "likert": {"type", "name", "label", "optional", "response"},
}
PAGES = """
title: A & B <small>
checks: 2
per_listener: 3
sentences: [1, 2]
comments: true
pages:
  - {type: consent}
  - {type: volume}
  - {type: headphones}
  - {type: training}
  - {type: trials, part: 0.5}
  - type: questionnaire
    questions:
      - {id: age, label: "Age <b>", type: number, min: 18}
      - {id: more, label: More, type: multiple, choices: [a, b]}
  - {type: trials}
  - type: questionnaire
    questions: [{id: sex, label: Which, type: choice, choices: [a, b], required: true}]
  - {type: finish}
"""


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    folder = tmp_path_factory.mktemp("webmushra")
    made = {}
    for kind in KINDS:
        more = PAGES.replace("per_listener: 3", "per_listener: 2")
        test, built, _ = build(folder, kind, more)
        said = StringIO()
        export_webmushra(built, folder / kind, Console(file=said))
        config = yaml.safe_load((folder / kind / "configs" / f"{kind}.yaml").read_text())
        made[kind] = (test, config, folder / kind, said.getvalue())
    return made


def flat(pages):
    for page in pages:
        yield from [page] if isinstance(page, dict) else flat(page[1:])


@pytest.mark.parametrize("kind", KINDS)
def test_only_documented_keys_are_used(exported, kind):
    _, config, _, _ = exported[kind]
    assert {*config} == TOP
    assert config["pages"][-1]["type"] == "finish"
    for page in flat(config["pages"]):
        assert {*page} <= KEYS[page["type"]], page
    for question in config["pages"][-1]["questionnaire"]:
        assert {*question} == QUESTION_KEYS[question["type"]]
    ids = [page["id"] for page in flat(config["pages"]) if "id" in page]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("kind", KINDS)
def test_every_sound_is_there_and_none_else(exported, kind):
    _, config, folder, _ = exported[kind]
    named = set()
    for page in flat(config["pages"]):
        named |= {*page.get("stimuli", {}).values()}
        named |= {page[key] for key in ("reference", "stimulus") if key in page}
    assert named == {str(path.relative_to(folder)) for path in folder.rglob("*.wav")}


@pytest.mark.parametrize("kind", ["mushra", "abx"])
def test_stimuli_of_a_page_have_one_length_as_webmushra_wants(exported, kind):
    _, config, folder, _ = exported[kind]
    for page in flat(config["pages"]):
        if "reference" in page:
            files = [page["reference"], *page["stimuli"].values()]
            assert len({soundfile.info(folder / file).frames for file in files}) == 1


def test_all_trials_are_one_block_by_chance(exported):
    test, config, _, _ = exported["mushra"]
    [block] = [page for page in config["pages"] if isinstance(page, list)]
    assert block[0] == "random"
    assert len(block) - 1 == len(test.trials) + len(test.checks)
    assert [*block[1]["stimuli"]] == ["small", "smaller", "anchor 3500 Hz", "anchor 7000 Hz"]


def test_x_is_each_system_in_turn(exported):
    _, config, _, _ = exported["abx"]
    [block] = [page for page in config["pages"] if isinstance(page, list)]
    assert [[*page["stimuli"]] for page in block[1:5]] == [
        ["small"],
        ["dense"],
        ["smaller"],
        ["dense"],
    ]
    assert not any("trap" in page["id"] for page in block[1:])


def test_two_sounds_are_one_after_the_other_and_change_sides(exported):
    test, config, folder, _ = exported["ab"]
    [block] = [page for page in config["pages"] if isinstance(page, list)]
    names = [next(iter(page["stimuli"])) for page in block[1:5]]
    assert names == [
        "dense then small",
        "small then dense",
        "dense then smaller",
        "smaller then dense",
    ]
    frames = soundfile.info(folder / block[1]["stimuli"]["dense then small"]).frames
    parts = [test.stimulus(id).seconds for id in test.trials[0].stimuli]
    assert frames / 16000 == pytest.approx(sum(parts) + 0.5, abs=1e-3)


def test_scales_are_kept(exported):
    for kind, values in (("acr", [5, 4, 3, 2, 1]), ("cmos", [3, 2, 1, 0, -1, -2, -3])):
        [block] = [page for page in exported[kind][1]["pages"] if isinstance(page, list)]
        assert [point["value"] for point in block[1]["response"]] == values


def test_text_is_escaped_since_webmushra_shows_html(exported):
    _, config, _, _ = exported["acr"]
    assert config["pages"][-1]["questionnaire"][0]["label"] == "Age &lt;b&gt;"
    assert config["testname"] == "A & B <small>"
    assert "<small>" not in str([page["content"] for page in flat(config["pages"])])


def test_what_is_lost_is_said(exported):
    said = exported["ab"][3]
    for line in (
        "gives every listener all 4 trials, not 2.",
        "gives every listener all 4 checks, and may start with one.",
        "shows the consent, and asks for none.",
        "has no check of headphones of this kind: it is left out.",
        "asks all questions on its last page.",
        "has all trials in one block.",
        "takes no comments on trials.",
        "has no page for this: two sounds are joined in one file, and rated there.",
    ):
        assert f"webMUSHRA  {line}" in said
    assert "wants stimuli of one length" in exported["mushra"][3]
    assert "open it with ?config=ab.yaml" in said


def test_a_folder_with_something_in_it_is_refused(exported, tmp_path):
    (tmp_path / "x").touch()
    with pytest.raises(ListeningError, match=r"is not empty. Export into another folder"):
        export_webmushra(exported["ab"][2].parent / "built-ab", tmp_path, Console())
    with pytest.raises(ListeningError, match=r"no listening test, test.json is missing"):
        export_webmushra(tmp_path, tmp_path / "out", Console())
