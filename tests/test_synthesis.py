import pytest
import torch

from tests.networks import golden_network, say_frames
from tts_compress.architectures.fastspeech2 import FastSpeech2, FastSpeech2Settings
from tts_compress.architectures.hifigan import HifiGan
from tts_compress.architectures.tacotron2 import Tacotron2, Tacotron2Settings
from tts_compress.architectures.transformer import BlockSettings
from tts_compress.audio.mel import HOP_LENGTH
from tts_compress.audio.vocoders import griffin_lim
from tts_compress.errors import CheckpointError, TextError
from tts_compress.synthesis import (
    ALMOST_NO_FRAMES,
    NEVER_STOPS,
    Speech,
    encode,
    follow,
    speak,
    vocoder,
)

SENTENCES = ["Hello.", "A rather longer sentence, with a pause.", "Yes!"]
BOTH = pytest.mark.parametrize("architecture", ["tacotron2", "fastspeech2"])


@pytest.fixture(autouse=True)
def short(monkeypatch):
    monkeypatch.setattr("tts_compress.synthesis.MAX_STEPS", 60)


@pytest.fixture
def tacotron2():
    """A random network, loud enough inside that `SENTENCES` stop after 6, 22 and 16 frames."""
    torch.manual_seed(14)
    model = Tacotron2(
        Tacotron2Settings(
            embedding_dim=16,
            encoder_channels=(16,),
            encoder_lstm_units=(8, 8),
            prenet_units=(16, 8),
            attention_rnn_units=16,
            decoder_rnn_units=16,
            attention_dim=8,
            location_filters=4,
            location_kernel=7,
            postnet_channels=(8,),
        )
    )
    decoder = model.decoder
    with torch.no_grad():
        model.embedding.weight.mul_(10)
        decoder.attention_rnn.weight_ih.mul_(3)
        decoder.decoder_rnn.weight_ih.mul_(3)
        decoder.decoder_rnn.weight_hh.mul_(3)
        decoder.linear_projection.linear_layer.weight.mul_(5)
        decoder.gate_layer.linear_layer.weight.mul_(20)
    return set_gate(model, -10.0).eval()


@pytest.fixture
def fastspeech2():
    """A random network that gives every phone 5 frames."""
    torch.manual_seed(0)
    block = BlockSettings(heads=2, head_dim=8, filter=16)
    model = FastSpeech2(
        FastSpeech2Settings(
            hidden=16,
            encoder=(block,),
            decoder=(block,),
            duration_filters=(8, 8),
            pitch_filters=(8, 8),
            energy_filters=(8, 8),
            postnet_channels=(8,),
        )
    )
    return say_frames(model, 5).eval()


def set_gate(model, bias):
    torch.nn.init.constant_(model.decoder.gate_layer.linear_layer.bias, bias)
    return model


@pytest.fixture
def model(architecture, request):
    return request.getfixturevalue(architecture)


@BOTH
def test_a_sentence_is_spoken_as_it_would_be_alone(model):
    together = speak(model, SENTENCES, seed=3)
    for text, speech in zip(SENTENCES, together, strict=True):
        alone = speak(model, [text], seed=3)[0]
        assert speech.text == alone.text == text
        assert torch.equal(speech.ids, alone.ids)
        assert speech.failure == alone.failure
        torch.testing.assert_close(speech.mel, alone.mel, rtol=0, atol=1e-4)


@BOTH
def test_more_sentences_than_a_batch_come_out_in_order(model, monkeypatch):
    expected = speak(model, SENTENCES)
    monkeypatch.setattr("tts_compress.synthesis.BATCH_SIZE", 2)
    for one, other in zip(speak(model, SENTENCES), expected, strict=True):
        assert one.text == other.text
        torch.testing.assert_close(one.mel, other.mel, rtol=0, atol=1e-4)
    assert speak(model, []) == []


@BOTH
def test_the_seed_alone_decides(model):
    torch.manual_seed(5)
    first = speak(model, SENTENCES, seed=1)
    torch.manual_seed(6)
    again = speak(model, SENTENCES, seed=1)
    assert all(torch.equal(a.mel, b.mel) for a, b in zip(first, again, strict=True))


def test_another_seed_is_another_reading_of_tacotron2(tacotron2):
    first, other = (speak(tacotron2, SENTENCES[:1], seed=seed)[0].mel for seed in (1, 2))
    assert first.shape != other.shape or not torch.equal(first, other)


def test_each_sentence_ends_where_its_gate_fires(tacotron2):
    speeches = speak(tacotron2, SENTENCES, seed=3)
    assert [speech.mel.shape[1] for speech in speeches] == [6, 22, 16]


def test_shapes_of_what_tacotron2_says(tacotron2):
    for speech in speak(tacotron2, SENTENCES):
        n_frames = speech.mel.shape[1]
        assert speech.mel.shape[0] == 80
        assert speech.alignment.shape == (n_frames, len(speech.ids))
        torch.testing.assert_close(speech.alignment.sum(1), torch.ones(n_frames))
        assert speech.durations is None
        assert speech.seconds == pytest.approx(n_frames * HOP_LENGTH / 22050)


def test_shapes_of_what_fastspeech2_says(fastspeech2):
    for speech in speak(fastspeech2, SENTENCES):
        assert speech.durations.tolist() == [5] * len(speech.ids)
        assert speech.mel.shape == (80, 5 * len(speech.ids))
        assert speech.alignment is None
        assert speech.failure is None


def test_a_gate_that_never_fires_is_a_failure(tacotron2):
    speech = speak(set_gate(tacotron2, -100.0), SENTENCES[:1])[0]
    assert speech.failure == NEVER_STOPS == "never stops"
    assert speech.mel.shape == (80, 60)


def test_a_gate_that_fires_at_once_is_a_failure(tacotron2):
    speech = speak(set_gate(tacotron2, 100.0), SENTENCES[:1])[0]
    assert speech.failure == ALMOST_NO_FRAMES == "almost no frames"
    assert speech.mel.shape == (80, 1)


@pytest.mark.parametrize(
    ("frames", "failure"), [(0, ALMOST_NO_FRAMES), (1, ALMOST_NO_FRAMES), (2, None)]
)
def test_less_than_two_frames_a_phone_is_a_failure(fastspeech2, frames, failure):
    speech = speak(say_frames(fastspeech2, frames), SENTENCES[1:2])[0]
    assert speech.failure == failure
    assert speech.mel.shape == (80, frames * len(speech.ids))


def test_a_word_of_few_frames_is_a_failure(fastspeech2):
    # "Hello." has 4 phones; 2 frames each are under the 9 frames of the shortest speech.
    assert speak(say_frames(fastspeech2, 2), ["Hello."])[0].failure == ALMOST_NO_FRAMES


@BOTH
def test_following_has_the_frames_of_the_reference(model):
    references = speak(model, SENTENCES, seed=1)
    for mel, reference in zip(follow(model, references, seed=2), references, strict=True):
        assert mel.shape == reference.mel.shape


def test_fastspeech2_following_itself_is_its_own_speech(fastspeech2):
    references = speak(fastspeech2, SENTENCES)
    for mel, reference in zip(follow(fastspeech2, references), references, strict=True):
        torch.testing.assert_close(mel, reference.mel, rtol=0, atol=1e-4)


def test_following_no_frames_at_all_gives_none(fastspeech2):
    references = speak(say_frames(fastspeech2, 0), SENTENCES[:2])
    assert [mel.shape for mel in follow(fastspeech2, references)] == [(80, 0), (80, 0)]


def test_tacotron2_following_itself_is_its_own_speech(tacotron2):
    # The free network hears its frames from before the postnet, the following one the reference's
    # from after it; without a postnet these are the same, and so are the dropout draws.
    last = tacotron2.postnet.convolutions[-1][1]
    torch.nn.init.zeros_(last.weight)
    torch.nn.init.zeros_(last.bias)
    references = speak(tacotron2, SENTENCES, seed=4)
    for mel, reference in zip(follow(tacotron2, references, seed=4), references, strict=True):
        torch.testing.assert_close(mel, reference.mel, rtol=0, atol=1e-4)


def test_following_alone_or_in_a_batch_is_the_same(tacotron2):
    references = speak(tacotron2, SENTENCES, seed=4)
    together = follow(tacotron2, references, seed=4)
    for mel, reference in zip(together, references, strict=True):
        alone = follow(tacotron2, [reference], seed=4)[0]
        torch.testing.assert_close(mel, alone, rtol=0, atol=1e-4)


def test_a_network_reads_the_text_it_was_trained_with(tacotron2, fastspeech2):
    phones = Tacotron2(tacotron2.settings.model_copy(update={"text": "phones"}))
    assert len(encode(tacotron2, "Hello.")) == 6
    assert len(encode(phones, "Hello.")) == 5
    assert len(encode(fastspeech2, "Hello.")) == 4


def test_a_vocoder_reads_no_text():
    generator = golden_network("hifigan")
    assert isinstance(generator, HifiGan)
    with pytest.raises(
        CheckpointError, match=r"hifigan: reads no text. Use a tacotron2 or fastspeech2 checkpoint"
    ):
        speak(generator, ["Hello."])


def test_one_unspeakable_sentence_is_an_error_before_any_is_spoken(fastspeech2):
    with pytest.raises(TextError, match=r"nothing to speak, got '\.\.\.'"):
        speak(fastspeech2, ["Hello.", "..."])


def test_griffin_lim_is_the_vocoder_without_a_generator():
    mels = [torch.full((80, frames), -4.0) for frames in (12, 20)]
    wavs = vocoder(seed=2)(mels)
    assert [len(wav) for wav in wavs] == [HOP_LENGTH * 11, HOP_LENGTH * 19]
    expected = griffin_lim(mels[0][None], torch.tensor([12]), seed=2)[0]
    assert torch.equal(wavs[0], expected)
    assert vocoder()([]) == []


def test_a_generator_vocodes_each_mel_as_alone():
    generator = golden_network("hifigan")
    torch.manual_seed(0)
    mels = [torch.randn(80, frames) for frames in (7, 12)]
    for mel, wav in zip(mels, vocoder(generator)(mels), strict=True):
        torch.testing.assert_close(wav, generator(mel[None])[0, 0].detach())


def test_speeches_are_compared_by_identity(fastspeech2):
    one, other = speak(fastspeech2, ["Yes.", "Yes."])
    assert one in [other, one]
    assert one not in [other]
    assert isinstance(one, Speech)
