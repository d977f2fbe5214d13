"""What a change of each weight would change in what the network says, to second order."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from tts_compress.architectures.following import Spoken, follow
from tts_compress.architectures.hifigan import HifiGan
from tts_compress.architectures.tacotron2 import Tacotron2Output
from tts_compress.methods.calibration.calibrating import n_frames
from tts_compress.methods.calibration.hearing import evaluating
from tts_compress.methods.calibration.vocoder_speech import pieces, sound_as_mel
from tts_compress.quantized import matrix_shape

if TYPE_CHECKING:
    from tts_compress.architectures.base import Architecture

SEED = 0  # of the signs by which outputs are weighed
NO_SPREAD = 1e-6
NOTHING = 1e-30  # squared changes below it are near to the smallest of float32


def diagonal(
    model: "Architecture", spoken: Sequence[Spoken], n_probes: int = 1
) -> dict[str, Tensor]:
    """Gives what the square of a small change of each weight is multiplied by in what is said.

    Weights that move by small amounts e, each with a sign of its own by chance, change the outputs
    by ``sum(e^2 * diagonal)``: the mean square of each output in its standard deviations, added up
    over the kinds of outputs, a mean over sentences. So this is the diagonal of the Gauss-Newton
    matrix of that distance, and the expected square of the gradient of outputs that are summed with
    random signs. For a vocoder, each of many short pieces counts as a sentence (`pieces`).

    Args:
        model: The network.
        spoken: What the dense network says, whose timing is followed.
        n_probes: How many sets of signs each sentence gets.

    Returns:
        float32 in the shape of each trained parameter, by name; zeros where nothing is heard of it.

    Source: Martens and Grosse 2015, "Optimizing neural networks with Kronecker-factored approximate
    curvature", section 2; Bekas et al. 2007, "An estimator for the diagonal of a matrix".
    """
    spoken = counted(model, spoken)
    parameters = {name: p for name, p in model.named_parameters() if p.requires_grad}
    total = {name: torch.zeros_like(p) for name, p in parameters.items()}
    for gradients in gradient_probes(model, spoken, n_probes):
        for name, gradient in gradients.items():
            total[name] += gradient.square()
    return {name: squares / (len(spoken) * n_probes) for name, squares in total.items()}


@dataclass(frozen=True, eq=False)
class Curvature:
    """How changes of the weights of a matrix act together.

    The squared change of what is said is the sum over all pairs of weights, of their changes times
    ``rows[i, k] * columns[j, l]``, where one weight is in row i and column j, one in k and l.

    Attributes:
        rows: ``(rows, rows)``, symmetric, float64; its trace is the sum of the diagonal of all.
        columns: ``(columns, columns)``, likewise, with a trace of 1.
    """

    rows: Tensor
    columns: Tensor


def curvatures(
    model: "Architecture", spoken: Sequence[Spoken], names: Collection[str], n_probes: int = 1
) -> dict[str, Curvature]:
    """Gives the Gauss-Newton matrix of each tensor as the product of one of rows and of columns.

    With gradients G of outputs that are summed with random signs, these are the means of ``G G^T``
    and of ``G^T G``. So no layer need be known, be it a convolution, an LSTM or an embedding. Of a
    tensor with one row, whose gradients are too few for a matrix, columns do not act together.
    Tensors that nothing depends on are left out; symbols that no sentence has count as the middle
    one of the others.

    A sentence counts by the root of what a change of all weights by one share of them changes in
    it, as in a mean of distances and not of their squares: where attention is near to a wrong turn,
    a Tacotron2's squares are hundreds of times those of other sentences, and no error gets so far.
    For a vocoder, each of many short pieces counts as a sentence (`pieces`).

    Args:
        model: The network.
        spoken: What the dense network says, whose timing is followed.
        names: Names of tensors, seen as matrices: rows are the first axis.
        n_probes: How many sets of signs each sentence gets.

    Source: Gupta et al. 2018, "Shampoo: preconditioned stochastic tensor optimization", section 3,
    for the two means; Tseng et al. 2025, "Model-preserving adaptive rounding", section 3.
    """
    spoken = counted(model, spoken)
    sums: dict[str, tuple[Tensor, Tensor]] = {}
    distances = 0.0
    for gradients in gradient_probes(model, spoken, n_probes):
        moved = [(model.get_parameter(n).detach() * g).square().sum() for n, g in gradients.items()]
        distance = float(torch.stack(moved).sum().sqrt().clamp(min=1e-30))
        distances += distance
        for name in [name for name in names if name in gradients]:
            matrix = gradients[name].reshape(matrix_shape(gradients[name].shape)) / distance**0.5
            both = matrix.T @ matrix if len(matrix) > 1 else matrix[0].square().diag()
            rows, columns = sums.get(name, (0, 0))
            sums[name] = rows + matrix @ matrix.T, columns + both
    scale = distances / (len(spoken) * n_probes) ** 2
    return {
        name: Curvature(
            _all_read(model, name, rows.double() * scale), columns.double() / float(columns.trace())
        )
        for name, (rows, columns) in sums.items()
        if not float(columns.trace()) <= NOTHING
    }


def _all_read(model: "Architecture", name: str, rows: Tensor) -> Tensor:
    """Has each row of an embedding that was not read count as the middle one of those that were."""
    if not isinstance(model.get_submodule(name.rpartition(".")[0]), nn.Embedding):
        return rows
    unread = rows.diagonal() == 0
    return rows + (unread * rows.diagonal()[~unread].median()).diag()


def counted(model: "Architecture", spoken: Sequence[Spoken]) -> list[Spoken]:
    """Gives what counts as a sentence: those that have frames, or their pieces for a vocoder."""
    if isinstance(model, HifiGan):
        return pieces(spoken)
    return [speech for speech in spoken if n_frames(speech)]


def gradient_probes(
    model: "Architecture", spoken: Sequence[Spoken], n_probes: int
) -> Iterator[dict[str, Tensor]]:
    """Gives gradients of all that is said, summed with random signs, for each sentence and probe.

    Nothing is dropped out. Parameters that no output depends on are left out.

    Args:
        model: The network.
        spoken: What `counted` gives.
        n_probes: How many sets of signs each gets.
    """
    parameters = {name: p for name, p in model.named_parameters() if p.requires_grad}
    generator = torch.Generator().manual_seed(SEED)
    for speech in spoken:
        with evaluating(model):
            outputs = said(model, speech)
        for probe in range(n_probes):
            gradients = torch.autograd.grad(
                outputs,
                list(parameters.values()),
                random_signs(outputs, generator),
                retain_graph=probe + 1 < n_probes,
                allow_unused=True,
            )
            yield {
                name: gradient
                for name, gradient in zip(parameters, gradients, strict=True)
                if gradient is not None
            }


def said(model: "Architecture", speech: Spoken) -> list[Tensor]:
    """Gives all that a network says of a sentence, with gradients.

    A vocoder's is the log-mel of its sound, not the sound itself, of the sentence's middle: see
    `sound_as_mel` for why.
    """
    with torch.enable_grad():
        if isinstance(model, HifiGan):
            return [sound_as_mel(model, speech)]
        out = follow(model, [_ordinary(speech)])
        if isinstance(out, Tacotron2Output):
            return [out.mel_postnet, torch.sigmoid(out.gate_logits)]
        return [out.mel_postnet, out.log_durations, out.pitch, out.energy]


def random_signs(outputs: Sequence[Tensor], generator: torch.Generator) -> list[Tensor]:
    """Draws 1 and -1 for every value, in standard deviations of each output and root of its size.

    What does not vary, such as the duration of one symbol alone, counts by its values.

    The square of a sum of values with these signs is, on average, the sum of their mean squares.
    """
    return [
        (torch.randint(0, 2, output.shape, generator=generator).to(output) * 2 - 1)
        / (_deviation(output.detach()) * output.numel() ** 0.5)
        for output in outputs
    ]


def _deviation(output: Tensor) -> Tensor:
    """Gives the standard deviation of values; 1 where they do not vary."""
    if output.numel() == 1:
        return output.new_ones(())
    found = output.std()
    return torch.where(found < NO_SPREAD, 1.0, found)


class _Ordinary:
    """Speech whose tensors a gradient may pass, made where none was to be taken."""

    def __init__(self, speech: Spoken) -> None:
        self.ids = speech.ids.clone()
        self.mel = speech.mel.clone()
        self.durations = None if speech.durations is None else speech.durations.clone()


def _ordinary(speech: Spoken) -> Spoken:
    return _Ordinary(speech)
