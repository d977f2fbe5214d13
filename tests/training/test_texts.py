"""The sentences that the repository's recipes calibrate and train on."""

from itertools import permutations
from pathlib import Path

import pytest

from tts_compress.text.encode import fastspeech2_ids, tacotron2_ids
from tts_compress.text.symbols import FASTSPEECH2_SYMBOLS
from tts_compress.training.sentences import words

FOLDER = Path(__file__).parents[2] / "recipes" / "sentences"
TEXTS = {
    name: (FOLDER / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    for name in ("calibration", "training", "heldout", "sweep")
}


def test_there_are_as_many_as_said_and_none_twice():
    assert {name: len(set(lines)) for name, lines in TEXTS.items()} == {
        "calibration": 32,
        "training": 500,
        "heldout": 48,
        "sweep": 10,
    }
    for name in ("calibration", "training"):
        assert all(4 <= len(words(line)) <= 14 for line in TEXTS[name])


@pytest.mark.parametrize(("one", "other"), list(permutations(TEXTS, 2)))
def test_no_sentence_stands_in_one_of_another_file(one, other):
    phrases = [f" {' '.join(words(line))} " for line in TEXTS[one]]
    others = "|".join(f" {' '.join(words(line))} " for line in TEXTS[other])
    assert not [phrase for phrase in phrases if phrase in others]


@pytest.mark.parametrize("name", ["calibration", "training"])
def test_both_networks_read_them_and_hear_every_phone(name):
    said = {FASTSPEECH2_SYMBOLS[i] for line in TEXTS[name] for i in fastspeech2_ids(line)}
    phones = {symbol.strip("@").rstrip("012") for symbol in said} - {"sp"}
    assert len(phones) == 39
    assert all(tacotron2_ids(line, "phones") for line in TEXTS[name])


def test_their_licence_is_beside_them():
    assert "Princeton University" in (FOLDER / "LICENSE.wordnet").read_text(encoding="utf-8")
