import json
from pathlib import Path

import pytest
import torch

from tts_compress import artifact, load_model
from tts_compress.metrics.layers import layers, write_layers

GOLDEN = Path(__file__).parents[1] / "golden"
RNN = "decoder.attention_rnn.weight_ih"
BIAS = "decoder.attention_rnn.bias_ih"


@pytest.fixture
def tacotron2():
    return load_model(GOLDEN / "tacotron2_tiny.pt")


def by_name(model, dense):
    return {line["layer"]: line for line in layers(model, dense)}


def test_by_hand(tacotron2):
    dense = {name: tensor.clone() for name, tensor in tacotron2.state_dict().items()}
    dense[RNN] = torch.zeros_like(dense[RNN])
    dense[RNN][0, :2] = torch.tensor([3.0, 4.0])
    weight = tacotron2.get_parameter(RNN).data
    weight.zero_()
    weight[0, 1] = 4
    found = by_name(tacotron2, dense.items())
    rows, columns = weight.shape
    assert found[RNN] == {
        "layer": RNN,
        "group": "rnn",
        "shape": [rows, columns],
        "n_weights": rows * columns,
        "n_zero": rows * columns - 1,
        "sparsity": 1 - 1 / (rows * columns),
        "relative_error": 3 / 5,
        "n_dense": rows * columns,
    }
    assert found[BIAS]["group"] == "rnn"
    assert found[BIAS]["relative_error"] == 0
    assert found["decoder.attention_layer.query_layer.linear_layer.weight"]["group"] == "attention"
    assert set(found) == {name for name, _ in tacotron2.named_parameters()}


def test_what_has_another_shape_or_was_all_zero_is_no_distance_away(tacotron2):
    own = tacotron2.state_dict()
    dense = {RNN: torch.ones(7, 3), BIAS: torch.zeros_like(own[BIAS]), "gone": torch.ones(2)}
    found = by_name(tacotron2, dense.items())
    assert set(found) == {RNN, BIAS}
    assert found[RNN]["n_dense"] == 21
    assert not any("relative_error" in line for line in found.values())


def test_the_artifact_of_a_network_is_the_network(tacotron2, tmp_path):
    artifact.save(tmp_path / "a", tacotron2, ())
    write_layers(tmp_path / "layers.jsonl", tacotron2, artifact.tensors(tmp_path / "a"))
    lines = [*map(json.loads, (tmp_path / "layers.jsonl").read_text().splitlines())]
    assert [line["layer"] for line in lines] == [name for name, _ in tacotron2.named_parameters()]
    assert {line.get("relative_error", 0) for line in lines} == {0}
