import json

import pytest
import torch

from tests.networks import golden_network
from tts_compress import artifact, container
from tts_compress.metrics.layers import coded_bytes, layers, stored_items, write_layers
from tts_compress.quantized import Uniform

RNN = "decoder.attention_rnn.weight_ih"
BIAS = "decoder.attention_rnn.bias_ih"


@pytest.fixture
def tacotron2():
    return golden_network("tacotron2")


def by_name(model, dense, coded=()):
    return {line["layer"]: line for line in layers(model, dense, dict(coded))}


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
    assert "gone" not in found
    assert [*found][:2] == [RNN, BIAS]
    assert found[RNN]["n_dense"] == 21
    assert not any("relative_error" in line for line in found.values())


def test_what_the_dense_network_lacks_comes_last_and_is_compared_with_nothing(tacotron2):
    dense = {RNN: tacotron2.state_dict()[RNN]}
    found = by_name(tacotron2, dense.items())
    assert set(found) == {name for name, _ in tacotron2.named_parameters()}
    assert [name for name, line in found.items() if "n_dense" in line] == [RNN]


def test_bits_per_weight_are_those_of_the_bytes_in_the_file(tacotron2):
    n_weights = tacotron2.get_parameter(RNN).numel()
    found = by_name(tacotron2, tacotron2.state_dict().items(), {RNN: n_weights / 2})
    assert found[RNN]["coded_bytes"] == n_weights / 2
    assert found[RNN]["bits_per_weight"] == 4
    assert "coded_bytes" not in found[BIAS]


def test_the_bytes_of_all_tensors_are_those_of_the_blocks(tacotron2, tmp_path):
    path = tmp_path / "model.ttsz"
    weight = tacotron2.get_parameter(RNN).data
    levels = (weight / 0.05).round().to(torch.int16)
    form = Uniform(levels, torch.tensor([[0.05]]))
    weight.copy_(form.dense())
    artifact.save(path, tacotron2, quantized={RNN: form})
    items = stored_items(path)
    assert torch.equal(items[RNN].form.levels, levels)
    assert items[BIAS].form is None
    assert "encoder.convolutions.0.1.num_batches_tracked" not in items
    coded = coded_bytes(path, items)
    contents = container.read(path)
    blocks = sum(contents.size(number) for number in range(len(contents.places)))
    assert coded.keys() == items.keys()
    assert sum(coded.values()) == pytest.approx(blocks)
    assert coded[RNN] < weight.numel()  # 8 bits
    assert coded[BIAS] < 4 * tacotron2.get_parameter(BIAS).numel()


def test_the_artifact_of_a_network_is_the_network(tacotron2, tmp_path):
    artifact.save(tmp_path / "a", tacotron2)
    tensors = artifact.tensors(tmp_path / "a")
    write_layers(tmp_path / "layers.jsonl", tacotron2, tensors, {})
    lines = [*map(json.loads, (tmp_path / "layers.jsonl").read_text().splitlines())]
    assert [line["layer"] for line in lines] == [name for name, _ in tacotron2.named_parameters()]
    assert {line.get("relative_error", 0) for line in lines} == {0}
