import numpy as np

from tts_compress.text.train_letters import align, estimate, phone_error_rate


def test_alignment_finds_which_letter_is_silent():
    entries = [
        ("no", ("N", "OW1")),
        ("on", ("AA1", "N")),
        ("kit", ("K", "IH1", "T")),
        ("knot", ("N", "AA1", "T")),
        ("tin", ("T", "IH1", "N")),
        ("box", ("B", "AA1", "K", "S")),
        ("ox", ("AA1", "K", "S")),
    ]
    paths = align(entries * 3)
    assert paths[3] == [("k", ()), ("n", ("N",)), ("o", ("AA1",)), ("t", ("T",))]
    assert paths[6] == [("o", ("AA1",)), ("x", ("K", "S"))]


def test_probabilities_sum_to_one_after_every_context():
    a, b, c = ("a", ("AA1",)), ("b", ("B",)), ("c", ())
    paths = [[a, b], [a, c], [a, b, c], [b, b], [b], [c, a], [a, b]]
    for worth in (0.0, 0.5):
        model = estimate(paths, order=3, worth=worth)
        n = len(model.pairs)
        for context in [(0, 2), (2, 3), (3, 3), (4, 4)]:
            keys = np.arange(1, n, dtype=np.uint64) + np.uint64((context[0] * n + context[1]) * n)
            np.testing.assert_allclose(np.exp(model.log_probs(keys, 3)).sum(), 1, rtol=1e-9)


def test_a_model_repeats_what_it_saw_often():
    entries = [("cat", ("K", "AE1", "T")), ("city", ("S", "IH1", "T", "IY0"))] * 5
    model = estimate(align(entries), order=4, worth=0.0)
    assert model.pronounce("cat") == ("K", "AE1", "T")
    assert model.pronounce("city") == ("S", "IH1", "T", "IY0")
    assert phone_error_rate(model, {"cat", "city"}) == 0
