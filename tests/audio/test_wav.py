import stat
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.networks import GOLDEN
from tts_compress.audio import wav as wav_module
from tts_compress.audio.wav import read_wav, write_wav
from tts_compress.errors import AudioError


def test_reads_a_recording():
    wav = read_wav(GOLDEN / "LJ001-0002.wav")
    assert wav.shape == (41885,)
    assert wav.dtype == torch.float32
    assert 0.1 < wav.abs().max() < 1


def test_writing_what_was_read_gives_the_same_bytes(tmp_path):
    write_wav(tmp_path / "copy.wav", read_wav(GOLDEN / "LJ001-0002.wav"))
    assert (tmp_path / "copy.wav").read_bytes() == (GOLDEN / "LJ001-0002.wav").read_bytes()


@given(values=st.lists(st.integers(-32768, 32767), min_size=1, max_size=50))
def test_every_16_bit_value_comes_back(values, tmp_path_factory):
    path = tmp_path_factory.mktemp("wav") / "a.wav"
    wav = torch.tensor(values) / 32768
    write_wav(path, wav)
    assert torch.equal(read_wav(path), wav)


def test_clips(tmp_path):
    write_wav(tmp_path / "loud.wav", torch.tensor([-3.0, 3.0]))
    assert read_wav(tmp_path / "loud.wav").tolist() == [-1.0, 32767 / 32768]


def test_write_leaves_nothing_else_and_a_readable_file(tmp_path):
    write_wav(tmp_path / "a.wav", torch.zeros(10))
    write_wav(tmp_path / "a.wav", torch.zeros(20))
    assert [path.name for path in tmp_path.iterdir()] == ["a.wav"]
    assert soundfile.info(tmp_path / "a.wav").subtype == "PCM_16"
    (tmp_path / "plain").touch()
    assert stat.S_IMODE((tmp_path / "a.wav").stat().st_mode) == stat.S_IMODE(
        (tmp_path / "plain").stat().st_mode
    )


def test_a_failed_write_keeps_the_old_file(tmp_path, monkeypatch):
    write_wav(tmp_path / "a.wav", torch.zeros(10))

    def half_written(path, *_, **__):
        Path(path).write_bytes(b"RIFF")
        raise OSError("disk full")

    monkeypatch.setattr(wav_module.soundfile, "write", half_written)
    with pytest.raises(OSError, match="disk full"):
        write_wav(tmp_path / "a.wav", torch.zeros(20))
    assert [path.name for path in tmp_path.iterdir()] == ["a.wav"]
    assert len(read_wav(tmp_path / "a.wav")) == 10


def test_another_rate_is_refused(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.zeros(10), 16000)
    expected = r"a\.wav: sample rate must be 22050 Hz, got 16000 Hz\. Convert it with: sox a\.wav"
    with pytest.raises(AudioError, match=expected):
        read_wav(tmp_path / "a.wav")


def test_stereo_is_refused(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.zeros((10, 2)), 22050)
    with pytest.raises(AudioError, match=r"a\.wav: must be mono, got 2 channels\. Convert it"):
        read_wav(tmp_path / "a.wav")


def test_what_is_no_sound_is_refused(tmp_path):
    (tmp_path / "a.wav").write_text("not a wav file")
    with pytest.raises(AudioError, match=r"a\.wav: cannot be read as sound, got 'Format not rec"):
        read_wav(tmp_path / "a.wav")
    with pytest.raises(AudioError, match=r"b\.wav: a sound file is expected here, got none\."):
        read_wav(tmp_path / "b.wav")


@pytest.mark.parametrize(
    ("wav", "message"),
    [
        (torch.zeros(1, 10), r"must be \(samples,\), got shape \(1, 10\)"),
        (torch.tensor([0.0, float("nan"), float("inf")]), r"must be finite, got 2 values"),
    ],
)
def test_unwritable_sound_is_refused(tmp_path, wav, message):
    with pytest.raises(AudioError, match=message):
        write_wav(tmp_path / "a.wav", wav)
    assert list(tmp_path.iterdir()) == []
