import math

import numpy as np
import pytest
import torch

from tts_compress.errors import CheckpointError, OutputError, TtsCompressError
from tts_compress.training.features import Features
from tts_compress.training.settings import TrainSettings
from tts_compress.training.trainer import Trainer, load_checkpoint, new_network, save_checkpoint

STATISTICS = {"pitch_min": -2.0, "pitch_max": 3.0, "energy_min": -1.0, "energy_max": 4.0}
ARCHITECTURES = pytest.mark.parametrize("architecture", ["tacotron2", "fastspeech2"])
pytestmark = pytest.mark.usefixtures("tiny")


def sentence(seed):
    rng = np.random.default_rng(seed)
    frames = rng.integers(1, 5, 6)
    return Features(
        mel=rng.normal(size=(80, frames.sum())).astype(np.float32),
        tacotron2_ids=rng.integers(1, 148, 6),
        tacotron2_frames=frames,
        fastspeech2_ids=rng.integers(1, 360, 6),
        fastspeech2_frames=frames,
        pitch=rng.normal(size=6).astype(np.float32),
        energy=rng.normal(size=6).astype(np.float32),
    )


def trainer(architecture, held=None, continued=False, **changes):
    settings = TrainSettings(
        architecture, **{"size": "tiny", "steps": 6, "batch_size": 2, **changes}
    )
    sentences = [sentence(seed).example(architecture) for seed in range(7)]
    model = new_network(settings, STATISTICS)
    return Trainer(settings, model, sentences[:5], sentences[5:], held=held, continued=continued)


def advance(training, steps):
    return [training.advance(batch) for _, batch in zip(range(steps), training.batches())]  # noqa: B905


def assert_same(one, other):
    assert one.keys() == other.keys()
    for name, value in one.items():
        torch.testing.assert_close(other[name], value, rtol=0, atol=0, msg=name)


@ARCHITECTURES
def test_a_resumed_training_is_the_uninterrupted_one_bit_for_bit(architecture, tmp_path):
    whole = trainer(architecture)
    expected = advance(whole, 6)  # two epochs of three batches
    first = trainer(architecture)
    advance(first, 4)
    save_checkpoint(first, tmp_path / "checkpoint.pt")
    resumed = trainer(architecture)
    load_checkpoint(resumed, tmp_path / "checkpoint.pt")
    assert (resumed.step, resumed.seconds) == (4, first.seconds)
    assert advance(resumed, 2) == expected[4:]
    assert_same(whole.model.state_dict(), resumed.model.state_dict())
    assert torch.equal(whole.state()["random"], resumed.state()["random"])


def test_a_checkpoint_has_the_entries_that_trainings_resume_from(tmp_path):
    save_checkpoint(trainer("tacotron2"), tmp_path / "checkpoint.pt")
    state = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    assert list(state) == ["model", "optimizer", "step", "seconds", "random"]
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint.pt"]


@ARCHITECTURES
def test_validation_changes_nothing_and_draws_the_same_each_time(architecture):
    training = trainer(architecture)
    advance(training, 1)
    before = {name: value.clone() for name, value in training.model.state_dict().items()}
    random = torch.get_rng_state()
    losses = training.validate()
    assert torch.equal(torch.get_rng_state(), random)
    assert training.validate() == losses
    assert_same(before, training.model.state_dict())
    assert all(math.isfinite(value) for value in losses.values())


@ARCHITECTURES
def test_bfloat16_is_near_float32_and_keeps_float32_weights(architecture):
    exact, low = trainer(architecture), trainer(architecture, precision="bfloat16")
    expected, got = exact.validate(), low.validate()
    assert got == pytest.approx(expected, rel=0.05)
    assert got != expected
    advance(low, 1)
    assert {p.dtype for p in low.model.parameters()} == {torch.float32}


def test_a_continued_training_has_no_dropout_and_keeps_the_statistics_of_batch_norms():
    training = trainer("fastspeech2", continued=True)
    first = next(training.batches())
    said = [float(sum(training.losses(first).values()).detach()) for _ in range(2)]
    assert said[0] != said[1]  # it would drop units, were it in training mode as it is now
    before = {n: b.clone() for n, b in training.model.named_buffers()}
    advance(training, 2)
    assert not training.model.training
    assert_same(before, dict(training.model.named_buffers()))
    said = [float(sum(training.losses(first).values()).detach()) for _ in range(2)]
    assert said[0] == said[1]


def test_bins_span_the_pitch_and_energy_of_the_corpus():
    model = trainer("fastspeech2").model
    bins = model.get_parameter("variance_adaptor.pitch_bins")
    torch.testing.assert_close(bins.data, torch.linspace(-2, 3, 7))
    assert model.get_parameter("variance_adaptor.energy_bins")[-1] == 4.0


def test_a_loss_that_is_not_finite_stops_before_the_step():
    training = trainer("tacotron2")
    advance(training, 1)
    before = {name: p.clone() for name, p in training.model.named_parameters()}
    batch = next(training.batches())
    batch.mels[0, 0, 0] = math.nan
    with pytest.raises(
        TtsCompressError, match=r"loss 'mel' is not finite after 1 steps, got nan\. The last check"
    ):
        training.advance(batch)
    assert_same(before, dict(training.model.named_parameters()))
    assert training.step == 1


@pytest.mark.parametrize(
    ("device", "message"),
    [("gpu", "device: cannot be used, got 'gpu'"), ("cuda:99", "got 'cuda:99' .* Use cpu")],
)
def test_a_device_that_is_not_there_is_one_clear_line(device, message):
    with pytest.raises(TtsCompressError, match=message):
        trainer("tacotron2", device=device)


@pytest.mark.parametrize("damage", ["empty", "cut", "text", "other network", "other file"])
def test_a_damaged_checkpoint_is_one_clear_line(damage, tmp_path):
    path = tmp_path / "checkpoint.pt"
    save_checkpoint(trainer("fastspeech2" if damage == "other network" else "tacotron2"), path)
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:-5000])
    elif damage == "other file":
        torch.save({"weights": torch.zeros(1)}, path)
    elif damage != "other network":
        path.write_text("no checkpoint" if damage == "text" else "")
    with pytest.raises(
        CheckpointError, match=r"checkpoint.pt: no checkpoint of this training .* Delete it"
    ):
        load_checkpoint(trainer("tacotron2"), path)


def test_a_full_disk_leaves_the_last_checkpoint(tmp_path, monkeypatch):
    path = tmp_path / "checkpoint.pt"
    training = trainer("tacotron2")
    save_checkpoint(training, path)
    before = path.read_bytes()

    def full(state, partial):
        partial.write_bytes(b"half")
        raise RuntimeError("PytorchStreamWriter failed writing file\nmore")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(OutputError, match=r"cannot be written \(PytorchStreamWriter .* file\)\."):
        save_checkpoint(training, path)
    assert path.read_bytes() == before
