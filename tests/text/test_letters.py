import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tts_compress.text.letters import Grams, LetterModel, pronounce
from tts_compress.text.phones import pronunciations
from tts_compress.text.symbols import PHONES


def by_hand():
    """Pairs <, >, a:AA1, a:(none); P(a:AA1) = 0.6, P(none) = 0.3, P(>) = 0.1; after none, > 0.9."""
    pairs = (("<", ()), (">", ()), ("a", ("AA1",)), ("a", ()))
    one = Grams(
        np.array([1, 2, 3], np.uint64),
        np.log([0.1, 0.6, 0.3]),
        np.array([0], np.uint64),
        np.zeros(1),
    )
    two = Grams(
        np.array([3 * 4 + 1], np.uint64), np.log([0.9]), np.array([3], np.uint64), np.log([0.5])
    )
    return LetterModel(pairs, (one, two))


def test_log_probs_back_off():
    keys = np.array([3 * 4 + 1, 3 * 4 + 2, 2 * 4 + 2], np.uint64)  # none >, none AA1, AA1 AA1
    np.testing.assert_allclose(np.exp(by_hand().log_probs(keys, 2)), [0.9, 0.5 * 0.6, 0.6])


def test_pronounce_sums_over_the_ways_to_cut():
    # (AA1, AA1): 0.6 * 0.6 * 0.1 = 0.036. AA1 once: 0.6 * 0.3 * 0.9 + 0.3 * 0.3 * 0.1 = 0.171.
    assert by_hand().pronounce("aa") == ("AA1",)


def test_save_and_load_round_to_a_sixteenth_of_a_nat(tmp_path):
    by_hand().save(tmp_path / "m.npz")
    loaded = LetterModel.load(tmp_path / "m.npz")
    assert loaded.pairs[2:] == by_hand().pairs[2:]
    for ours, theirs in zip(loaded.grams, by_hand().grams, strict=True):
        np.testing.assert_array_equal(ours.keys, theirs.keys)
        np.testing.assert_array_equal(ours.contexts, theirs.contexts)
        np.testing.assert_allclose(ours.log_probs, theirs.log_probs, atol=1 / 32)
        np.testing.assert_allclose(ours.log_backoffs, theirs.log_backoffs, atol=1 / 64)


def test_probabilities_of_the_shipped_model_sum_to_one():
    from tts_compress.text.letters import _model

    model = _model()
    n = len(model.pairs)
    for context in (0, 5, 17):
        keys = np.arange(1, n, dtype=np.uint64) + np.uint64(context * n)
        assert 0.93 < np.exp(model.log_probs(keys, 2)).sum() < 1.07  # bytes hold 1/16 nat


def test_plain_words():
    assert pronounce("cat") == pronunciations("cat")[0]
    assert pronounce("blick") == ("B", "L", "IH1", "K")
    assert pronounce("vocoders")[-1] == "Z"


@settings(max_examples=30, deadline=None)
@given(st.text(alphabet="abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=30))
def test_any_letters_give_phones(word):
    phones = pronounce(word)
    assert phones
    assert set(phones) <= set(PHONES)
