"""Codes tensors with NNCodec, the reference of ISO/IEC 15938-17, in an environment of its own.

    NNCODEC_ENV/bin/python benchmarks/nncodec_peer.py in.npz out.npz '{"qp": -20}'

Writes the decoded tensors and prints the size of the bitstream. `benchmarks/size.py` makes the
environment and calls this.
"""

import contextlib
import io
import json
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch

torch.set_num_threads(1)
# nncodec imports torchvision for its data sets only, whose compiled operators a torch for
# processors lacks; it stops unless these two are known.
lib = torch.library.Library("torchvision", "DEF")
for operator in ("nms", "qnms"):
    lib.define(f"{operator}(Tensor boxes, Tensor scores, float iou_threshold) -> Tensor")

from nncodec import nnc  # noqa: E402


def main(source: str, target: str, settings: str) -> None:
    tensors = dict(np.load(source))
    options = {"use_dq": True, "row_skipping": True, "param_opt": True, **json.loads(settings)}
    with contextlib.redirect_stdout(io.StringIO()), tempfile.TemporaryDirectory() as folder:
        coded = nnc.compress(
            tensors, bitstream_path=f"{folder}/nnc", return_bitstream=True, **options
        )
        decoded = nnc.decompress(coded)
    np.savez(target, **{name: decoded[name].reshape(t.shape) for name, t in tensors.items()})
    print(len(bytes(coded)))


if __name__ == "__main__":
    main(*(str(Path(path)) for path in sys.argv[1:3]), sys.argv[3])
