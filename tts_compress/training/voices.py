"""A trained network as a voice folder with its card."""

import json
from pathlib import Path

from torch import nn

from tts_compress.architectures.checkpoints import save_voice
from tts_compress.audio.mel import HOP_LENGTH, N_FFT, N_MELS, SAMPLE_RATE
from tts_compress.metrics.cost import n_parameters

AUDIO = {
    "sample_rate": SAMPLE_RATE,
    "n_fft": N_FFT,
    "hop_length": HOP_LENGTH,
    "n_mels": N_MELS,
}
SYMBOLS = {"tacotron2": "NVIDIA/tacotron2", "fastspeech2": "ming024/FastSpeech2"}
CARD = """# {name}

A {architecture} of {parameters:,} parameters, trained from random weights by `tts-compress train`
({steps:,} steps, {minutes:.0f} minutes of computing) on the corpus described below. The weights
are stored in float16. `training.jsonl` has the validation losses of its training; the last line:

```
{last}
```

{corpus}"""


def write_voice(folder: Path, model: nn.Module, training: Path, corpus: Path) -> None:
    """Writes a voice folder from a finished training.

    Args:
        folder: Such as ``models/<name>``; its files are replaced.
        model: The trained network, of one of our architectures.
        training: Folder of the training, with its ``log.jsonl``.
        corpus: Folder of the corpus, whose ``CARD.md`` becomes part of the voice's.
    """
    architecture = str(model.architecture)
    log = (training / "log.jsonl").read_text(encoding="utf-8")
    last = json.loads(log.splitlines()[-1])
    card = corpus / "CARD.md"
    text = CARD.format(
        name=folder.name,
        architecture=architecture,
        parameters=n_parameters(model),
        steps=last["step"],
        minutes=last["minutes"],
        last=json.dumps(last),
        corpus=card.read_text(encoding="utf-8") if card.exists() else "The corpus has no card.\n",
    )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "training.jsonl").write_text(log, encoding="utf-8")
    (folder / "CARD.md").write_text(text, encoding="utf-8")
    front_end = {"language": "en", "symbols": SYMBOLS[architecture]}
    save_voice(folder, model, text=front_end, extra={"audio": AUDIO})
