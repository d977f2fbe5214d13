"""What a test file may say, and the line that says what is wrong."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.listening.material import make_runs, write_form
from tts_compress.errors import ListeningError, RecipeError
from tts_compress.listening.building.pages import PAGES, Question
from tts_compress.listening.building.rules import read_form
from tts_compress.listening.building.sources import choose_sentences, find_sources, texts
from tts_compress.listening.built import KINDS

RECIPES = Path(__file__).parents[3] / "recipes" / "listening"

WRONG = [
    ("mushra", "sentnces: [1]", r"mushra.yaml:7: unknown key 'sentnces'. Did you mean 'sentences'"),
    ("mushra", "reference: dens", r"reference: unknown system 'dens'. Did you mean 'dense'\?"),
    ("mushra", "sentences: [1, 1]", r"sentences\[1\]: named twice, got 1. Remove one."),
    ("mushra", "sentences: []", r"sentences: must hold at least one number, got \[\]"),
    ("mushra", "sentences: some", r"sentences: must be a list of numbers, or all, got 'some'"),
    ("mushra", "sentences: [0]", r"sentences\[0\]: must be greater than or equal to 1, got 0"),
    ("mushra", "anchors: [3500, 3500]", r"anchors: must differ, got \[3500, 3500\]"),
    ("mushra", "anchors: [100]", r"anchors\[0\]: must be greater than or equal to 500, got 100"),
    ("mushra", "pairs: [[dense, small]]", r"pairs: belongs to abx, ab, cmos, got kind 'mushra'"),
    ("mushra", "ties: true", r"ties: belongs to ab, got kind 'mushra'. Remove it."),
    ("mushra", "loudness: -5", r"loudness: must be less than or equal to -10, got -5"),
    ("mushra", "seed: 1.5", r"seed: must be a whole number, got 1.5"),
    ("mushra", "show_text: yes please", r"show_text: must be true or false, got 'yes please'"),
    ("acr", "anchors: [3500]", r"anchors: belongs to mushra, got kind 'acr'"),
    ("acr", "hidden_reference: false\nreference: dense", r"hidden_reference: a reference of acr"),
    ("abx", "reference: dense", r"reference: belongs to mushra, acr, dcr, ab, got kind 'abx'"),
    ("ab", "pairs: [[dense, smal]]", r"pairs\[0\]\[1\]: unknown system 'smal'. Did you mean"),
    ("ab", "pairs: [[dense, dense]]", r"pairs\[0\]: must be two systems that no other pair has"),
    ("ab", "pairs: [[dense, small], [small, dense]]", r"pairs\[1\]: must be two systems that no"),
    ("mus", "", r"mus.yaml:2: kind: unknown kind 'mus'. Did you mean 'mushra'\? Known: ab, abx"),
]


@pytest.mark.parametrize(("kind", "more", "message"), WRONG)
def test_what_is_wrong_is_one_line_with_its_place(tmp_path, kind, more, message):
    with pytest.raises(RecipeError, match=message) as error:
        read_form(write_form(tmp_path, kind, more))
    assert "\n" not in str(error.value)


WRONG_PAGES = [
    ("[{type: trials}]", r"pages: must end with their only finish, got \['trials'\]"),
    ("[{type: finish}]", r"pages: have no trials, got \['finish'\]. Add {type: trials}."),
    ("[{type: trial}, {type: finish}]", r"pages\[0\].type: unknown page 'trial'. Did you mean"),
    ("[{title: x}, {type: finish}]", r"pages\[0\].type: is missing. Known: consent, text, volume"),
    ("[{type: volume, tite: x}]", r"pages\[0\]: unknown key 'tite'. Did you mean 'title'\?"),
    ("[{type: text, title: x}]", r"pages\[0\].text: is missing"),
    ("[{type: text, title: x, text: [1]}]", r"pages\[0\].text\[0\]: must be text, got 1"),
    (
        "[{type: trials, part: 0.5}, {type: trials, part: 0.4}, {type: finish}]",
        r"pages\[1\]: parts of trials add up to 0.9 and must to 1, got 0.4",
    ),
    (
        "[{type: trials}, {type: trials}, {type: finish}]",
        r"pages\[0\].part: is missing, and more trials follow",
    ),
    (
        "[{type: trials}, {type: training}, {type: finish}]",
        r"pages\[1\]: practice comes before trials",
    ),
    (
        "[{type: consent}, {type: consent}, {type: trials}, {type: finish}]",
        r"pages\[1\]: only one page can be of this type, got 'consent'",
    ),
    (
        "[{type: questionnaire, questions: [{id: a, label: A, type: choice}]}]",
        r"pages\[0\].questions\[0\]: a question of type choice needs two or more",
    ),
    (
        "[{type: questionnaire, questions: [{id: a, label: A}, {id: a, label: B}]}]",
        r"pages\[0\]: questions need different ids, got \['a', 'a'\]",
    ),
    (
        "[{type: questionnaire, questions: [{id: a, label: A, min: 1}]}]",
        r"pages\[0\].questions\[0\]: only numbers have min and max, got 'text'",
    ),
    (
        "[{type: questionnaire, questions: [{id: a, lable: A}]}]",
        r"pages\[0\].questions\[0\]: unknown key 'lable'. Did you mean 'label'",
    ),
]


@pytest.mark.parametrize(("pages", "message"), WRONG_PAGES)
def test_wrong_pages_are_one_line(tmp_path, pages, message):
    with pytest.raises(RecipeError, match=message) as error:
        read_form(write_form(tmp_path, "acr", f"pages: {pages}"))
    assert "\n" not in str(error.value)


def test_a_system_is_a_run_or_a_folder(tmp_path):
    path = tmp_path / "x.yaml"
    path.write_text("kind: acr\nsystems: {a: {run: x/y, folder: z}}\n")
    with pytest.raises(RecipeError, match=r"x.yaml:2: systems.a: must be recipe/run, or {folder"):
        read_form(path)
    path.write_text("kind: acr\nsystems: {recording: x/y}\n")
    with pytest.raises(RecipeError, match=r"systems.recording: the recordings are called so"):
        read_form(path)
    path.write_text("kind: abx\nsystems: {a: x/y}\n")
    with pytest.raises(RecipeError, match=r"systems: abx compares two systems, got \['a'\]"):
        read_form(path)
    path.write_text("kind: mushra\nsystems: {a: x/y}\nreference: a\n")
    with pytest.raises(RecipeError, match=r"systems: nothing is compared, got \['a'\]"):
        read_form(path)
    path.write_text("kind: mushra\nsystems: {a: x/y, b: x/z}\n")
    with pytest.raises(RecipeError, match=r"reference: is missing, and mushra compares with one"):
        read_form(path)
    many = ", ".join(f"s{n}: x/{n}" for n in range(11))
    path.write_text(f"kind: mushra\nsystems: {{{many}}}\nreference: s0\n")
    with pytest.raises(RecipeError, match=r"systems: a trial holds at most 12 stimuli .* got 13"):
        read_form(path)


def test_defaults_are_those_of_the_kind(tmp_path):
    forms = {kind: read_form(write_form(tmp_path, kind))[1] for kind in KINDS}
    assert forms["mushra"].cutoffs == (3500, 7000)
    assert forms["mushra"].compared == ("small", "smaller")
    assert forms["mushra"].hides_reference
    assert forms["mushra"].checks_per_listener == 0
    assert forms["acr"].checks_per_listener == 2
    assert forms["acr"].cutoffs == ()
    assert not forms["acr"].hides_reference
    assert forms["ab"].all_pairs == (("dense", "small"), ("dense", "smaller"))
    assert [page.type for page in forms["ab"].pages][-1] == "finish"
    assert {page.type for page in forms["ab"].pages} == {*PAGES} - {"text"}


def test_a_pair_leaves_systems_out_that_it_does_not_name(tmp_path):
    _, form = read_form(write_form(tmp_path, "cmos", "pairs: [[small, dense]]"))
    assert form.compared == ("dense", "small")


def test_text_is_paragraphs(tmp_path):
    pages = "pages:\n- type: text\n  title: x\n  text: |\n    One\n    two.\n\n    Three.\n"
    more = "- {type: text, title: y, text: [a, b]}\n- {type: trials}\n- {type: finish}"
    _, form = read_form(write_form(tmp_path, "acr", pages + more))
    assert form.pages[0].text == ("One two.", "Three.")
    assert form.pages[1].text == ("a", "b")


@given(st.sampled_from(["text", "long", "number"]), st.lists(st.text(), min_size=1, max_size=3))
def test_only_choices_have_choices(type, choices):
    with pytest.raises(ValueError, match="only choice and multiple have choices"):
        Question(id="a", label="A", type=type, choices=choices)


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*.yaml")), ids=lambda path: path.stem)
def test_the_recipes_are_test_files(path):
    _, form = read_form(path)
    assert form.kind == path.stem
    assert form.name == f"tacotron2-{form.kind}"


# Where the sound is.


@pytest.fixture
def sources_of(tmp_path):
    runs = make_runs(tmp_path / "runs")

    def find(kind, more="", systems=None):
        path = write_form(tmp_path, kind, more)
        if systems:
            path.write_text(f"kind: {kind}\nsystems:\n  a: {systems}\n{more}\n")
        file, form = read_form(path)
        return file, form, find_sources(file, form, runs)

    return find


def test_runs_are_found_by_name_and_by_id(sources_of):
    _, _, sources = sources_of("acr")
    assert sources["small"].folder.parts[-2:] == ("id1", "wavs")
    assert sources["smaller"].folder.parts[-2:] == ("id2", "wavs")
    assert sources["small"].label == "tiny/id1 (magnitude 40 %)"
    assert texts(sources)[1] == "Two birds."


def test_a_folder_and_the_recordings_are_sources(sources_of, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "002.wav").touch()
    _, _, sources = sources_of("acr", systems="{folder: mine}")
    assert sources["a"].numbers() == {2}
    _, _, sources = sources_of("acr", systems="tiny/recordings")
    assert sources["a"].numbers() == {1, 2, 3}


def test_all_sentences_are_those_that_all_systems_share(sources_of):
    file, form, sources = sources_of("ab", "reference: recording")
    assert choose_sentences(file, form, sources) == (1, 2, 3)


def test_a_missing_sentence_is_named(sources_of):
    file, form, sources = sources_of("ab", "reference: recording\nsentences: [1, 4]")
    message = r"ab.yaml:8: sentences\[1\]: 'recording' has no such sentence, got 4.* 1 to 3"
    with pytest.raises(RecipeError, match=message):
        choose_sentences(file, form, sources)


@pytest.mark.parametrize(
    ("system", "message"),
    [
        ("tiny/magnitude 45 %", r"systems.a: tiny has no such run, got .* Did you mean 'magnitude"),
        ("tiy/dense", r"has no results of this recipe, got 'tiy'. Did you mean 'tiny'\?"),
        ("dense", r"systems.a: must be recipe/run, got 'dense'"),
        ("{folder: nowhere}", r"systems.a.folder: no such file or folder, got 'nowhere'"),
    ],
)
def test_a_system_that_is_not_there_is_named(sources_of, system, message):
    with pytest.raises(RecipeError, match=message):
        sources_of("acr", systems=system)


def test_a_run_that_is_not_done_is_refused(sources_of, tmp_path):
    (tmp_path / "runs" / "tiny" / "id1" / "DONE").unlink()
    with pytest.raises(RecipeError, match=r"systems.small: is not done, got 'tiny/magnitude 40 %'"):
        sources_of("acr")


def test_recordings_that_are_not_there_are_asked_for(tmp_path):
    runs = make_runs(tmp_path / "runs", recordings=False)
    file, form = read_form(write_form(tmp_path, "ab", "reference: recording"))
    with pytest.raises(RecipeError, match=r"reference: no recordings beside the runs"):
        find_sources(file, form, runs)


def test_runs_of_other_sentences_cannot_be_compared(sources_of, tmp_path):
    make_runs(tmp_path / "runs", recipe="other")
    said = tmp_path / "runs" / "other" / "recipe.json"
    said.write_text(said.read_text().replace("Two birds", "Two cats"))
    _, _, sources = sources_of("acr", systems="tiny/dense\n  b: other/dense")
    with pytest.raises(ListeningError, match=r"sentence 2 is another one in .* 'Two cats.'"):
        texts(sources)
