"""Where the bits of a matrix go: a step for each row and column, by what their errors change."""

import torch
from torch import Tensor

from tts_compress.methods.calibration.sensitivity import Curvature
from tts_compress.methods.quantizing.feedback import unit_triangle
from tts_compress.methods.quantizing.least_cost import least_cost_levels
from tts_compress.quantized import OCTAVE, Scaled, matrix_shape, steps

ROWS_DAMPING, COLUMNS_DAMPING = 1.0, 0.03
"""What is added to each diagonal element, in its own size: how far calibration is not believed."""

STEP = 14.0
"""Square of a step in what a bit costs; above 12 / (2 ln 2) = 8.7, the best for many bits."""

_LARGEST, _EXPONENTS = 16383, 120


@torch.no_grad()
def scaled(weight: Tensor, curvature: Curvature | None, bit: float) -> Scaled:
    """Gives a tensor as integers that cost least, in what they change and in bits.

    With the curvature factored into unit triangles and diagonals, the change is a sum of squares,
    each an error of a weight together with those before it, times a number of its row and one of
    its column. Each weight should add the same to it, so steps are inverse to the root of the
    product of these numbers.

    Args:
        weight: The tensor; what is 0 stays 0.
        curvature: Its Gauss-Newton matrix; None if nothing depends on it: then it becomes 0.
        bit: How much change a bit is worth.

    Source: Cover and Thomas 2006, "Elements of information theory", section 10.3.3, for steps that
    make each change equal (reverse water-filling).
    """
    matrix = weight.detach().double().cpu().reshape(matrix_shape(weight.shape))
    if curvature is None or not bool(matrix.any()):
        return _zeros(weight)
    across, rows = _factors(curvature.rows.cpu(), ROWS_DAMPING)
    along, columns = _factors(curvature.columns.cpu(), COLUMNS_DAMPING)
    row_exponents, row_mean = _exponents(rows, len(columns))
    column_exponents, column_mean = _exponents(columns, len(rows))
    relative = steps(torch.tensor(1.0), row_exponents.int()[:, None] + column_exponents.int())
    least = float((matrix.abs() / relative).max()) / _LARGEST
    step = max((STEP * bit / row_mean / column_mean) ** 0.5, least)
    form = Scaled(
        torch.zeros(weight.shape, dtype=torch.int16),
        torch.tensor(step).bfloat16().float(),
        row_exponents,
        column_exponents,
    )
    each = steps(form.step, row_exponents.int()[:, None] + column_exponents.int())
    levels = least_cost_levels(
        matrix.numpy(),
        each.double().numpy(),
        torch.outer(rows, columns).numpy(),
        across.numpy(),
        along.numpy(),
        bit,
    )
    return Scaled(
        torch.from_numpy(levels).reshape(weight.shape), form.step, form.rows, form.columns
    )


def _zeros(weight: Tensor) -> Scaled:
    rows, columns = matrix_shape(weight.shape)
    levels = torch.zeros(weight.shape, dtype=torch.int16)
    exponents = torch.zeros(rows, dtype=torch.int8), torch.zeros(columns, dtype=torch.int8)
    return Scaled(levels, torch.tensor(1.0), *exponents)


def _factors(matrix: Tensor, damping: float) -> tuple[Tensor, Tensor]:
    """Gives a unit lower triangle L and a diagonal D: the damped matrix is ``L^T D L``.

    >>> lower, diagonal = _factors(torch.tensor([[2.0, 1.0], [1.0, 1.0]]), 0.0)
    >>> lower.tolist(), diagonal.tolist()
    ([[1.0, 0.0], [1.0, 1.0]], [1.0, 1.0])
    """
    size = matrix.diagonal()
    damped = matrix + damping * (size + 0.01 * size.mean()).diag()
    unit, diagonal = unit_triangle(damped)
    return unit.T.contiguous(), diagonal


def _exponents(importance: Tensor, n_others: int) -> tuple[Tensor, float]:
    """Gives exponents of steps by what each row matters, or each column, and what the mean does.

    Where a row holds one weight, an exponent would cost more than it saves: all are 0.

    >>> exponents, mean = _exponents(torch.tensor([4.0, 1.0, 0.25]), 100)
    >>> exponents.tolist(), mean
    ([-4, 0, 4], 1.0)
    """
    if n_others == 1:
        return torch.zeros(len(importance), dtype=torch.int8), float(importance.mean())
    logs = importance.log2()
    exponents = torch.round(OCTAVE / 2 * (logs.mean() - logs)).clamp(-_EXPONENTS, _EXPONENTS)
    return exponents.char(), float(logs.mean().exp2())
