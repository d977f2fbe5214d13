import pytest
import torch
from torch import nn
from torch.nn import functional

from tts_compress.methods.calibration.affine import affine_maps


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv1d(3, 4, 5, padding=2),
        nn.Conv1d(3, 4, 3, padding=6, dilation=6),
        nn.Conv1d(3, 4, 3, stride=2, bias=False),
        nn.ConvTranspose1d(3, 4, 16, 8, padding=4),
        nn.ConvTranspose1d(3, 4, 4, 2, padding=1),
        nn.ConvTranspose1d(3, 4, 5, 3, padding=1, output_padding=1),
        nn.ConvTranspose1d(3, 4, 3, 1, bias=False),
    ],
    ids=str,
)
def test_a_convolution_is_a_matrix_times_what_it_reads(layer):
    layer = layer.double()
    x = torch.randn(2, 3, 13, generator=torch.Generator().manual_seed(0)).double()
    (own,) = affine_maps(layer)
    said = layer(x)
    found = functional.linear(own.reads((x,), said), own.matrix, own.bias)
    torch.testing.assert_close(found, own.said(said))
    assert own.matrix.shape == (own.n_rows, sum(own.widths))


def test_a_transposed_convolution_by_hand():
    layer = nn.ConvTranspose1d(1, 1, 2, 2, bias=False)
    layer.weight.data = torch.tensor([[[2.0, 3.0]]])
    (own,) = affine_maps(layer)
    x = torch.tensor([[[1.0, 5.0]]])
    assert layer(x).tolist() == [[[2, 3, 10, 15]]]
    assert own.matrix.tolist() == [[2, 3]]
    assert own.reads((x,), layer(x)).tolist() == [[[1, 0], [0, 1], [5, 0], [0, 5]]]


@torch.no_grad()
def test_what_is_written_is_read_and_columns_are_those_of_the_weights():
    for layer in (nn.ConvTranspose1d(3, 2, 4, 2), nn.LSTMCell(3, 2), nn.Linear(3, 4)):
        (own,) = affine_maps(layer)
        matrix = torch.randn(own.matrix.shape, generator=torch.Generator().manual_seed(0))
        own.write(matrix)
        assert torch.equal(own.matrix, matrix)
        for weight, part in zip(own.weights, torch.split(matrix, own.widths, 1), strict=True):
            assert torch.equal(own.as_weight(part, weight), weight)
            assert torch.equal(own.as_matrix(weight), part)


def test_the_first_axis_of_a_transposed_convolution_is_that_of_its_inputs():
    (own,) = affine_maps(nn.ConvTranspose1d(3, 2, 4, 2))
    weight = torch.arange(24.0).reshape(3, 2, 4)
    assert own.as_matrix(weight)[1].tolist() == [4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23]
