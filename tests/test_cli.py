"""The command line as its user meets it: what it shows, and one clear line for each mistake."""

import os
import re
import signal
import subprocess
import sys
import time
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from tests.networks import GOLDEN, golden_network
from tts_compress import load_model
from tts_compress.artifact import pack_checkpoint, save
from tts_compress.cli import main
from tts_compress.container import Container
from tts_compress.methods import Uniform
from tts_compress.methods.base import Context
from tts_compress.training.textgrid import Interval, TextGrid, write_textgrid

FASTSPEECH2 = GOLDEN / "fastspeech2_tiny.pth.tar"
RECIPE = """\
model: {model}
stages:
  - {{method: magnitude, include: [attention]}}
evaluate: {{sentences: sentences.txt, recognizer: none}}
sweep: {{stages.0.sparsity: [{sparsities}]}}
"""


class Code:
    """Leaves a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (self.path, "w")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The current folder, with a good recipe, and files that are wrong in one way each."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sentences.txt").write_text("Hello there.\nHow are you?\n")
    good = RECIPE.format(model=FASTSPEECH2, sparsities="0.2, 0.6")
    changed = {
        "good": ("", ""),
        "wrong_architecture": (
            f"model: {FASTSPEECH2}",
            f"model: {{path: {FASTSPEECH2}, architecture: tacotron2}}",
        ),
        "unknown_key": ("include:", "inclde:"),
        "unknown_method": ("magnitude", "magnitud"),
        "too_sparse": ("0.2, 0.6", "0.2, 1.5"),
        "no_match": ("[attention]", "[atention]"),
        "no_calibration": (
            "method: magnitude, include: [attention]",
            "method: heads, score: taylor",
        ),
        "no_heads": ("method: magnitude, include: [attention]", "method: channels, include: [rnn]"),
        "no_voice": (str(FASTSPEECH2), "models/nobody"),
        "no_text": ("sentences.txt", "empty.txt"),
        "unspeakable": ("sentences.txt", "signs.txt"),
        "broken": (str(FASTSPEECH2), "broken.ttsz"),
        "reads_no_text": (str(FASTSPEECH2), str(GOLDEN / "hifigan_tiny.pth.tar")),
    }
    for name, (old, new) in changed.items():
        (tmp_path / f"{name}.yaml").write_text(good.replace(old, new) if old else good)
    (tmp_path / "search_vocoder.yaml").write_text(
        f"model: {GOLDEN / 'hifigan_tiny.pth.tar'}\nstages: []\n"
        "evaluate: {sentences: sentences.txt, recognizer: none}\n"
        "calibration: sentences.txt\nsearch: {target: {ratio: 9}}\n"
    )
    (tmp_path / "empty.txt").write_text("\n \n")
    (tmp_path / "signs.txt").write_text("Hello there.\n...\n")
    (tmp_path / "truncated.pt").write_bytes(FASTSPEECH2.read_bytes()[:50_000])
    tensors = load_model(FASTSPEECH2).state_dict()
    tensors["mel_linear.bias"] = torch.full_like(tensors["mel_linear.bias"], torch.nan)
    torch.save({"model": tensors}, tmp_path / "nan.pt")
    torch.save({"model": tensors, "extra": Code(str(tmp_path / "ran"))}, tmp_path / "code.pt")
    pack_checkpoint(tmp_path / "good.ttsz", FASTSPEECH2)
    packed = (tmp_path / "good.ttsz").read_bytes()
    (tmp_path / "broken.ttsz").write_bytes(packed[:100] + b"x" + packed[101:])
    (tmp_path / "no_results").mkdir()
    (tmp_path / "file").write_text("")
    return tmp_path


@pytest.fixture
def call(monkeypatch, capsys):
    """Runs the command line in this process: (exit code, stdout, stderr)."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["tts-compress", *map(str, arguments)])
        with warnings.catch_warnings():
            warnings.simplefilter("default")
            with pytest.raises(SystemExit) as stop:
                main()
        return stop.value.code or 0, *capsys.readouterr()

    return run


MISTAKES = {
    "inspect missing.pt": r"missing\.pt: no such file",
    "inspect no_results": r"no_results: no voice, which has config\.json",
    "inspect truncated.pt": r"truncated\.pt: truncated, damaged, or not written by torch\.save",
    "inspect nan.pt": r"nan\.pt: 'mel_linear\.bias' is not finite, got 80 NaN or infinite",
    "inspect code.pt": r"code\.pt: holds code, which is never run, got 'io\.open'",
    "inspect sentences.txt": r"sentences\.txt: no checkpoint, starts with b'Hello there",
    "synth FASTSPEECH2 {QQ1}": r"text: .*QQ1",
    "synth FASTSPEECH2 ''": r"text: nothing to speak, got ''",
    "synth HIFIGAN Hello.": r"hifigan: reads no text\. Use a tacotron2 or fastspeech2 checkpoint",
    "synth FASTSPEECH2 Hello. --vocoder FASTSPEECH2": r"wanted, 'hifigan', got 'fastspeech2'",
    "synth FASTSPEECH2 Hello. --out file": r"^file: File exists\. Check the path",
    "synth FASTSPEECH2 Hello. --out file/below": r"^file/below: Not a directory\. Check the p",
    "synth FASTSPEECH2 Hello. --device nonsense": r"device: cannot use 'nonsense' \(.*Use cpu\.$",
    "synth good.ttsz Hello. --keep int8 --device meta": r"int8: runs on the CPU alone, got 'meta'",
    "synth FASTSPEECH2 Hello. --config none.yaml": r"none\.yaml: no such file",
    "synth good.ttsz Hello. --config x.yaml": r"^good\.ttsz: has its own settings, got a config",
    "synth good.ttsz Hello. --config x.yaml --keep int8": r"^good\.ttsz: has its own settings, g",
    "pack good.ttsz --config x.yaml -o n.ttsz": r"^good\.ttsz: has its own settings, got a con",
    "synth FASTSPEECH2 Hello. --vocoder-config x.json": r"^--vocoder-config: needs a vocoder, got",
    "plan missing.yaml": r"missing\.yaml: no such file",
    "plan wrong_architecture.yaml": r"is wanted, 'tacotron2', got 'fastspeech2'",
    "plan unknown_key.yaml": r"\.yaml:3: stages\[0\]: .* 'inclde'\. Did you mean 'include'\?",
    "plan unknown_method.yaml": r"unknown method 'magnitud'\. Did you mean 'magnitude'\?",
    "plan too_sparse.yaml": r"\.yaml:5: sweep\.stages\.0\.sparsity\[1\]: .* 1, got 1\.5\.",
    "plan no_match.yaml": r"include \['atention'\] matches none .* Did you mean 'attention'\?",
    "plan no_heads.yaml": r"channels: include \['rnn'\] matches none of \d+ layers with channels\.",
    "plan no_calibration.yaml": r"\.yaml:3: stages\[0\]: heads needs 'calibration', got none\.",
    "plan no_text.yaml": r"empty\.txt: holds no sentences",
    "plan unspeakable.yaml": r"text: nothing to speak, got '\.\.\.'",
    "plan reads_no_text.yaml": r"hifigan_tiny\.pth\.tar: the model of a recipe must read text, "
    r"got a 'hifigan'\. .* be packed by 'tts-compress pack', and .* benchmarks/size\.py\.$",
    "search search_vocoder.yaml": r"the model of a recipe must read text, got a 'hifigan'\.",
    "search search_vocoder.yaml -o search_vocoder.yaml": r"^search_vocoder\.yaml: exists already",
    "run no_voice.yaml": r"\.yaml:1: model: no such file or folder, got 'models/nobody'",
    "run good.yaml missing.yaml": r"missing\.yaml: no such file",
    "run good.yaml --out file": r"^file/good: cannot write results, Not a directory\.",
    "inspect broken.ttsz": r"broken\.ttsz: truncated or altered, got a manifest of CRC-32",
    "plan broken.yaml": r"broken\.ttsz: truncated or altered, got a manifest of CRC-32",
    "pack missing.pt": r"missing\.pt: no such file",
    "pack nan.pt -o out.ttsz": r"nan\.pt: 'mel_linear\.bias' is not finite",
    "pack FASTSPEECH2 -o file": r"^file: exists already\. Name another file, or give --force\.$",
    "pack FASTSPEECH2 -o none/x.ttsz": r"^none/x\.ttsz: cannot be written, none is no folder",
    "pack FASTSPEECH2 -o no_results --force": r"^no_results: is a folder\. Name a file in it\.$",
    "pack truncated.pt -o truncated.pt --force": r"^truncated\.pt: is what would be read\.",
    "unpack good.ttsz -o ./good.ttsz --force": r"^good\.ttsz: is what would be read\. Name another",
    "unpack no_results -o out.pt": r"^no_results: is a folder\. Name a \.ttsz file\.$",
    "unpack missing.ttsz -o out.pt": r"missing\.ttsz: no such file",
    "unpack broken.ttsz -o out.pt": r"broken\.ttsz: truncated or altered",
    "unpack FASTSPEECH2 -o out.pt": r"fastspeech2_tiny\.pth\.tar: no \.ttsz file, starts with",
    "unpack good.ttsz -o out.onnx": r"out\.onnx: no known kind of checkpoint by its name",
    "unpack good.ttsz -o file": r"^file: exists already",
    "table no_results": r"no_results: no results, recipe\.json is missing",
    "pareto no_results -o docs/pareto": r"no_results: no results, recipe\.json is missing",
    "train nonsense corpus -o out": r"architecture: unknown, got 'nonsense'\. Known: fastsp",
    "train tacotron2 corpus -o out --size ful": r"got 'ful'\. Did you mean 'full'\?",
    "train tacotron2 no_results -o out": r"no_results: no metadata\.csv",
}


@pytest.mark.parametrize(("line", "message"), MISTAKES.items(), ids=MISTAKES)
def test_a_mistake_is_one_line_and_exit_code_2(folder, call, line, message):
    if line.startswith("train"):
        pytest.importorskip("pyworld")
    places = {"FASTSPEECH2": FASTSPEECH2, "HIFIGAN": GOLDEN / "hifigan_tiny.pth.tar", "''": ""}
    code, out, err = call(*(places.get(word, word) for word in line.split()))
    assert code == 2
    assert out == ""
    assert re.search(message, err.rstrip("\n")), err
    assert err.count("\n") == 1
    assert not (folder / "ran").exists()


def test_a_folder_that_may_not_be_written_is_one_line(folder, call, monkeypatch):
    def refused(path, *_, **__):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "mkdir", refused)
    code, _, err = call("synth", FASTSPEECH2, "How are you?", "--out", "locked")
    assert (code, err) == (
        2,
        "locked: Permission denied. Check the path, or choose another.\n",
    )


def test_a_corpus_of_another_rate_is_one_line(folder, call):
    pytest.importorskip("pyworld")
    corpus = folder / "corpus"
    for name in ("wavs", "alignments"):
        (corpus / name).mkdir(parents=True)
    (corpus / "metadata.csv").write_text("a|Hi.|Hi.\n")
    soundfile.write(corpus / "wavs" / "a.wav", np.zeros(16_000), 16_000)
    phones = (Interval(0.0, 0.5, "HH"), Interval(0.5, 1.0, "AY1"))
    grid = TextGrid((Interval(0.0, 1.0, "hi"),), phones)
    write_textgrid(corpus / "alignments" / "a.TextGrid", grid)
    code, _, err = call("train", "tacotron2", "corpus", "-o", "out")
    assert code == 2
    assert err.startswith("corpus/wavs/a.wav: sample rate must be 22050 Hz, got 16000 Hz. Convert")
    assert err.count("\n") == 1


def test_what_the_command_line_lacks_is_said_with_its_usage(call):
    for arguments in (["nonsense"], ["synth"], ["run"], ["run", "a.yaml", "--jobs", "0"]):
        code, out, err = call(*arguments)
        assert (code, out) == (2, "")
        assert "Usage: tts-compress" in err
        assert "Traceback" not in err


def test_version(call):
    code, out, _ = call("--version")
    assert code == 0
    assert re.fullmatch(r"tts-compress \d+\.\d+\.\d+\n", out)


NEEDS = {
    "plan": ("recipes", "Recipe files."),
    "run": ("recipes", "--out", "--jobs", "--limit", "--device"),
    "search": ("recipe", "--out", "--device"),
    "synth": ("checkpoint", "text", "--out", "--config", "--vocoder", "--seed"),
    "inspect": ("checkpoint", "--config", "--couplings", "Voice folder, .ttsz file or"),
    "pack": ("checkpoint", "--out", "--config", "--force"),
    "unpack": ("file", "--out", "--force", ".safetensors"),
    "table": ("runs", "Results of one recipe"),
    "pareto": ("runs", "--out", "Results of recipes"),
    "corpus": ("out", "--voice", "--utterances"),
    "train": ("architecture", "corpus", "--out", "--voice", "--size"),
}


@pytest.mark.parametrize("command", NEEDS)
def test_help_says_what_each_command_needs(call, command):
    code, out, _ = call(command, "--help")
    assert code == 0
    for need in NEEDS[command]:
        assert need in out


COMMANDS = ["plan", "run", "search", "synth", "inspect", "pack", "unpack"]
COMMANDS += ["table", "pareto", "report", "corpus", "train", "listen"]


def test_help_lists_every_command(call):
    _, out, _ = call("--help")
    listed = re.findall(r"│ (\w+) +\w", out[out.index("Commands") :])
    assert listed == COMMANDS


def test_inspect_counts_and_fits_a_terminal(call, tmp_path):
    tensors = torch.load(GOLDEN / "tacotron2_tiny.pt", weights_only=True)["state_dict"]
    tensors["decoder.decoder_rnn.weight_hh"][:96] = 0
    torch.save({"state_dict": tensors}, tmp_path / "pruned.pt")
    code, out, _ = call("inspect", tmp_path / "pruned.pt")
    assert code == 0
    lines = out.splitlines()
    assert max(len(line.rstrip()) for line in lines[1:]) <= 80
    table = re.sub(r"\.( [^\n]*)\n +(\S+) *\n", r".\2\1\n", out)  # names of two lines
    row = r"decoder\.decoder_rnn\.weight_hh +decoder rnn +192x48 +9,216 +50\.0 %"
    assert re.search(row, table)
    # encoder 2 * (64 * 32 + 64 * 16), attention 160 * (48 + 40), decoder 192 * (72 + 48)
    assert re.search(r"rnn +8 +43,264 +\d", out)
    values = [t for name, t in tensors.items() if not name.endswith(("_mean", "_var", "_tracked"))]
    n_weights = sum(t.numel() for t in values)
    n_nonzero = sum(int(t.count_nonzero()) for t in values)
    assert f"{n_weights:,} parameters, {n_nonzero:,} of them not zero" in lines[-1]
    floats = sum(t.numel() for t in tensors.values() if t.is_floating_point())
    assert lines[-1].endswith(f"{4 * floats:,} bytes in float32")


def test_inspect_shows_what_belongs_together(call):
    code, out, err = call("inspect", GOLDEN / "tacotron2_tiny.pt", "--couplings")
    assert (code, err) == (0, "")
    assert max(len(line) for line in out.splitlines()[1:]) <= 80
    # 160 rows of 4 gates of 40 units; 4 x 64 inputs, 4 x 40 states, 8 biases; the column of 160
    # states without the 4 counted; the query's 12 rows, and 4 x 48 of the decoder's gates
    settings = golden_network("tacotron2").settings
    inputs = settings.prenet_units[-1] + sum(settings.encoder_lstm_units)
    unit = 4 * (inputs + 40) + 8 + 160 - 4 + settings.attention_dim + 4 * 48
    assert re.search(rf"(?m)^decoder\.attention_rnn +units +40 +{unit:,}$", out)
    assert re.search(r"  cannot leave: symbols are what the network reads\n", out)
    assert re.search(r"couplings with [\d,]+ units that can leave, and \d+ whose units cannot", out)


def test_a_packed_file_that_is_packed_again_is_as_large(folder, call):
    n_bytes = f"{(folder / 'good.ttsz').stat().st_size:,}"
    code, out, _ = call("pack", "good.ttsz", "-o", "again.ttsz")
    assert (code, out) == (
        0,
        f"again.ttsz  {n_bytes} bytes, as many as good.ttsz of {n_bytes}\n",
    )


@pytest.mark.skipif(os.geteuid() == 0, reason="all folders may be written by root")
def test_a_read_only_folder_is_no_place_for_a_file(folder, call):
    (folder / "no_results").chmod(0o500)
    code, _, err = call("pack", "good.ttsz", "-o", "no_results/x.ttsz")
    message = "no_results/x.ttsz: cannot be written, no_results is read-only. Name another.\n"
    assert (code, err) == (2, message)


@pytest.mark.parametrize("suffix", [".safetensors", ".pt", ".pth.tar", ".pth.tar.gz"])
def test_what_is_packed_and_unpacked_is_the_same(folder, call, suffix):
    code, out, err = call("pack", FASTSPEECH2)
    packed = folder / "fastspeech2_tiny.ttsz"
    before, after = FASTSPEECH2.stat().st_size, packed.stat().st_size
    assert (code, err) == (0, "")
    assert re.match(
        rf"fastspeech2_tiny\.ttsz  {after:,} bytes, {before / after:.2f} times smaller than /.*"
        rf"fastspeech2_tiny\.pth\.tar of {before:,}\n$",
        out,
    )
    assert call("unpack", packed, "-o", f"out{suffix}")[0] == 0
    networks = [load_model(path) for path in (FASTSPEECH2, packed, f"out{suffix}")]
    dense, *others = (network.state_dict() for network in networks)
    for other in others:
        assert dense.keys() == other.keys()
        assert all(torch.equal(dense[name], tensor) for name, tensor in other.items())
    assert all(network.settings == networks[0].settings for network in networks)
    assert call("unpack", packed, "-o", f"out{suffix}", "--force")[0] == 0


def test_inspect_shows_how_a_file_holds_a_network_and_what_was_done(call, tmp_path):
    path, model = tmp_path / "small.ttsz", golden_network("tacotron2")
    stages = [{"label": "magnitude 40 %", "method": "magnitude", "sparsity": 0.4}]
    artifact = save(path, model, history=stages)
    code, out, _ = call("inspect", path)
    assert code == 0
    lines = out.splitlines()
    assert max(len(line.rstrip()) for line in lines[1:-3]) <= 80
    n_weights = sum(parameter.numel() for parameter in model.parameters())
    assert lines[-3:] == [
        "1. magnitude 40 % (method: magnitude, sparsity: 0.4)",
        f"A tacotron2 of {n_weights:,} weights, compressed: magnitude 40 %.",
        f"{path.stat().st_size:,} bytes in this file",
    ]
    number, _ = artifact.manifest["tensors"]["decoder.decoder_rnn.weight_hh"]
    bits = 8 * artifact.manifest["blocks"][number][0] / (192 * 48)
    table = re.sub(r"\.( [^\n]*)\n +(\S+) *\n", r".\2\1\n", out)  # names of two lines
    assert re.search(rf"decoder\.decoder_rnn\.weight_hh +float +{number} +{bits:.2f}\n", table)


@pytest.mark.usefixtures("hasty")
def test_a_packed_network_and_vocoder_speak_as_the_checkpoints(folder, call):
    vocoder, config = GOLDEN / "hifigan_tiny.pth.tar", GOLDEN / "hifigan_tiny_config.json"
    assert call("pack", vocoder, "--config", config, "-o", "v.ttsz")[0] == 0
    given = ("--vocoder", vocoder, "--vocoder-config", config)
    assert call("synth", FASTSPEECH2, "How are you?", "-o", "one", *given)[0] == 0
    assert call("synth", "good.ttsz", "How are you?", "-o", "two", "--vocoder", "v.ttsz")[0] == 0
    one, two = ((folder / name / "001.wav").read_bytes() for name in ("one", "two"))
    assert one == two


def test_a_packed_network_is_the_model_of_a_recipe(folder, call):
    text = (folder / "good.yaml").read_text().replace(str(FASTSPEECH2), "good.ttsz")
    (folder / "packed.yaml").write_text(text)
    for command in ("plan", "run"):
        code, out, err = call(command, "packed.yaml")
        assert (code, err) == (0, ""), err
        assert "magnitude 60 %" in out


@pytest.fixture
def hasty(monkeypatch):
    """Lets the tiny network, which has about one frame a symbol, pass for speaking."""
    monkeypatch.setattr("tts_compress.synthesis.SHORTEST_PHONE", 1)


@pytest.mark.usefixtures("hasty")
def test_synth_writes_wavs_and_says_what_failed(folder, call, monkeypatch):
    monkeypatch.setenv("COLUMNS", "30")
    text = ["Hello [red] there.", "How are you?"]
    code, out, err = call("synth", FASTSPEECH2, *text, "--out", "spoken")
    assert code == 0
    assert err == "'Hello [red] there.': almost no frames\n"
    assert out == "spoken/002.wav  0.10 s  'How are you?'\n"
    assert [path.name for path in (folder / "spoken").iterdir()] == ["002.wav"]
    samples, rate = soundfile.read(folder / "spoken" / "002.wav")
    assert (len(samples), rate) == (8 * 256, 22050)


@pytest.mark.usefixtures("hasty")
def test_synth_speaks_with_a_vocoder(folder, call):
    vocoder = ["--vocoder", GOLDEN / "hifigan_tiny.pth.tar"]
    config = ["--vocoder-config", GOLDEN / "hifigan_tiny_config.json"]
    code, _, _ = call("synth", FASTSPEECH2, "How are you?", *vocoder, *config)
    assert code == 0
    assert soundfile.info(folder / "001.wav").frames == 9 * 256


@pytest.mark.usefixtures("hasty")
def test_synth_says_which_layers_keep_their_8_bits(folder, call, monkeypatch):
    model, context = load_model(FASTSPEECH2), Context()
    Uniform(bits=8)(model, context)
    save("8_bits.ttsz", model, quantized=context.quantized)
    read, block = [], Container.block
    monkeypatch.setattr(Container, "block", lambda *given: read.append(given[1]) or block(*given))
    code, out, _ = call("synth", "8_bits.ttsz", "How are you?", "--keep", "int8")
    lines = out.splitlines()
    assert (code, lines[0]) == (0, "8_bits.ttsz:")
    assert re.match(r"  +3 layers, [\d,]+ weights in float32 \(no int8 kernel\): ", lines[1])
    assert re.match(r" +\d+ layers, [\d,]+ weights in float32 \(too small to be fa", lines[2])
    assert lines[3:] == ["001.wav  0.10 s  'How are you?'"]
    assert max(Counter(read).values()) == 1
    given = ("--vocoder", GOLDEN / "hifigan_tiny.pth.tar")
    config = ("--vocoder-config", GOLDEN / "hifigan_tiny_config.json")
    code, out, _ = call("synth", "good.ttsz", "How are you?", "--keep", "int8", *given, *config)
    assert code == 0
    nothing = "runs in float32, since no layer has uniform weights of 8 bits or fewer with"
    assert out.startswith(f"good.ttsz: {nothing}")
    assert f"\n{given[1]}: {nothing}" in out


@pytest.mark.usefixtures("hasty")
def test_a_warning_of_ours_is_one_line(folder, call):
    code, _, err = call("synth", FASTSPEECH2, "How are you \N{GRINNING FACE}?", "-o", "spoken")
    assert code == 0
    assert err.startswith("text: left out '\N{GRINNING FACE}', which has no sound.")
    assert err.count("\n") == 1


def test_what_every_run_warns_of_is_shown_once(folder, call):
    (folder / "sentences.txt").write_text("How are you \N{GRINNING FACE}?\n")
    code, _, err = call("run", "good.yaml")
    assert code == 0
    assert err.startswith("text: left out '\N{GRINNING FACE}', which has no sound.")
    assert err.count("\n") == 1


def test_a_search_needs_a_target(folder, call):
    code, _, err = call("search", "good.yaml")
    assert code == 2
    assert err.startswith("good.yaml: must have a search, got none. Give it one, as 'search: {")


def test_a_run_that_fails_is_one_line_and_the_others_are_done(folder, call):
    text = (folder / "good.yaml").read_text()
    text = text.replace("stages.0.sparsity", "stages.0.include").replace(
        "0.2, 0.6", "[atention], [attention], [cn], [cnn]"
    )
    text = text.replace("include: [attention]", "sparsity: 0.5")
    (folder / "some.yaml").write_text(text)
    code, out, err = call("run", "some.yaml")
    assert code == 2
    assert re.match(
        r"runs/some/[0-9a-f]{12} \(magnitude 50 % \(0\.include=\['atention'\]\)\): "
        r"magnitude: include \['atention'\] matches none .* 1 more failed\.\n$",
        err,
    )
    assert len(list(folder.glob("runs/some/*/DONE"))) == 3
    for name in ("attention", "cnn"):
        assert f"(0.include=['{name}'])" in "".join(out.split())


def test_a_dense_run_that_fails_is_one_line(folder, call):
    text = (folder / "good.yaml").read_text().replace(str(FASTSPEECH2), "nan.pt")
    (folder / "nan.yaml").write_text(text)
    code, out, err = call("run", "nan.yaml", "--jobs", "1")
    assert code == 2
    assert re.search(r"^runs/nan/[0-9a-f]{12} \(dense\): .*nan\.pt: 'mel_linear\.bias' is not", err)
    assert err.count("\n") == 1
    assert "gzip" not in out


def test_a_run_of_a_vocoder_ends_before_anything_is_made(folder, call):
    code, _, err = call("run", "reads_no_text.yaml", "--jobs", "1")
    assert code == 2
    assert re.search(r" \(dense\): .*hifigan_tiny\.pth\.tar: the model of a recipe must read", err)
    assert err.count("\n") == 1
    assert [path.name for path in folder.glob("runs/reads_no_text/*/*")] == ["error.txt"]


def test_warnings_of_libraries_are_not_shown(call, monkeypatch):
    def load(*_):
        warnings.warn("of a library", UserWarning, stacklevel=1)
        raise SystemExit(0)

    monkeypatch.setattr("tts_compress.recipe.load", load)
    assert call("plan", "r.yaml") == (0, "", "")


def test_plan_shows_runs_and_what_they_select(folder, call):
    code, out, _ = call("plan", "good.yaml")
    assert code == 0
    # 4 layers of attention with 4 matrices of 32 x 32
    assert re.search(r"[0-9a-f]{12}  magnitude 20 % +16,384 +8\.2 %\n", out)
    assert re.search(r"[0-9a-f]{12}  magnitude 60 % +16,384 +8\.2 %\n", out)
    assert len(re.findall(r"attention +32x32 +1,024 +0\.0 %\n", out)) == 16
    assert "2 sentences, the first: 'Hello there.'" in out
    assert not (folder / "runs").exists()


def test_run_table_and_pareto_show_the_same_results(folder, call):
    code, out, err = call("run", "good.yaml", "--jobs", "1")
    assert (code, err) == (0, "")
    assert re.search(r"magnitude 60 %( +0\.\d\d)+ +\d\d\.\d % +\d", out)
    shown = out[out.index("run ") :]
    code, out, _ = call("table", "runs/good")
    assert code == 0
    assert out[out.index("run ") :] == shown
    assert out.endswith("runs/good/results.csv runs/good/sizes.png\n")
    code, out, err = call("pareto", "runs/good", "-o", "docs/pareto")
    assert (code, err) == (0, "")
    assert out.endswith("docs/pareto.md docs/pareto.csv docs/pareto.png\n")
    assert len((folder / "docs" / "pareto.csv").read_text().splitlines()) == 1 + 3
    assert (folder / "docs" / "pareto.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("everyone", [False, True], ids=["process", "terminal"])
def test_an_interrupt_is_one_line_and_keeps_what_is_done(folder, everyone):
    sparsities = ", ".join(f"{n / 100}" for n in range(80))
    (folder / "long.yaml").write_text(RECIPE.format(model=FASTSPEECH2, sparsities=sparsities))
    process = subprocess.Popen(
        [sys.executable, "-m", "tts_compress", "run", "long.yaml"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    deadline = time.monotonic() + 90
    while not list(folder.glob("runs/long/*/DONE")) and time.monotonic() < deadline:
        time.sleep(0.02)  # the dense run is done, and workers for the others are starting
    if everyone:
        os.killpg(process.pid, signal.SIGINT)
    else:
        process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (
        130,
        "Interrupted; what is done is kept. Run again to go on.\n",
    )
    assert 1 <= len(list(folder.glob("runs/long/*/DONE"))) < 81
    while time.monotonic() < deadline:  # its workers need a moment to end, but not a run
        try:
            os.killpg(process.pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.05)
    pytest.fail("processes of an interrupted sweep are still there")


STOPPED = """\
import pathlib, sys, time
from tts_compress.cli import main
pathlib.Path.replace = lambda *_: print("written", flush=True) or time.sleep(60)
main()
"""


@pytest.mark.parametrize(
    ("arguments", "before"),
    [
        (["pack", str(FASTSPEECH2), "-o"], None),
        (["unpack", "../good.ttsz", "-o"], b"what was there"),
    ],
    ids=["pack", "unpack"],
)
def test_an_interrupted_file_is_not_there(folder, arguments, before):
    """The interrupt comes when all is written beside the file, and is not yet in its place."""
    out = folder / "out" / "small.pt"
    out.parent.mkdir()
    if before:
        out.write_bytes(before)
    process = subprocess.Popen(
        [sys.executable, "-c", STOPPED, *arguments, out.name, "--force"],
        cwd=out.parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "written\n"
    partial = {path.name for path in out.parent.iterdir()} - {out.name}
    assert partial == {f".{process.pid}.{out.name}"}
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert err == "Interrupted; what is done is kept. Run again to go on.\n"
    assert [path.read_bytes() for path in out.parent.iterdir()] == [before] * bool(before)
