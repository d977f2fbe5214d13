import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from tts_compress.audio.wav import read_wav, write_wav
from tts_compress.errors import AudioError
from tts_compress.metrics.recordings import keep_recordings, read_recording
from tts_compress.recipe import Recording


def tone(rate: int, seconds: float = 0.5) -> np.ndarray:
    return 0.5 * np.sin(2 * np.pi * 440 * np.arange(int(rate * seconds)) / rate)


def recording(path: Path, sentence: int = 1, sha256: str = "a") -> Recording:
    return Recording(sentence=sentence, path=path, sha256=sha256)


def test_what_fits_is_read_as_it_is(tmp_path):
    write_wav(tmp_path / "a.wav", torch.from_numpy(tone(22050)))
    assert torch.equal(read_recording(tmp_path / "a.wav"), read_wav(tmp_path / "a.wav"))


@pytest.mark.parametrize("rate", [16000, 44100])
def test_other_rates_and_channels_become_ours(tmp_path, rate):
    stereo = np.stack([tone(rate), 0 * tone(rate)], axis=1)
    soundfile.write(tmp_path / "a.flac", stereo, rate)
    found = read_recording(tmp_path / "a.flac").numpy()
    expected = tone(22050) / 2  # the mean of both channels
    assert len(found) == len(expected)
    assert np.abs(found - expected)[500:-500].max() < 0.01


def test_no_sound_is_one_clear_line(tmp_path):
    (tmp_path / "a.wav").write_bytes(b"RIFF")
    with pytest.raises(AudioError, match=r"a\.wav: cannot be read as sound, got .*Give a wav or"):
        read_recording(tmp_path / "a.wav")
    soundfile.write(tmp_path / "short.wav", tone(44100)[:1000], 44100)
    message = r"short\.wav: too short for a recording, got 500 samples at 22050 Hz\. It needs"
    with pytest.raises(AudioError, match=message):
        read_recording(tmp_path / "short.wav")


def test_copies_follow_the_recipe(tmp_path):
    for name, scale in (("a.wav", 1.0), ("b.wav", 0.5)):
        soundfile.write(tmp_path / name, scale * tone(44100), 44100, subtype="PCM_16")
    kept = tmp_path / "runs" / "recordings"

    def names():
        return sorted(path.name for path in kept.glob("*.wav"))

    keep_recordings([], kept)
    assert not kept.parent.exists()
    keep_recordings([recording(tmp_path / "a.wav"), recording(tmp_path / "b.wav", 12)], kept)
    assert names() == ["001.wav", "012.wav"]
    first = (kept / "001.wav").read_bytes()
    written = (kept / "001.wav").stat().st_mtime_ns
    keep_recordings([recording(tmp_path / "a.wav"), recording(tmp_path / "b.wav", 12)], kept)
    assert (kept / "001.wav").stat().st_mtime_ns == written
    (kept / "012.wav").unlink()
    keep_recordings([recording(tmp_path / "a.wav"), recording(tmp_path / "b.wav", 12)], kept)
    assert names() == ["001.wav", "012.wav"]
    keep_recordings([recording(tmp_path / "b.wav", 1, "b")], kept)
    assert names() == ["001.wav"]
    assert (kept / "001.wav").read_bytes() != first
    assert json.loads((kept / "index.json").read_text()) == {"001.wav": "b"}
    keep_recordings([], kept)
    assert names() == []
