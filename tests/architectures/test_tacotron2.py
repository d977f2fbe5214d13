import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from tts_compress.architectures.checkpoints import load_model
from tts_compress.architectures.tacotron2 import Tacotron2, Tacotron2Settings


@pytest.fixture
def model(golden):
    return load_model(golden / "tacotron2_tiny.pt")


@pytest.fixture
def arrays(expected):
    return expected("tacotron2_tiny")


def draws(seed=0):
    return torch.Generator().manual_seed(seed)


def close(ours, theirs):
    assert ours.shape == theirs.shape
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-5)


def test_published_size():
    with torch.device("meta"):
        model = Tacotron2()
    assert len(model.state_dict()) == 84
    assert sum(p.numel() for p in model.parameters()) == 28_193_153


def test_teacher_forcing_is_upstreams(model, arrays):
    with torch.no_grad():
        out = model(
            arrays["ids"],
            arrays["id_lengths"],
            arrays["mels"],
            arrays["mel_lengths"],
            prenet_dropout=False,
        )
    close(out.mel, arrays["tf_mel"])
    close(out.mel_postnet, arrays["tf_mel_postnet"])
    close(out.gate_logits, arrays["tf_gate_logits"])
    close(out.alignments, arrays["tf_alignments"])
    assert out.stopped.all()


def test_inference_is_upstreams(model, arrays):
    ids, lengths = arrays["ids"][:1], arrays["id_lengths"][:1]
    memory = []
    model.encoder.register_forward_hook(lambda _m, _i, out: memory.append(out))
    out = model.infer(ids, lengths, prenet_dropout=False, max_steps=30, gate_threshold=2.0)
    close(memory[0], arrays["encoder_outputs"])
    for name in ("mel", "mel_postnet", "gate_logits", "alignments"):
        close(getattr(out, name), arrays[f"inf_{name}"])
    assert out.mel_lengths.tolist() == [30]
    assert out.stopped.tolist() == [False]


def test_a_masked_sentence_gets_in_a_batch_what_it_gets_alone(model, arrays):
    model = model.double()
    ids, id_lengths, mel_lengths = arrays["ids"], arrays["id_lengths"], torch.tensor([30, 19])
    mels = arrays["mels"].double()
    mels[1, :, 19:] = 7.0  # what is beyond a sentence must not matter
    with torch.no_grad():
        batch = model(ids, id_lengths, mels, mel_lengths, generator=draws(), mask_padding=True)
        for row in range(2):
            n_ids, n_frames = id_lengths[row], mel_lengths[row]
            alone = model(
                ids[row : row + 1, :n_ids],
                id_lengths[row : row + 1],
                mels[row : row + 1, :, :n_frames],
                mel_lengths[row : row + 1],
                generator=draws(),
                mask_padding=True,
            )
            same = {"rtol": 0, "atol": 1e-9}
            torch.testing.assert_close(
                batch.mel_postnet[row, :, :n_frames], alone.mel_postnet[0], **same
            )
            torch.testing.assert_close(
                batch.gate_logits[row, :n_frames], alone.gate_logits[0], **same
            )
            torch.testing.assert_close(
                batch.alignments[row, :n_frames, :n_ids], alone.alignments[0], **same
            )
    assert not batch.mel_postnet[1, :, 19:].any()
    assert not batch.alignments[1, :, 12:].any()
    assert (batch.gate_logits[1, 19:] == 1000).all()


def test_a_spoken_sentence_gets_in_a_batch_what_it_gets_alone(model, arrays):
    model = model.double()
    ids, lengths = arrays["ids"], arrays["id_lengths"]
    batch = model.infer(ids, lengths, generator=draws(), max_steps=25, gate_threshold=0.4855)
    assert batch.mel_lengths.tolist() == [13, 5]
    assert batch.mel_postnet.shape == (2, 80, 13)
    assert batch.stopped.all()
    for row, frames in enumerate((13, 5)):
        alone = model.infer(
            ids[row : row + 1, : lengths[row]],
            lengths[row : row + 1],
            generator=draws(),
            max_steps=90,
            gate_threshold=0.4855,
        )
        assert alone.mel_lengths.tolist() == [frames]
        torch.testing.assert_close(
            batch.mel_postnet[row, :, :frames], alone.mel_postnet[0], rtol=0, atol=1e-9
        )


def test_the_frame_on_which_the_gate_fires_is_kept(model, arrays):
    nn.init.constant_(model.decoder.gate_layer.linear_layer.bias, 100.0)
    out = model.infer(arrays["ids"], arrays["id_lengths"])
    assert out.mel.shape[2] == 1
    assert out.mel_lengths.tolist() == [1, 1]
    assert out.stopped.all()


@settings(max_examples=20, deadline=None)
@given(steps=st.integers(1, 300), longer=st.integers(0, 300), seed=st.integers(0, 2**31))
def test_dropout_draws_do_not_depend_on_how_many_are_drawn(steps, longer, seed):
    small = Tacotron2Settings(
        embedding_dim=4,
        encoder_channels=(4,),
        encoder_lstm_units=(2, 2),
        prenet_units=(5, 3),
        attention_rnn_units=4,
        decoder_rnn_units=4,
        postnet_channels=(4,),
    )
    decoder = Tacotron2(small).decoder
    first = decoder.keep_factors(steps, draws(seed))
    more = decoder.keep_factors(steps + longer, draws(seed))
    for a, b, units in zip(first, more, (5, 3), strict=True):
        assert a.shape == (steps, units)
        assert set(a.unique().tolist()) <= {0.0, 2.0}
        assert torch.equal(a, b[:steps])


def test_dropout_changes_speech_and_its_seed_fixes_it(model, arrays):
    def say(**options):
        return model.infer(arrays["ids"], arrays["id_lengths"], max_steps=5, **options).mel

    assert torch.equal(say(generator=draws(1)), say(generator=draws(1)))
    assert not torch.equal(say(generator=draws(1)), say(generator=draws(2)))
    assert not torch.equal(say(generator=draws(1)), say(prenet_dropout=False))


def test_teacher_forcing_follows_free_speech_with_the_same_draws(model, arrays):
    model = model.double()
    ids, lengths = arrays["ids"], arrays["id_lengths"]
    free = model.infer(ids, lengths, generator=draws(3), max_steps=20, gate_threshold=2.0)
    with torch.no_grad():
        forced = model(
            ids, lengths, free.mel, free.mel_lengths, generator=draws(3), mask_padding=True
        )
    torch.testing.assert_close(forced.mel_postnet, free.mel_postnet, rtol=0, atol=1e-9)


def test_settings_are_read_from_tensors(public, model):
    tensors = public("tacotron2_tiny.pt")["state_dict"]
    widths = Tacotron2Settings.from_tensors(tensors, {"text": "phones"})
    assert widths.text == "phones"
    assert (widths.n_symbols, widths.embedding_dim, widths.memory_dim) == (148, 32, 32)
    assert widths.encoder_channels == (32, 32, 32)
    assert widths.prenet_units == (16, 16)
    assert (widths.attention_rnn_units, widths.decoder_rnn_units) == (40, 48)
    assert (widths.attention_dim, widths.location_filters, widths.location_kernel) == (12, 4, 7)
    assert widths.postnet_channels == (24, 24, 24, 24)
    assert Tacotron2Settings.from_dict(widths.to_dict()) == widths
    assert model.settings == widths.model_copy(update={"text": "characters"})
