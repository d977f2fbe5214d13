"""Peak memory and time of a magnitude run of a full-size Tacotron2 (28,193,153 parameters).

    python benchmarks/memory.py

The checkpoint has random weights; one sentence is spoken and nobody listens. Peaks are of the whole
process, less what the interpreter with torch loaded takes.
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

RECIPE = """
model: full.pt
stages: [{method: magnitude, include: [rnn, cnn], scope: global, sparsity: 0.4}]
evaluate: {sentences: sentences.txt, recognizer: none}
"""


def measure(folder: Path) -> None:
    import torch

    torch.set_num_threads(1)
    from tts_compress.metrics.cost import peak_rss_bytes

    before = peak_rss_bytes()
    from tts_compress.architectures.checkpoints import load_model
    from tts_compress.methods.base import Context, Memory
    from tts_compress.pipeline import execute
    from tts_compress.recipe import load

    recipe = load(folder / "recipe.yaml")
    dense, pruned = recipe.runs
    context = Context()
    seconds = {}
    started = time.perf_counter()
    model = load_model(dense.model.path)
    seconds["load"] = time.perf_counter() - started
    for name in ("first prune (hash, sort, prune)", "another prune (hash, prune)"):
        started = time.perf_counter()
        pruned.stages[0](model, context)
        seconds[name] = time.perf_counter() - started
        model = load_model(dense.model.path)
    del model
    for run, reference in ((dense, None), (pruned, folder / "dense" / "mels.safetensors")):
        started = time.perf_counter()
        (folder / run.name.split()[0]).mkdir()
        execute(run, folder / run.name.split()[0], Memory(), reference, "cpu")
        seconds[f"{run.name} run"] = time.perf_counter() - started
    print(json.dumps([before, peak_rss_bytes(), seconds]))


def main() -> None:
    if len(sys.argv) > 1:
        measure(Path(sys.argv[1]))
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "recipe.yaml").write_text(RECIPE)
        (folder / "sentences.txt").write_text("The old lighthouse keeper poured a cup of tea.\n")
        code = (
            "import sys, torch; from tts_compress.architectures.tacotron2 import Tacotron2\n"
            "torch.manual_seed(0)\n"
            "torch.save({'state_dict': Tacotron2().state_dict()}, sys.argv[1])"
        )
        subprocess.run([sys.executable, "-c", code, str(folder / "full.pt")], check=True)
        command = [sys.executable, __file__, name]
        out = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    before, peak, seconds = json.loads(out.splitlines()[-1])
    print(f"interpreter with torch: {before / 2**20:.0f} MiB")
    print(f"peak above it: {(peak - before) / 2**20:.0f} MiB")
    for step, value in seconds.items():
        print(f"{step}: {value:.2f} s")


if __name__ == "__main__":
    main()
