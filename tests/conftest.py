import pytest
import torch
from hypothesis import settings

from tests.networks import GOLDEN

settings.register_profile("shared machine", deadline=None)
settings.load_profile("shared machine")
torch.set_num_threads(1)  # of each process; more would get in the way of those beside it

pytest_plugins = ["tests.browser"]

RECIPE = """
name: {name}
model: {model}
stages:
  - method: magnitude
    include: [{include}]
evaluate:
  sentences: sentences.txt
sweep:
  stages.0.sparsity: [{sparsities}]
"""


@pytest.fixture
def write_recipe(tmp_path):
    """Writes a recipe on a tiny golden checkpoint and gives its path."""

    def write(
        model="fastspeech2_tiny.pth.tar",
        name="tiny",
        include="attention",
        sparsities="0.2, 0.6, 0.9",
        sentences="Hello there.\nHow are you?\n",
    ):
        (tmp_path / "sentences.txt").write_text(sentences)
        path = tmp_path / f"{name}.yaml"
        path.write_text(
            RECIPE.format(name=name, model=GOLDEN / model, include=include, sparsities=sparsities)
        )
        return path

    return write
