import json

import pytest

from tts_compress.training.steps import LOG, resume, take_steps

from .test_trainer import trainer

pytestmark = pytest.mark.usefixtures("tiny")


def steps(folder):
    return [json.loads(line)["step"] for line in (folder / LOG).read_text().splitlines()]


def test_the_log_has_the_losses_of_validation_and_the_mean_ones_of_the_steps_before(tmp_path):
    training = trainer("tacotron2", steps=4, validate_every=2)
    taken = []

    def advance(batch, advance=training.advance):
        taken.append(advance(batch))
        return taken[-1]

    training.advance = advance
    take_steps(training, tmp_path)
    assert steps(tmp_path) == [2, 4]
    last = json.loads((tmp_path / LOG).read_text().splitlines()[1])
    assert list(last) == ["step", "minutes", "mel", "postnet", "gate", "attention", "training"]
    mean = (taken[2]["mel"] + taken[3]["mel"]) / 2
    assert last["training"]["mel"] == pytest.approx(mean, abs=1e-4)
    assert last["mel"] == pytest.approx(training.validate()["mel"], abs=1e-4)


def test_lines_later_than_the_checkpoint_are_dropped(tmp_path):
    first = trainer("fastspeech2", steps=4, validate_every=2)
    take_steps(first, tmp_path)
    log = (tmp_path / LOG).read_text()
    (tmp_path / LOG).write_text(log + '{"step": 6}\n{"ste')
    resumed = trainer("fastspeech2", steps=8, validate_every=2)
    resume(resumed, tmp_path)
    assert resumed.step == 4
    assert (tmp_path / LOG).read_text() == log
    take_steps(resumed, tmp_path)
    assert steps(tmp_path) == [2, 4, 6, 8]


def test_a_folder_without_a_checkpoint_is_begun_anew(tmp_path):
    (tmp_path / LOG).write_text('{"step": 2}\n')
    training = trainer("fastspeech2", steps=2, validate_every=2)
    resume(training, tmp_path)
    take_steps(training, tmp_path)
    assert steps(tmp_path) == [2]


def test_time_ends_a_training_as_its_steps_do(tmp_path):
    training = trainer("fastspeech2", steps=100, validate_every=50, seconds=1e-9)
    assert not training.finished
    take_steps(training, tmp_path)
    assert training.finished
    assert steps(tmp_path) == [training.step] == [1]
