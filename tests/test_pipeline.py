"""What one run leaves, of tiny networks, counted by hand where that can be."""

import gzip
import io
import json
import math
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import soundfile
import torch
from safetensors.torch import load_file

from tests.networks import GOLDEN, golden_network, say_frames
from tts_compress import artifact, load_model, recipe
from tts_compress.architectures.checkpoints import save_voice
from tts_compress.audio.wav import write_wav
from tts_compress.errors import CheckpointError
from tts_compress.methods import Rounding
from tts_compress.methods.base import Change, Memory, Method
from tts_compress.metrics.cost import effective_macs, macs
from tts_compress.metrics.macs import sentence_macs
from tts_compress.metrics.reference import Reference
from tts_compress.metrics.taking import Taker, timings
from tts_compress.pipeline import execute, measure_again
from tts_compress.records import read_records
from tts_compress.synthesis import MAX_FRAMES, NEVER_STOPS, speak

SENTENCES = ("Hello there.", "How are you?")
REPEATS = ("records.jsonl", "layers.jsonl")


class Multiply(Method):
    """Stands for a method that ruins a network: multiplies one tensor."""

    method: str = "multiply"
    tensor: str
    factor: float

    @property
    def label(self):
        return f"{self.tensor} x {self.factor:g}"

    def selected(self, model):
        return [self.tensor]

    def __call__(self, model, ctx):
        model.get_parameter(self.tensor).data.mul_(self.factor)
        return (Change(self.tensor, None, {}),)


@pytest.fixture(autouse=True)
def short(monkeypatch):
    monkeypatch.setattr("tts_compress.synthesis.MAX_STEPS", 60)


def make_voice(folder: Path, frames: float) -> Path:
    """Writes the tiny FastSpeech2 as a voice that gives every phone so many frames."""
    model = say_frames(golden_network("fastspeech2"), frames)
    save_voice(folder, model, dtype=torch.float32)
    return folder


def runs_of(folder: Path, model: Path, stage: str = "", more: str = "") -> tuple[recipe.Run, ...]:
    (folder / "sentences.txt").write_text("\n".join(SENTENCES))
    more = more if "recognizer" in more else f"recognizer: none, {more}"
    path = folder / "r.yaml"
    path.write_text(
        f"model: {model}\nstages: [{stage}]\nevaluate: {{sentences: sentences.txt, {more}}}\n"
    )
    return recipe.load(path).runs


def do(run: recipe.Run, out: Path, reference: Path | None = None) -> Path:
    folder = out / run.name.replace(" ", "_")
    folder.mkdir(parents=True)
    execute(run, folder, Memory(), reference and reference / "mels.safetensors", "cpu")
    return folder


def values_of(folder: Path) -> dict[str, dict[int | None, float]]:
    """Every value of a run: by metric, then by sentence."""
    values: dict[str, dict[int | None, float]] = {}
    for record in read_records(folder / "records.jsonl"):
        values.setdefault(record.metric, {})[record.sentence] = record.value
    return values


@pytest.fixture(scope="module")
def spoken(tmp_path_factory):
    """The tiny FastSpeech2, dense and with 60 % of its attention pruned: (dense, pruned)."""
    folder = tmp_path_factory.mktemp("pipeline")
    voice = make_voice(folder / "voice", 5)
    stage = "{method: magnitude, include: [attention], sparsity: 0.6}"
    dense, pruned = runs_of(folder, voice, stage)
    first = do(dense, folder)
    return first, do(pruned, folder, first)


def test_every_file_is_there_and_the_marker_names_the_run(spoken):
    for folder, name in zip(spoken, ("dense", "magnitude 60 %"), strict=True):
        assert sorted(path.name for path in folder.iterdir()) == [
            "DONE",
            "checkpoint.pt.gz",
            "layers.jsonl",
            "mels.safetensors",
            "model.ttsz",
            "provenance.json",
            "records.jsonl",
            "run.json",
            "timings.jsonl",
            "wavs",
        ]
        assert (folder / "DONE").read_text() == f"{name}\n"


def test_sizes_are_those_on_disk(spoken):
    for folder in spoken:
        values = values_of(folder)
        assert values["artifact_bytes"] == {None: (folder / "model.ttsz").stat().st_size}
        assert values["gzip_bytes"] == {None: (folder / "checkpoint.pt.gz").stat().st_size}


def test_weights_are_counted_as_by_hand(spoken):
    public = public_tensors(spoken[1])
    floats = [tensor for tensor in public.values() if tensor.is_floating_point()]
    values = values_of(spoken[1])
    assert values["state_dict_bytes"] == {None: 4 * sum(tensor.numel() for tensor in floats)}
    # 4 layers with attention, each of 4 matrices of 32 x 32
    n_weights, n_zero = 4 * 4 * 32 * 32, math.floor(0.6 * 4 * 4 * 32 * 32)
    assert values["sparsity"] == {None: n_zero / n_weights}
    assert "sparsity" not in values_of(spoken[0])
    dense = values_of(spoken[0])
    assert values["n_parameters"] == dense["n_parameters"]
    assert values["n_nonzero"][None] == dense["n_nonzero"][None] - n_zero


def public_tensors(folder: Path) -> dict[str, torch.Tensor]:
    """What ming024's own code would load."""
    plain = gzip.decompress((folder / "checkpoint.pt.gz").read_bytes())
    return torch.load(io.BytesIO(plain), weights_only=True)["model"]


def test_the_public_checkpoint_has_upstream_names_and_the_zeros_in_place(spoken):
    # The file is ours; its learning rate is a scalar of numpy.
    upstream = torch.load(GOLDEN / "fastspeech2_tiny.pth.tar", weights_only=False)["model"]
    public = public_tensors(spoken[1])
    assert set(public) == {name.removeprefix("module.") for name in upstream}
    dense, pruned = (load_model(folder / "model.ttsz").state_dict() for folder in spoken)
    attention = [name for name in public if ".slf_attn.w_" in name or ".slf_attn.fc" in name]
    weights = [name for name in attention if name.endswith(".weight")]
    assert len(weights) == 16
    smallest = torch.cat([dense[name].abs().flatten() for name in weights]).sort().values
    threshold = smallest[math.floor(0.6 * len(smallest)) - 1]
    for name, tensor in public.items():
        assert torch.equal(tensor, pruned[name])
        if name in weights:
            assert torch.equal(tensor == 0, dense[name].abs() <= threshold)
        else:
            assert torch.equal(tensor, dense[name])


def test_artifact_and_public_checkpoint_speak_alike(spoken):
    ours = speak(load_model(spoken[1] / "model.ttsz"), SENTENCES)
    public = speak(load_model(spoken[1] / "checkpoint.pt.gz"), SENTENCES)
    kept = load_file(spoken[1] / "mels.safetensors")
    for number, (one, other) in enumerate(zip(ours, public, strict=True)):
        assert torch.equal(one.mel, other.mel)
        assert torch.equal(one.mel, kept[f"{number:03d}.mel"])


def test_the_dense_run_is_no_distance_from_itself(spoken):
    values = values_of(spoken[0])
    assert values["mcd_dtw_db"] == {1: 0.0, 2: 0.0}
    assert values["mel_mae_db"] == {1: 0.0, 2: 0.0}
    pruned = values_of(spoken[1])
    assert pruned["mcd_dtw_db"].keys() == pruned["mel_mae_db"].keys() == {1, 2}
    assert min(*pruned["mcd_dtw_db"].values(), *pruned["mel_mae_db"].values()) > 0


def test_fastspeech2_has_no_noise_floor_and_no_attention_to_follow(spoken):
    assert not {"mcd_dtw_db_noise", "attention_focus"} & values_of(spoken[0]).keys()


def test_wavs_are_as_long_as_recorded(spoken):
    for number in (1, 2):
        samples, rate = soundfile.read(spoken[1] / "wavs" / f"{number:03d}.wav")
        frames = values_of(spoken[1])["seconds"][number] * 22050 / 256
        assert rate == 22050
        assert len(samples) == 256 * (round(frames) - 1)  # Griffin-Lim


def timings_of(folder: Path) -> dict[str, float]:
    records = read_records(folder / "timings.jsonl")
    assert {record.sentence for record in records} == {None}
    assert all(record.unit for record in records)
    return {record.metric: record.value for record in records}


def test_speed_and_memory_are_kept_apart_from_what_repeats(spoken):
    dense, pruned = map(timings_of, spoken)
    assert dense.keys() == {"real_time_factor", "peak_memory_bytes"}
    assert pruned.keys() == {*dense, "real_time_factor_dense", "speedup"}
    assert min(dense["real_time_factor"], *pruned.values()) > 0
    slower = pruned["real_time_factor"] / pruned["real_time_factor_dense"]
    assert 1 / 3 < pruned["speedup"] * slower < 3  # medians of turns, and the median of ratios


def test_a_sentence_that_both_speak_is_timed(monkeypatch, spoken):
    timed = []
    monkeypatch.setattr(
        "tts_compress.metrics.taking.speak", lambda _, texts, __: timed.append(texts)
    )
    model = load_model(spoken[0] / "model.ttsz")
    texts = ("One.", "One two three four.", "One two.", "One two three.")
    ours = speak(model, texts)
    dense = [replace(s, stopped=s.text != "One two.") for s in ours]  # the median, without it

    def names(*arguments):
        return [record.metric for record in timings(Taker("a"), *arguments, 0)]

    both = ["peak_memory_bytes", "real_time_factor_dense", "speedup", "real_time_factor"]
    assert names((model, ours), (model, dense)) == both
    assert {text for (text,) in timed} == {"One two three."}
    timed.clear()
    assert names((model, ours), None) == ["peak_memory_bytes", "real_time_factor"]
    assert {text for (text,) in timed} == {"One two."}
    mute = [replace(s, stopped=False) for s in ours]
    assert names((model, ours), (model, mute)) == ["peak_memory_bytes", "real_time_factor"]
    assert names((model, mute), (model, dense)) == []


def test_which_sentences_never_stopped_is_kept(spoken, tmp_path):
    speeches = speak(load_model(spoken[0] / "model.ttsz"), SENTENCES)
    speeches[1] = replace(speeches[1], stopped=False)
    Reference(speeches, [s.mel for s in speeches]).save(tmp_path / "mels.safetensors")
    found = Reference.load(tmp_path / "mels.safetensors", SENTENCES).speeches
    assert [speech.failure for speech in found] == [None, NEVER_STOPS]


def test_multiplications_are_those_of_the_sentences(spoken):
    model = load_model(spoken[1] / "model.ttsz")
    values = values_of(spoken[1])
    for number, speech in enumerate(speak(model, SENTENCES), 1):
        layers = sentence_macs(model, len(speech.ids), speech.mel.shape[1])
        assert values["macs"][number] == macs(layers)
        assert values["effective_macs"][number] == effective_macs(layers) < macs(layers)
    for name in ("macs", "effective_macs"):
        total, seconds = sum(values[name].values()), sum(values["seconds"].values())
        assert values[f"{name}_per_second"] == {None: pytest.approx(total / seconds)}


class Finetune(Multiply):
    """Stands for a stage that measures what it costs."""

    def __call__(self, model, ctx):
        ctx.measures |= {"finetune_seconds": 1.5, "finetune_steps": 20}
        return super().__call__(model, ctx)


def test_what_a_stage_measures_is_recorded(tmp_path):
    dense = runs_of(tmp_path, make_voice(tmp_path / "voice", 5))[0]
    stage = Finetune(tensor="mel_linear.weight", factor=2)
    run = ruined(dense, "mel_linear.weight", 2).model_copy(update={"stages": (stage,)})
    folder = do(run, tmp_path, do(dense, tmp_path))
    assert values_of(folder)["finetune_steps"] == {None: 20}
    assert timings_of(folder)["finetune_seconds"] == 1.5
    assert "finetune_seconds" not in values_of(folder)


def test_a_recognizer_hears_the_wavs(tmp_path):
    run = runs_of(tmp_path, make_voice(tmp_path / "voice", 20), more="recognizer: pocketsphinx")[0]
    values = values_of(do(run, tmp_path))
    assert (values["words"], values["characters"]) == ({1: 2, 2: 3}, {1: 11, 2: 11})
    for name, total in (("word", 5), ("character", 22)):
        wrong = values[f"{name}_errors"]
        assert values[f"{name}_error_rate"] == {None: (wrong[1] + wrong[2]) / total}


def test_without_a_recognizer_no_word_is_counted(spoken):
    taken = values_of(spoken[0])
    assert not [name for name in taken if name.startswith(("word", "character"))]


def test_a_run_done_again_leaves_the_same_bytes(spoken, tmp_path):
    dense, _ = runs_of(
        tmp_path,
        spoken[0].parent / "voice",
        "{method: magnitude, include: [attention], sparsity: 0.6}",
    )
    again = do(dense, tmp_path)
    for name in (*REPEATS, "mels.safetensors", "checkpoint.pt.gz", "wavs/001.wav"):
        assert (again / name).read_bytes() == (spoken[0] / name).read_bytes()


def test_a_finished_run_is_measured_again_from_what_it_made(spoken, tmp_path):
    dense, pruned = runs_of(
        tmp_path,
        spoken[0].parent / "voice",
        "{method: magnitude, include: [attention], sparsity: 0.6}",
    )
    for run, folder, reference in ((dense, spoken[0], None), (pruned, spoken[1], spoken[0])):
        copy = tmp_path / folder.name
        shutil.copytree(folder, copy)
        lines = (copy / "records.jsonl").read_text().splitlines(keepends=True)
        older = [line for line in lines if "f0" not in line]
        (copy / "records.jsonl").write_text("".join(older))
        for name in ("layers.jsonl", "provenance.json", "checkpoint.pt.gz"):
            (copy / name).unlink()  # an older version left the first two out; no stage is done
        mels = reference and reference / "mels.safetensors"
        measure_again(run, copy, Memory(), mels, "cpu")
        for name in REPEATS:
            assert (copy / name).read_bytes() == (folder / name).read_bytes()
        assert timings_of(copy).keys() == timings_of(folder).keys()
        assert json.loads((copy / "provenance.json").read_text())["compressed"] == {}
    made = json.loads((folder / "provenance.json").read_text())
    shutil.copy(folder / "provenance.json", copy)
    for _ in range(2):  # what compressed it is kept, however often it is measured
        measure_again(run, copy, Memory(), mels, "cpu")
        assert json.loads((copy / "provenance.json").read_text())["compressed"] == made


def test_what_stages_measured_is_kept_when_measured_again(tmp_path):
    dense = runs_of(tmp_path, make_voice(tmp_path / "voice", 5))[0]
    stage = Finetune(tensor="mel_linear.weight", factor=2)
    run = ruined(dense, "mel_linear.weight", 2).model_copy(update={"stages": (stage,)})
    reference = do(dense, tmp_path)
    folder = do(run, tmp_path, reference)
    before = (folder / "records.jsonl").read_bytes()
    measure_again(run, folder, Memory(), reference / "mels.safetensors", "cpu")
    assert (folder / "records.jsonl").read_bytes() == before
    assert timings_of(folder)["finetune_seconds"] == 1.5


def test_the_zeros_of_every_layer_are_listed(spoken):
    for folder, n_zero in zip(spoken, (0, 9830), strict=True):
        lines = [*map(json.loads, (folder / "layers.jsonl").read_text().splitlines())]
        attention = [line for line in lines if line["group"] == "attention"]
        weights = [line for line in attention if line["layer"].endswith("weight")]
        assert [line["shape"] for line in weights] == [[32, 32]] * 16
        assert sum(line["n_zero"] for line in weights) == n_zero
        changed = {line["layer"] for line in lines if line.get("relative_error", 0) > 0}
        assert changed == ({line["layer"] for line in weights} if n_zero else set())


def test_where_a_run_is_from(spoken):
    found = json.loads((spoken[1] / "provenance.json").read_text())
    assert found["torch"] == torch.__version__
    assert found["device"] == "cpu"
    assert found["seconds"] > 0
    assert found["machine"]["cores"] >= 1


def test_the_melody_of_the_dense_run_is_its_own(spoken):
    values = values_of(spoken[0])
    assert values["duration_ratio"] == {1: 1.0, 2: 1.0}
    assert values["voicing_error"] == {1: 0.0, 2: 0.0}
    pruned = values_of(spoken[1])
    assert pruned["duration_ratio"] == {1: 1.0, 2: 1.0}  # its durations are fixed
    assert pruned["voicing_error"].keys() == {1, 2}


def test_sparsity_is_that_of_weights_where_biases_only_move(tmp_path):
    stage = Rounding(bits=None, sparsity=0.6, include=("attention",))
    dense = runs_of(tmp_path, make_voice(tmp_path / "voice", 5))[0]
    run = dense.model_copy(update={"stages": (stage,), "name": "rounded", "calibration": SENTENCES})
    folder = do(run, tmp_path, do(dense, tmp_path))
    n_weights = 4 * 4 * 32 * 32  # 4 layers with attention, each of 4 matrices of 32 x 32
    assert values_of(folder)["sparsity"] == {None: 4 * 4 * math.floor(0.6 * 32 * 32) / n_weights}
    changes = artifact.load(folder / "model.ttsz").manifest["changes"]
    assert {c["layer"].rpartition(".")[2]: set(c["stats"]) for c in changes} == {
        "weight": {"n_weights", "n_zero"},
        "bias": set(),
    }


def test_every_run_is_compared_with_recordings(tmp_path):
    (tmp_path / "said").mkdir()
    rising = torch.linspace(120, 240, 22050).cumsum(0) * 2 * math.pi / 22050
    write_wav(tmp_path / "said" / "002.wav", 0.5 * torch.sin(rising))
    stage = "{method: magnitude, include: [attention], sparsity: 0.6}"
    more = "recordings: said, recognizer: pocketsphinx"
    dense, pruned = runs_of(tmp_path, make_voice(tmp_path / "voice", 5), stage, more)
    first = do(dense, tmp_path)
    taken = [values_of(folder) for folder in (first, do(pruned, tmp_path, first))]
    for values in taken:
        seconds = (1 + 22050 // 256) * 256 / 22050
        ratio = values["seconds"][2] / seconds
        assert values["duration_ratio_to_recording"] == {2: pytest.approx(ratio)}
        assert values["mcd_dtw_db_to_recording"].keys() == {2}
        assert "mel_mae_db_to_recording" not in values
    heard = ("word_errors", "words", "word_error_rate", "character_errors", "characters")
    of_recordings = {f"{name}_recording" for name in heard}
    assert of_recordings <= taken[0].keys()
    assert taken[0]["words_recording"] == {2: 3}
    assert not of_recordings & taken[1].keys()


def test_no_durations_are_recorded_failures_and_runs_end_all_the_same(tmp_path):
    silent = make_voice(tmp_path / "voice", 0)
    stage = "{method: magnitude, include: [attention], sparsity: 0.5}"
    dense, pruned = runs_of(tmp_path, silent, stage)
    reference = do(dense, tmp_path)
    for folder in (reference, do(pruned, tmp_path, reference)):
        assert (folder / "DONE").is_file()
        values = values_of(folder)
        assert values["failed"] == {1: 1.0, 2: 1.0}
        assert values["seconds"] == {1: 0.0, 2: 0.0}
        assert not {"mcd_dtw_db", "mel_mae_db"} & values.keys()
        assert not list((folder / "wavs").iterdir())
        assert (folder / "timings.jsonl").read_text() == ""


def test_a_candidate_may_speak_where_the_dense_network_does_not(tmp_path):
    dense = runs_of(tmp_path, make_voice(tmp_path / "silent", 0))[0]
    silent = do(dense, tmp_path / "one")
    run = runs_of(tmp_path, make_voice(tmp_path / "voice", 5))[0]
    values = values_of(do(run, tmp_path / "other", silent))
    assert values["failed"] == {1: 0.0, 2: 0.0}
    assert not {"mcd_dtw_db", "mel_mae_db"} & values.keys()


def ruined(run: recipe.Run, tensor: str, factor: float) -> recipe.Run:
    """A run whose only stage multiplies a tensor, which no recipe can ask for."""
    return recipe.Run.model_construct(
        model=run.model,
        stages=(Multiply(tensor=tensor, factor=factor),),
        evaluate=run.evaluate,
        name="ruined",
    )


@pytest.mark.parametrize(
    ("model", "tensor"),
    [
        ("fastspeech2_tiny.pth.tar", "mel_linear.weight"),
        ("tacotron2_tiny.pt", "decoder.linear_projection.linear_layer.weight"),
    ],
)
def test_a_mel_that_is_not_finite_is_a_recorded_failure(tmp_path, model, tensor):
    dense = runs_of(tmp_path, GOLDEN / model)[0]
    reference = do(dense, tmp_path)
    folder = do(ruined(dense, tensor, 1e38), tmp_path, reference)
    speeches = speak(load_model(folder / "model.ttsz"), SENTENCES)
    assert {speech.failure for speech in speeches} == {"not finite"}
    values = values_of(folder)
    assert values["failed"] == {1: 1.0, 2: 1.0}
    assert "mcd_dtw_db" not in values
    assert not list((folder / "wavs").iterdir())


def test_attention_that_is_not_finite_is_not_measured(tmp_path, monkeypatch):
    def broken(*arguments):
        spoken = speak(*arguments)
        return [replace(s, alignment=torch.full_like(s.alignment, math.nan)) for s in spoken]

    monkeypatch.setattr("tts_compress.pipeline.speak", broken)
    values = values_of(do(runs_of(tmp_path, GOLDEN / "tacotron2_tiny.pt")[0], tmp_path))
    assert not [name for name in values if name.startswith("attention")]
    assert not {"repeats", "skips", "early_stop"} & values.keys()
    assert values["no_stop"] == {1: 1, 2: 1}


def test_a_dense_network_that_is_not_finite_is_compared_with_by_none(tmp_path):
    dense = runs_of(tmp_path, make_voice(tmp_path / "voice", 5))[0]
    reference = do(ruined(dense, "mel_linear.weight", 1e38), tmp_path)
    values = values_of(do(dense, tmp_path, reference))
    assert values["failed"] == {1: 0.0, 2: 0.0}
    assert not {"mcd_dtw_db", "mel_mae_db"} & values.keys()


def test_too_loud_for_a_power_is_not_finite(tmp_path):
    dense = runs_of(tmp_path, make_voice(tmp_path / "voice", 5))[0]
    folder = do(ruined(dense, "mel_linear.weight", 1e5), tmp_path)
    assert values_of(folder)["failed"] == {1: 1.0, 2: 1.0}
    assert torch.isfinite(load_file(folder / "mels.safetensors")["000.mel"]).all()


@pytest.mark.parametrize("frames", [1e6, 1e30])
def test_durations_without_end_are_cut_off_and_a_failure(tmp_path, frames):
    model = load_model(make_voice(tmp_path / "voice", frames))
    speech = speak(model, SENTENCES[:1])[0]
    assert speech.mel.shape == (80, MAX_FRAMES)
    assert speech.failure == NEVER_STOPS


def test_durations_that_are_no_numbers_are_none(tmp_path):
    model = load_model(make_voice(tmp_path / "voice", 5))
    model.variance_adaptor.duration_predictor.linear_layer.bias.data.fill_(math.nan)
    assert speak(model, SENTENCES[:1])[0].mel.shape == (80, 0)


@pytest.fixture(scope="module")
def tacotron2(tmp_path_factory):
    """The tiny Tacotron2, which never stops, dense and pruned: (dense, pruned)."""
    folder = tmp_path_factory.mktemp("tacotron2")
    stage = "{method: magnitude, include: [rnn, cnn], sparsity: 0.5}"
    dense, pruned = runs_of(folder, GOLDEN / "tacotron2_tiny.pt", stage)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tts_compress.synthesis.MAX_STEPS", 60)
        first = do(dense, folder)
        return first, do(pruned, folder, first)


def test_speech_that_never_stops_is_counted_and_compared_all_the_same(tacotron2):
    for folder in tacotron2:
        values = values_of(folder)
        assert values["failed"] == {1: 1.0, 2: 1.0}
        assert values["seconds"] == {n: pytest.approx(60 * 256 / 22050) for n in (1, 2)}
        assert values["mcd_dtw_db"].keys() == {1, 2}
        assert sorted(path.name for path in (folder / "wavs").iterdir()) == ["001.wav", "002.wav"]


def test_the_noise_floor_is_of_the_dense_tacotron2_alone(tacotron2):
    dense, pruned = map(values_of, tacotron2)
    for name in ("mcd_dtw_db_noise", "mel_mae_db_noise"):
        assert min(dense[name][1], dense[name][2]) > 0
        assert name not in pruned
    assert dense["duration_ratio_noise"] == {1: 1.0, 2: 1.0}  # cut off at the same length
    assert "voicing_error_noise" in dense


def test_the_attention_of_each_sentence_is_measured(tacotron2):
    values = values_of(tacotron2[1])
    for name in ("attention_jumps_back", "attention_skips", "attention_reach", "attention_focus"):
        assert values[name].keys() == {1, 2}
    assert values["repeats"].keys() == values["skips"].keys() == {1, 2}
    assert (values["no_stop"], values["early_stop"]) == ({1: 1, 2: 1}, {1: 0, 2: 0})


def test_a_given_vocoder_makes_the_sound(tmp_path):
    more = (
        f"vocoder: {{path: {GOLDEN / 'hifigan_tiny.pth.tar'}, "
        f"config: [{GOLDEN / 'hifigan_tiny_config.json'}]}}"
    )
    run = runs_of(tmp_path, make_voice(tmp_path / "voice", 5), more=more)[0]
    folder = do(run, tmp_path)
    mel = load_file(folder / "mels.safetensors")["000.mel"]
    generator = golden_network("hifigan")
    with torch.inference_mode():
        expected = generator(mel[None])[0, 0]
    samples, _ = soundfile.read(folder / "wavs" / "001.wav", dtype="float32")
    assert len(samples) == 256 * mel.shape[1]
    torch.testing.assert_close(torch.from_numpy(samples), expected, rtol=0, atol=2 / 32768)


def test_an_acoustic_network_is_no_vocoder(tmp_path):
    more = f"vocoder: {GOLDEN / 'tacotron2_tiny.pt'}"
    run = runs_of(tmp_path, make_voice(tmp_path / "voice", 5), more=more)[0]
    with pytest.raises(CheckpointError, match=r"wanted, 'hifigan', got 'tacotron2'"):
        do(run, tmp_path)


def test_the_manifest_says_where_the_artifact_is_from(spoken):
    manifest = artifact.load(spoken[1] / "model.ttsz").manifest
    asked = json.loads((spoken[1] / "run.json").read_text())
    assert manifest["run"] == {"id": asked["id"], "model": asked["model"]}
    assert (manifest["history"][0]["sparsity"], asked["stages"][0]["sparsity"]) == (0.6, 0.6)
    assert manifest["summary"].endswith("weights, compressed: magnitude 60 %.")
    assert sum(change["stats"]["n_zero"] for change in manifest["changes"]) == 9830


def test_a_resized_network_is_the_model_of_another_recipe(tmp_path):
    voice, weights = make_voice(tmp_path / "voice", 5), []
    for number, stage in enumerate(
        ("{method: channels, sparsity: 0.5, include: [ffn]}", "{method: heads, keep: 1}")
    ):
        folder = tmp_path / str(number)
        folder.mkdir()
        dense, resized = runs_of(folder, voice, stage + ", {method: resize}")
        first = do(dense, folder)
        second = do(resized, folder, first)
        weights += [values_of(path)["n_parameters"][None] for path in (first, second)]
        voice = second / "model.ttsz"
    assert weights[0] > weights[1] == weights[2] > weights[3]
    assert values_of(second)["failed"] == {1: 0.0, 2: 0.0}
