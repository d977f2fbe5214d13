import torch

from tts_compress.methods.calibration.sums import Moments


def test_an_input_that_does_not_vary_has_no_moments_about_its_mean():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(3000, 3, generator=generator)
    x[:, 1] = 0.1  # its sums of squares do not cancel to the last bit
    moments = Moments()
    moments.add(x, x[:, :1])
    xx, xy = moments.sums(intercept=True)
    assert not xx[1].any()
    assert not xx[:, 1].any()
    assert not xy[1].any()
    others = x[:, [0, 2]].double()
    others = others - others.mean(0)
    torch.testing.assert_close(xx[[0, 2]][:, [0, 2]], others.T @ others)
    assert moments.sums(intercept=False)[0][1, 1] > 29
