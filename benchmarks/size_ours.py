"""What `size.py` calls ours: rate-aware quantization, coded in a .ttsz."""

import copy
import functools
import tempfile
from collections.abc import Mapping
from pathlib import Path

from size_contenders import Coded, Contender
from size_subjects import Subject

from tts_compress import artifact
from tts_compress.methods import METHODS
from tts_compress.methods.base import Context

RATE_WEIGHTS = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1, 1.0)


def rate_aware(subject: Subject, setting: Mapping[str, float]) -> Coded:
    """Quantizes a network in one stage, after training, and reads the file that holds it."""
    stage = METHODS["rate_aware"].model_validate({"method": "rate_aware", **setting})
    dense = functools.partial(copy.deepcopy, subject.dense)
    context = Context(subject.memory, load_dense=dense, say=subject.calibration)
    model = copy.deepcopy(subject.dense)
    changes = stage(model, context)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.ttsz"
        saved = artifact.save(path, model, changes, quantized=context.quantized)
        return saved.n_bytes, artifact.load_model(path)


OURS = [Contender("ours", rate_aware, [{"rate_weight": weight} for weight in RATE_WEIGHTS])]
