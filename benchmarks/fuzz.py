"""What becomes of damaged and hostile .ttsz files: they load, or end in one line.

    python benchmarks/fuzz.py [MUTATIONS [SEED]]

Small honest files of every encoding are changed at random. Half of the changes are what disks and
networks do (flipped bits, cuts, foreign bytes); the other half are what an attacker does: checksums
are made right again after the manifest or what is coded in a block was changed. Each changed file
is loaded in this process, which may take so long and so much memory:

- seconds of the processor: `LIMIT_SECONDS`;
- memory that Python and numpy ask for: `LIMIT_TIMES` what the honest file takes, or, for a file
  that grew, what an honest file of its size would take. It is traced in one of `TRACED` loads, and
  in each of a file that asks for much by little;
- all memory: `HEADROOM` above what the process had before, or allocation fails.

Code that runs because a file says so, or a program or connection that is opened, counts as a crash.
Anything but a network or one line that starts with the path ends the benchmark with exit code 1.
"""

import copy
import faulthandler
import json
import random
import resource
import struct
import sys
import tempfile
import time
import tracemalloc
import warnings
import zlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from tts_compress import artifact, container
from tts_compress.architectures.fastspeech2 import FastSpeech2, FastSpeech2Settings
from tts_compress.architectures.hifigan import HifiGan, HifiGanSettings, ResblockSettings
from tts_compress.architectures.transformer import BlockSettings
from tts_compress.errors import ArtifactError
from tts_compress.quantized import Codebook, MultiBit, Quantized, Scaled, Uniform, matrix_shape

LIMIT_SECONDS = 5.0
LIMIT_TIMES = 2
TRACED = 8
HEADROOM = 2**27
LINE = 1200  # characters
EXECUTES = ("exec", "pickle.find_class", "os.system", "subprocess.Popen", "socket.connect")
"""Events of the interpreter that no load may raise."""

events: list[str] = []
"""What the interpreter did in the load at hand."""

Forms = Callable[[torch.Tensor], Quantized]


def uniform(levels: torch.Tensor) -> Quantized:
    rows, columns = matrix_shape(levels.shape)
    return Uniform(levels, torch.full((rows, 2 if columns > 1 else 1), 0.25))


def scaled(levels: torch.Tensor) -> Quantized:
    rows, columns = matrix_shape(levels.shape)
    exponents = [(torch.arange(size) % 5 - 2).char() for size in (rows, columns)]
    return Scaled(levels, torch.tensor(0.25), *exponents)


def codebook(levels: torch.Tensor) -> Quantized:
    return Codebook(levels.clamp(-2, 2), torch.tensor([[-1.5, -0.5, 0.0, 0.25, 1.0]]))


def multibit(levels: torch.Tensor) -> Quantized:
    return MultiBit(levels.clamp(-2, 2), torch.tensor([[[0.5]], [[0.25]]]))


def hifigan(width: int = 64) -> HifiGan:
    block = ResblockSettings(kernel=3, dilations=(1,), inner=(8,))
    settings = HifiGanSettings(
        n_mels=16, channels=(width, 16), upsample_rates=(4,), upsample_kernels=(8,),
        resblocks=(block,),
    )  # fmt: skip
    return HifiGan(settings).eval()


def fastspeech2() -> FastSpeech2:
    block = (BlockSettings(heads=1, head_dim=4, filter=8),)
    settings = FastSpeech2Settings(
        n_symbols=20, n_mels=8, hidden=12, encoder=block, decoder=block, duration_filters=(4, 4),
        pitch_filters=(4, 4), energy_filters=(4, 4), pitch_bins=8, energy_bins=8,
        postnet_channels=(8,), n_positions=200,
    )  # fmt: skip
    return FastSpeech2(settings).eval()


def quantize(model: nn.Module, form: Forms) -> dict[str, Quantized]:
    """Gives every weight of two axes or more the values of random levels of a form."""
    made = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad and parameter.dim() > 1:
            levels = (2 * torch.randn(parameter.shape)).round().clamp(-7, 7).short()
            made[name] = form(levels)
            parameter.data.copy_(made[name].dense())
    return made


def honest(folder: Path) -> list[Path]:
    """Writes a file for each encoding."""
    torch.manual_seed(0)
    paths = []

    def save(name: str, model: nn.Module, made: dict[str, Quantized] | None = None) -> None:
        paths.append(folder / f"{name}.ttsz")
        past = [{"label": "a stage", "method": name, "bits": 4}]
        artifact.save(paths[-1], model, quantized=made, history=past)

    save("float32", hifigan())
    half = hifigan()
    half.load_state_dict({name: t.half().float() for name, t in half.state_dict().items()})
    save("float16", half)
    sparse = hifigan()
    for parameter in sparse.parameters():
        parameter.data[torch.rand_like(parameter) < 0.9] = 0
    save("sparse", sparse)
    save("fastspeech2", fastspeech2())
    for form in (uniform, scaled, codebook, multibit):
        model = hifigan()
        save(form.__name__, model, quantize(model, form))
    wide = hifigan(width=1024)
    save("wide", wide, quantize(wide, scaled))
    return paths


@dataclass
class File:
    """An honest file, taken apart."""

    path: Path
    data: bytes
    manifest: dict[str, Any]
    blocks: list[bytes]
    n_allocated: int = 0


def taken_apart(path: Path) -> File:
    contents = container.read(path)
    blocks = [contents.block(number) for number in range(len(contents.places))]
    manifest = {key: value for key, value in contents.manifest.items() if key != "blocks"}
    return File(path, path.read_bytes(), manifest, blocks)


def together(plain: bytes, blocks: list[bytes], n_plain: int | None = None) -> bytes:
    """Gives a file whose checksums are right."""
    packed = zlib.compress(plain, 1)
    n_plain = len(plain) if n_plain is None else n_plain
    header = struct.pack("<IIII", 1, len(packed), n_plain, zlib.crc32(packed))
    return container.MAGIC + header + packed + b"".join(blocks)


def sealed(manifest: Any, blocks: list[bytes]) -> bytes:
    """Gives a file of this manifest with the checksums of these blocks."""
    if isinstance(manifest, dict):
        index = [[len(block), zlib.crc32(block)] for block in blocks]
        manifest = {**manifest, "blocks": index}
    return together(json.dumps(manifest).encode(), blocks)


def damage(data: bytes, dice: random.Random) -> bytes:
    """Does to bytes what disks and networks do."""
    changed, size = bytearray(data), len(data)
    start, stop = sorted(dice.randrange(size + 1) for _ in range(2))
    match dice.randrange(8):
        case 0:
            del changed[start:]
        case 1:
            changed += dice.randbytes(dice.randrange(1, 200))
        case 2:
            del changed[start:stop]
        case 3:
            changed[start:stop] = bytes(stop - start)
        case 4:
            changed[start:start] = dice.randbytes(dice.randrange(1, 50))
        case 5:
            length = min(stop - start, size - stop)
            one, other = changed[start : start + length], changed[stop : stop + length]
            changed[start : start + length], changed[stop : stop + length] = other, one
        case _:
            for _ in range(dice.choice((1, 1, 1, 2, 8, 64))):
                bit = dice.randrange(8 * size)
                changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def hostile_blocks(file: File, dice: random.Random) -> bytes:
    """Changes what is coded, and makes the checksums right again."""
    blocks = list(file.blocks)
    number = dice.randrange(len(blocks))
    match dice.randrange(6):
        case 0:
            blocks[number] = dice.randbytes(dice.randrange(2 * len(blocks[number])))
        case 1:
            blocks[number] = b""
        case 2:
            dice.shuffle(blocks)
        case 3:
            blocks[number] *= 2
        case _:
            blocks[number] = damage(blocks[number], dice)
    return sealed(file.manifest, blocks)


def odd_value(dice: random.Random) -> Any:
    """Gives a value that is rarely right."""
    numbers = [-1, 0, 1, 2, 7, 255, 2**15, 2**31, 2**40, 2**63, 10**30, -(2**31), 0.5, 1e300]
    texts = ["", "x", "float", "raw", "uniform", "codebook", "float64", "int64", "bool", "\ud800"]
    others = [
        None,
        True,
        [],
        {},
        [[]],
        [0],
        [-1],
        [2**31, 2**31],
        {"": 0},
        float("nan"),
        "y" * 9999,
    ]
    nested: Any = []
    for _ in range(dice.randrange(200)):
        nested = [nested]
    return dice.choice([*numbers, *texts, *others, nested, dice.randrange(2**20)])


def entries(value: Any) -> list[tuple[Any, Any]]:
    """Gives every place in a manifest as a holder and its key."""
    keys = list(value) if isinstance(value, dict) else range(len(value))
    found = [(value, key) for key in keys]
    for key in keys:
        if isinstance(value[key], dict | list):
            found += entries(value[key])
    return found


def hostile_manifest(file: File, dice: random.Random) -> bytes:
    """Changes what the manifest says, and makes its checksums right again."""
    manifest, blocks = copy.deepcopy(file.manifest), file.blocks
    if dice.random() < 0.2:
        index = [[len(block), zlib.crc32(block)] for block in blocks]
        manifest["blocks"] = index
    for _ in range(dice.choice((1, 1, 1, 2, 4))):
        places = entries(manifest)
        holder, key = dice.choice(places)
        other, another = dice.choice(places)
        match dice.randrange(6):
            case 0:
                del holder[key]
            case 1:
                holder[key], other[another] = other[another], copy.deepcopy(holder[key])
            case 2 if isinstance(holder[key], int | float):
                holder[key] = holder[key] * dice.choice((2, 4, 10, 1000)) + dice.choice((0, 1, -1))
            case _:
                holder[key] = odd_value(dice)
        if not manifest:
            break
    if "blocks" in manifest:
        return together(json.dumps(manifest).encode(), blocks)
    return sealed(manifest, blocks)


def bomb(file: File, dice: random.Random) -> bytes:
    """Asks for much by little."""
    manifest, blocks = copy.deepcopy(file.manifest), file.blocks
    size = dice.choice((10, 1000, 100_000, 2_000_000))
    match dice.randrange(8):
        case 0:
            return together(b" " * size + b"{}", blocks)
        case 1:
            return together(b"[" * size, blocks)
        case 2:
            return together(b'{"a":' * size, blocks, dice.choice((None, 100, 2**32 - 1)))
        case 3:
            return together(b"[" + b"[]," * size + b"[]]", blocks)
        case 4:
            manifest["tensors"] |= {f"t{number}": None for number in range(min(size, 20_000))}
        case 5:
            manifest["history"] = [{"label": "x"}] * min(size, 100_000)
        case 6:
            grown(manifest, dice.choice((2, 3, 8, 64, 1000, 10**6)))
        case 7:
            holder, key = dice.choice(
                [p for p in entries(manifest) if isinstance(p[0][p[1]], list)]
            )
            holder[key] = holder[key] * dice.choice((2, 10, 1000))
    return sealed(manifest, blocks)


def grown(manifest: dict[str, Any], times: int) -> None:
    """Makes one width of a network so many times wider, in settings, shapes and tables."""
    settings, tensors = manifest["settings"], manifest["tensors"]
    key = "channels" if "channels" in settings else "hidden"
    wide = settings[key][0] if key == "channels" else settings[key]
    if key == "channels":
        settings[key][0] *= times
    else:
        settings[key] *= times
    for place in tensors.values():
        for key in {"shape", "table"} & (place[1] if place else {}).keys():
            place[1][key] = [times * n if n == wide else n for n in place[1][key]]


@dataclass
class Outcome:
    """What became of all files."""

    counts: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    traced: int = 0
    seconds: float = 0.0
    most: float = 0.0


def allocated(path: Path) -> int:
    """Gives the memory that loading a file takes at once."""
    tracemalloc.start()
    artifact.load_model(path)
    used = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return used


def n_virtual() -> int:
    """Gives the memory that this process has, used or not."""
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


def attempt(path: Path, file: File, kind: str, outcome: Outcome, traced: bool) -> None:
    """Loads a changed file, and notes what is not as it must be."""
    fair = file.n_allocated * max(1.0, path.stat().st_size / len(file.data))
    events.clear()
    started = time.process_time()
    if traced:
        tracemalloc.start()
    try:
        artifact.load_model(path)
        result = "loads"
    except ArtifactError as error:
        result = "one line"
        message = str(error)
        if "\n" in message or len(message) > LINE or not message.startswith(f"{path}: "):
            outcome.failures.append(f"{kind}: not one line about the file: {message[:300]!r}")
    except BaseException as error:
        result = "CRASH"
        outcome.failures.append(f"{kind}: {type(error).__name__}: {str(error)[:300]!r}")
    used = tracemalloc.get_traced_memory()[1] if traced else 0
    tracemalloc.stop()
    seconds = time.process_time() - started
    if executed := [event for event in events if event in EXECUTES]:
        result = "CRASH"
        outcome.failures.append(f"{kind}: executes, {executed[:3]}")
    outcome.counts[f"{kind}: {result}"] += 1
    outcome.traced += traced
    outcome.seconds = max(outcome.seconds, seconds)
    outcome.most = max(outcome.most, used / fair)
    if seconds > LIMIT_SECONDS:
        outcome.failures.append(f"{kind}: {seconds:.1f} seconds")
    if used > LIMIT_TIMES * fair:
        outcome.failures.append(f"{kind} of {file.path.stem}: {used:,} bytes, {fair:,.0f} honest")


KINDS = {
    "damaged": lambda file, dice: damage(file.data, dice),
    "hostile block": hostile_blocks,
    "hostile manifest": hostile_manifest,
    "bomb": bomb,
}


def main(n_mutations: int = 100_000, seed: int = 0) -> None:
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")  # torch's, of tensors without weights
    sys.addaudithook(lambda event, _: events.append(event))
    dice, unlimited = random.Random(seed), resource.RLIM_INFINITY
    with tempfile.TemporaryDirectory() as name:
        files = [taken_apart(path) for path in honest(Path(name))]
        for file in files:
            artifact.load_model(file.path)  # what is compiled and imported once is not counted
        for file in files:
            file.n_allocated = allocated(file.path)
            print(f"{file.path.stem}: {len(file.data):,} bytes, takes {file.n_allocated:,} to load")
        before = n_virtual()
        outcome, started, path = Outcome(), time.perf_counter(), Path(name) / "changed.ttsz"
        for number in range(n_mutations):
            file = dice.choices(files, [5] * (len(files) - 1) + [1])[0]  # the last is slow
            kind = dice.choices(list(KINDS), (50, 25, 20, 5))[0]
            path.write_bytes(KINDS[kind](file, dice))
            traced = number % TRACED == 0 or kind == "bomb"
            faulthandler.dump_traceback_later(60, exit=True)  # a hang that no exception ends
            known = len(outcome.failures)
            resource.setrlimit(resource.RLIMIT_AS, (n_virtual() + HEADROOM, unlimited))
            attempt(path, file, kind, outcome, traced)
            resource.setrlimit(resource.RLIMIT_AS, (unlimited, unlimited))
            for failure in outcome.failures[known:]:
                print(f"mutation {number}: {failure}", flush=True)
            if number % 5_000 == 4_999:
                seconds, growth = time.perf_counter() - started, n_virtual() - before
                print(f"{number + 1:,} in {seconds:.0f} s, grown by {growth:,} bytes", flush=True)
        faulthandler.cancel_dump_traceback_later()
    for kind, count in sorted(outcome.counts.items()):
        print(f"{count:>8,}  {kind}")
    print(
        f"{n_mutations:,} mutations: {len(outcome.failures)} failures; "
        f"longest {outcome.seconds:.2f} s; of {outcome.traced:,} whose memory was traced, "
        f"the most took {outcome.most:.2f} times an honest file of the size"
    )
    for failure, count in Counter(outcome.failures).most_common(20):
        print(f"{count:>8,}  {failure}")
    sys.exit(bool(outcome.failures))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
