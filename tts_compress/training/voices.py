"""A trained network as a voice folder with its card."""

import json
from pathlib import Path

from torch import nn

from tts_compress.architectures.checkpoints import save_voice
from tts_compress.metrics.cost import n_parameters

CARD = """# {name}

A {architecture} of {parameters:,} parameters, trained from random weights by `tts-compress train`
({steps:,} steps, {minutes:.0f} minutes of computing) on the corpus described below. The weights are stored
in float16. `training.jsonl` has the validation losses of its training; the last line:

```
{last}
```

{corpus}"""


def write_voice(folder: Path, model: nn.Module, training: Path, corpus: Path) -> None:
    """Writes a voice folder from a finished training.

    Args:
        folder: Such as ``models/<name>``; its files are replaced.
        model: The trained network.
        training: Folder of the training, with its ``log.jsonl`` and ``settings.json``.
        corpus: Folder of the corpus, whose ``CARD.md`` becomes part of the voice's.
    """
    log = (training / "log.jsonl").read_text(encoding="utf-8")
    last = json.loads(log.splitlines()[-1])
    save_voice(folder, model)
    card = corpus / "CARD.md"
    text = CARD.format(
        name=folder.name,
        architecture=model.architecture,
        parameters=n_parameters(model),
        steps=last["step"],
        minutes=last["minutes"],
        last=json.dumps(last),
        corpus=card.read_text(encoding="utf-8") if card.exists() else "The corpus has no card.",
    )
    (folder / "training.jsonl").write_text(log, encoding="utf-8")
    (folder / "CARD.md").write_text(text, encoding="utf-8")
