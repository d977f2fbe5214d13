import argparse
import collections
import contextlib
import gzip
import os
import pickle
import re
import struct
import warnings
import zipfile

import numpy as np
import pytest
import safetensors.torch
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn

from tts_compress.architectures import reading
from tts_compress.architectures.reading import read_checkpoint, read_tensors
from tts_compress.errors import CheckpointError

TENSORS = {"a.weight": torch.arange(6.0).view(2, 3), "a.bias": torch.tensor([0.5, -1.0])}


def save(path, contents, legacy=False):
    torch.save(contents, path, _use_new_zipfile_serialization=not legacy)
    return path


def same(read, written=TENSORS):
    assert sorted(read) == sorted(written)
    assert all(torch.equal(read[name], written[name]) for name in written)


def refused(path, message):
    with pytest.raises(CheckpointError, match=message) as caught:
        read_tensors(path)
    assert str(caught.value).startswith(f"{path}: ")


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("wrapper", [None, "state_dict", "model", "generator"])
def test_every_dialect(tmp_path, legacy, zipped, wrapper):
    named = {f"module.{name}": tensor for name, tensor in TENSORS.items()}
    contents = {wrapper: named, "iteration": 3, "optimizer": {}} if wrapper else named
    path = save(tmp_path / "generator_v2", contents, legacy)
    if zipped:
        path.write_bytes(gzip.compress(path.read_bytes()))
    same(read_tensors(path))


@pytest.mark.parametrize("zipped", [False, True])
def test_safetensors(tmp_path, zipped):  # its header is 128 bytes long, which looks like a pickle
    contents = safetensors.torch.save(TENSORS)
    path = tmp_path / "weights.safetensors"
    path.write_bytes(gzip.compress(contents) if zipped else contents)
    same(read_tensors(path))


def test_a_prefix_that_only_some_names_have_stays(tmp_path):
    named = {"module.a": torch.ones(2), "b": torch.ones(2)}
    same(read_tensors(save(tmp_path / "x.pt", named)), named)


@pytest.mark.parametrize("legacy", [False, True])
def test_numpy_values_of_an_optimizer_are_passed_over(tmp_path, legacy):
    optimizer = {"lr": np.float64(1e-3), "history": np.arange(3.0)}
    contents = {"model": TENSORS, "optimizer": optimizer}
    same(read_tensors(save(tmp_path / "900000.pth.tar", contents, legacy)))


class Trap:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("legacy", [False, True])
def test_code_is_not_run(tmp_path, legacy):
    sprung = tmp_path / "sprung"
    path = save(tmp_path / "x.pt", {"state_dict": TENSORS, "extra": Trap(sprung)}, legacy)
    refused(path, r"holds code, which is never run, got '(posix|nt).mkdir'.*torch.save\(")
    assert not sprung.exists()


@pytest.mark.parametrize("protocol", range(6))
def test_code_in_a_plain_pickle_is_not_run(tmp_path, protocol):
    path = tmp_path / "x.pt"
    path.write_bytes(pickle.dumps(Trap(tmp_path / "sprung"), protocol=protocol))
    refused(path, "holds code|not written by torch.save|no checkpoint")
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("value", [argparse.Namespace(n_mels=80), nn.Linear(2, 2)])
def test_objects_are_code(tmp_path, value):
    name = f"{type(value).__module__}.{type(value).__qualname__}"
    refused(save(tmp_path / "x.pt", value), f"holds code.* got {name!r}")


def test_torchscript_is_code(tmp_path):
    path = tmp_path / "x.pt"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.script(nn.Linear(2, 2)).save(str(path))
    refused(path, "holds code.* got 'TorchScript'")


def test_missing_empty_and_foreign_files(tmp_path):
    path = tmp_path / "x.pt"
    refused(path, "no such file. Check the path")
    path.write_bytes(b"")
    refused(path, "empty file. Copy or download it again")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(40))
    refused(path, "no checkpoint, starts with b'.x89PNG.*Give what torch.save wrote")
    path.write_bytes(b"version https://git-lfs.github.com/spec/v1\n")
    refused(path, "no checkpoint, starts with b'version https://")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("word/document.xml", "text")
    refused(path, "truncated, damaged, or not written by torch.save")
    path.write_bytes(pickle.dumps([1], protocol=2))
    refused(path, r"not written by torch.save \(Invalid magic number")


@pytest.mark.parametrize("keep", [0.1, 0.5, 0.95])
@pytest.mark.parametrize("kind", ["zip", "legacy", "safetensors", "gzip"])
def test_truncated_files(tmp_path, kind, keep):
    path = save(tmp_path / "x", {"state_dict": TENSORS}, legacy=kind == "legacy")
    contents = path.read_bytes()
    if kind == "safetensors":
        contents = safetensors.torch.save(TENSORS)
    elif kind == "gzip":
        contents = gzip.compress(contents)
    path.write_bytes(contents[: int(keep * len(contents))])
    refused(path, "truncated, damaged|damaged (gzip|safetensors) file|safetensors header of")


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    kind=st.sampled_from(["zip", "legacy", "safetensors"]),
    where=st.floats(0, 1, exclude_max=True),
    value=st.integers(0, 255),
)
def test_one_wrong_byte_is_read_or_refused(tmp_path, kind, where, value):
    path = save(tmp_path / "x", TENSORS, legacy=kind == "legacy")
    contents = bytearray(safetensors.torch.save(TENSORS))
    if kind != "safetensors":
        contents = bytearray(path.read_bytes())
    contents[int(where * len(contents))] = value
    path.write_bytes(contents)
    with contextlib.suppress(CheckpointError):
        read_tensors(path)


@pytest.mark.parametrize(
    ("contents", "held"),
    [
        ({"mpd": {"a": torch.ones(1)}, "msd": {}, "optim_g": {}}, "'mpd', 'msd', 'optim_g'"),
        ({"state": {0: {"step": torch.ones(1)}}, "param_groups": []}, "'state', 'param_groups'"),
        ({"state_dict": {}}, "'state_dict'"),
        ({0: torch.ones(1)}, "0"),
        ({}, "nothing"),
        ([torch.ones(1)], "one list"),
        (torch.ones(1), "one Tensor"),
    ],
)
def test_no_network_inside(tmp_path, contents, held):
    path = save(tmp_path / "x.pt", contents)
    refused(path, f"no tensors of a network, got {held}. Known: a state dict, alone or under")


@pytest.mark.parametrize(
    "tensor",
    [
        torch.zeros(1).expand(1000),
        torch.zeros(4, device="meta"),
        torch.eye(3).to_sparse(),
    ],
    ids=["expanded", "meta", "sparse"],
)
def test_a_tensor_that_is_not_all_in_the_file(tmp_path, tensor):
    shape = re.escape(repr(tuple(tensor.shape)))
    path = save(tmp_path / "x.pt", {"a": tensor})
    refused(path, f"'a' is no plain tensor, got .* of shape {shape}. Save it dense")


def test_sizes_are_checked_before_reading(tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "MAX_BYTES", 2**16)
    path = tmp_path / "x.pt"
    path.write_bytes(gzip.compress(bytes(2**20)))
    refused(path, "would unpack to more than .* GiB. Give the weights alone")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x/data.pkl", bytes(2**20))
    refused(path, "would unpack to more than")
    path.write_bytes(bytes(2**16 + 1))
    refused(path, "would have more than")
    shared = torch.zeros(2**10)
    save(path, {str(number): shared for number in range(20)})
    refused(path, "would hold more than")


def test_a_safetensors_header_must_fit_the_file(tmp_path):
    path = tmp_path / "x.safetensors"
    path.write_bytes(struct.pack("<Q", 2**60) + b"{" + bytes(30))
    refused(path, f"safetensors header of {2**60} bytes in a file of 39")


def test_settings_beside_safetensors(tmp_path):
    path = tmp_path / "x.safetensors"
    for kept, own in (({"tts_compress_settings": '{"n": 1}'}, {"n": 1}), ({"x": "y"}, None)):
        path.write_bytes(safetensors.torch.save(TENSORS, kept))
        tensors, found = read_checkpoint(path)
        assert (tensors.keys(), found) == (TENSORS.keys(), own)
    for text in ("{", "[" * 10_000):
        path.write_bytes(safetensors.torch.save(TENSORS, {"tts_compress_settings": text}))
        refused(path, "damaged safetensors file")


def test_ordered_and_plain_dicts_are_alike(tmp_path):
    same(read_tensors(save(tmp_path / "x.pt", collections.OrderedDict(TENSORS))))
