"""Column by column: the error of each column of a weight matrix is made up for by those to come."""

from collections.abc import Callable

import torch
from torch import Tensor

Choose = Callable[[int, Tensor], Tensor]
Ahead = Callable[[Tensor, Tensor], None]


@torch.no_grad()
def feedback(
    weights: Tensor,
    hessian: Tensor,
    choose: Choose,
    damping: float = 0.01,
    order: Tensor | None = None,
    ahead: Ahead | None = None,
    block: int = 128,
) -> Tensor:
    """Chooses the values of a matrix column by column, so that ``W x`` changes little.

    What is asked of column j is its weights and what the errors of the columns before it call for:
    ``w_j + sum_{i<j} (w_i - q_i) R_ij``, where ``H = R D R^T`` with R unit upper triangular.
    The squared change of ``W x`` over all x is then ``sum_j D_j * (asked_j - chosen_j)^2``.

    Inputs of variance 1 and correlation 0.9, weights rounded to integers; plain rounding of the
    second row gives 0, which is off by 0.48 at both columns::

        1.00  0.80       1  1
        0.48  0.48  ->   0  1

    Args:
        weights: Float64, ``(rows, columns)``.
        hessian: Sums of products ``x x^T`` of the inputs, ``(columns, columns)``, in any unit. A
            column that hears nothing is asked for its own weights.
        choose: Gives what a column becomes, ``(rows,)``, from its number in the matrix and what is
            asked of it. It is called once for each column, in order. What it must keep at zero it
            gives as zero.
        damping: What is added to each diagonal element, as a fraction of their mean.
        order: The columns in the order in which they are chosen, ``(columns,)``; as they come where
            None.
        ahead: Is called before each block of columns, with their numbers and what is asked of them
            so far, ``(rows, block)``.
        block: How many columns wait for the errors of those before them; changes the speed alone,
            unless there is an `ahead`.

    Returns:
        The chosen values, float64, ``(rows, columns)``.

    Source: Frantar et al. 2023, "GPTQ: accurate post-training quantization for generative
    pre-trained transformers", algorithm 1; the form is that of Chee et al. 2023, "QuIP: 2-bit
    quantization of large language models with guarantees", section 3.1, which is equal.
    """
    columns = torch.arange(len(hessian)) if order is None else order
    unit, _ = factors(hessian[columns][:, columns], damping)
    asked = weights.double().T[columns].contiguous()  # a column is a row here
    errors = torch.zeros_like(asked)
    found = torch.empty_like(asked)
    for start in range(0, len(columns), block):
        end = min(start + block, len(columns))
        own = asked[start:end].clone()
        own += unit[:start, start:end].T @ errors[:start]
        if ahead is not None:
            ahead(columns[start:end], own.T)
        for i, j in enumerate(columns[start:end].tolist()):
            k = start + i
            wanted = own[i] + unit[start:k, k] @ errors[start:k]
            found[k] = choose(j, wanted)
            errors[k] = asked[k] - found[k]
    return torch.empty_like(found).index_copy_(0, columns, found).T.contiguous()


def factors(hessian: Tensor, damping: float) -> tuple[Tensor, Tensor]:
    """Gives R, unit upper triangular, and the diagonal of D in ``R D R^T`` of a damped matrix.

    >>> unit, diagonal = factors(torch.tensor([[25.0, 20.0], [20.0, 25.0]]), damping=0)
    >>> unit.tolist(), diagonal.tolist()
    ([[1.0, 0.8], [0.0, 1.0]], [9.0, 25.0])
    """
    damped = hessian.double().clone()
    mean = float(damped.diagonal().mean())
    damped.diagonal().add_(damping * mean if mean > 0 else 1.0)
    return unit_triangle(damped)


def unit_triangle(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """Gives R, unit upper triangular, and the diagonal of D in ``matrix = R D R^T``.

    >>> unit, diagonal = unit_triangle(torch.tensor([[2.0, 1.0], [1.0, 1.0]]))
    >>> unit.tolist(), diagonal.tolist()
    ([[1.0, 1.0], [0.0, 1.0]], [1.0, 1.0])
    """
    root = torch.linalg.cholesky(matrix.flip(0, 1)).flip(0, 1)
    diagonal = root.diagonal()
    return root / diagonal, diagonal.square()


def cholesky_diagonal(hessian: Tensor, damping: float, order: Tensor | None = None) -> Tensor:
    """Gives what a squared error of each column costs in `feedback`, ``(columns,)``.

    That is the diagonal of D: how far a column's input is from what the columns after it say.

    >>> hessian = torch.tensor([[25.0, 20.0], [20.0, 25.0]])
    >>> cholesky_diagonal(hessian, 0).tolist()
    [9.0, 25.0]
    >>> cholesky_diagonal(hessian, 0, order=torch.tensor([1, 0])).tolist()
    [25.0, 9.0]
    """
    columns = torch.arange(len(hessian)) if order is None else order
    _, diagonal = factors(hessian[columns][:, columns], damping)
    return torch.empty_like(diagonal).index_copy_(0, columns, diagonal)
