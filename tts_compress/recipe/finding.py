"""The files that a recipe names, with the hashes that tell one content from another."""

import hashlib

from tts_compress.errors import RecipeError
from tts_compress.recipe.forms import CheckpointForm, TrainingForm
from tts_compress.recipe.runs import Checkpoint, Training
from tts_compress.yaml_file import YamlFile, read_text


def checkpoint(file: YamlFile, form: CheckpointForm, *keys: str) -> Checkpoint:
    """Finds a checkpoint and takes the hash of what it holds."""
    from tts_compress.architectures.checkpoints import content_hash

    path = file.find(form.path, keys)
    if path.is_dir() and not (path / "model.safetensors").is_file():
        raise file.error(
            keys,
            f"no model.safetensors in this folder, got {form.path!r}. Give a voice or a file.",
        )
    config = tuple(file.find(name, (*keys, "config")) for name in form.config)
    return Checkpoint(
        path=path,
        config=config,
        architecture=form.architecture,
        sha256=tuple(content_hash(found) for found in (path, *config)),
    )


def training(file: YamlFile, form: TrainingForm) -> Training:
    """Finds the texts or the corpus, whose sound is too much to read for a hash."""
    if form.corpus is None:
        texts = sentences(file, form.text or "", "training")
        return Training(texts=texts, sha256=(_hash("\n".join(texts).encode()),))
    corpus = file.find(form.corpus, ("training", "corpus"))
    metadata = corpus / "metadata.csv"
    if not metadata.is_file():
        raise file.error(
            ("training", "corpus"),
            f"no metadata.csv in this folder, got {form.corpus!r}. "
            "A corpus has wavs/, metadata.csv and alignments/.",
        )
    found = sorted(p for part in ("wavs", "alignments") for p in (corpus / part).glob("*"))
    sizes = "".join(f"{p.relative_to(corpus).as_posix()} {p.stat().st_size}\n" for p in found)
    return Training(corpus=corpus, sha256=(_hash(metadata.read_bytes()), _hash(sizes.encode())))


def sentences(file: YamlFile, given: str, *keys: str) -> tuple[str, ...]:
    """Reads a text file of sentences, one a line.

    Raises:
        RecipeError: There is no such file, or it holds none.
    """
    path = file.find(given, keys)
    if path.is_dir():
        raise file.error(keys, f"must be a text file, got the folder {given!r}. Name a file in it.")
    lines = [" ".join(line.split()) for line in read_text(path).splitlines()]
    found = tuple(line for line in lines if line)
    if not found:
        raise RecipeError(f"{path}: holds no sentences. Write one a line.")
    return found


def _hash(contents: bytes) -> str:
    return hashlib.sha256(contents).hexdigest()
