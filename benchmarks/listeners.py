"""Many listeners at once, and a server that is killed meanwhile: is an answer lost or doubled?

    python benchmarks/listeners.py [--listeners 200] [--seconds 60] [--kills 3]

A real server runs a small test. Every listener saves each page many times, sends some answers
twice, gives up waiting for some replies and asks again. A few times the server gets SIGKILL and is
started anew on its port. At each kill and in the end the database must hold every acknowledged
answer, or a later one of the same page, once. Ends with 1 if it does not.
"""

import argparse
import asyncio
import random
import re
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import numpy as np
import soundfile
from rich.console import Console
from rich.table import Table

from tts_compress.listening.built import ANSWERS, BuiltTest, Stimulus, Trial
from tts_compress.listening.serving.store import read_listeners

SENTENCES, SYSTEMS, REVISIONS = 8, 3, 5
TWICE, IMPATIENT = 0.1, 0.05  # of the answers
RATE = 22050
ADDRESS = re.compile(r"Listening test at (http://\S+:(\d+))")
LINK = re.compile(r"Listener \d+: \S+/t/(\S+)")


def make_test(folder: Path) -> None:
    """A MUSHRA test of noise."""
    (folder / "audio").mkdir(parents=True)
    noise = np.random.default_rng(0).normal(scale=0.05, size=RATE)
    stimuli, trials = [], []
    for sentence in range(1, SENTENCES + 1):
        ids = [f"s{sentence}x{system}" for system in range(SYSTEMS + 1)]
        for number, id in enumerate(ids):
            soundfile.write(folder / "audio" / f"{id}.wav", noise, RATE)
            role, system = ("system", f"system {number}") if number else ("reference", "reference")
            made = {"system": system, "role": role, "sentence": sentence, "seconds": 1.0}
            stimuli.append(Stimulus(id=id, **made))
        trials.append(
            Trial(id=f"x{sentence}", sentence=sentence, reference=ids[0], stimuli=tuple(ids[1:]))
        )
    page = {"title": "", "text": []}
    questions = [{"id": "age", "label": "How old are you?", "type": "number", "required": True}]
    BuiltTest(
        id="benchmark",
        name="benchmark",
        kind="mushra",
        title="Benchmark",
        question="How close is it?",
        seed=0,
        secret="secret",
        listeners=24,
        systems=tuple(f"system {number}" for number in range(1, SYSTEMS + 1)),
        pages=(
            {"type": "consent", **page, "label": "Yes"},
            {"type": "trials", **page},
            {"type": "questionnaire", **page, "questions": questions},
            {"type": "finish", **page},
        ),
        trials=tuple(trials),
        stimuli=tuple(stimuli),
    ).save(folder)


@dataclass
class Log:
    """What all listeners saw.

    Attributes:
        sent: Values of each answer, by token, page and revision.
        acknowledged: Highest revision that the server said it has, by token and page.
        finished: Tokens that got a code.
        seconds: Times from request to reply.
        outcomes: How often each thing happened.
    """

    sent: dict = field(default_factory=dict)
    acknowledged: dict = field(default_factory=dict)
    finished: set = field(default_factory=set)
    seconds: list = field(default_factory=list)
    outcomes: Counter = field(default_factory=Counter)


class Listener:
    """Takes the whole test in about so many seconds."""

    def __init__(self, address: str, token: str, seconds: float, log: Log) -> None:
        limits = httpx.Limits(max_connections=4)
        self.client = httpx.AsyncClient(
            base_url=f"{address}/api/{token}", verify=False, limits=limits, trust_env=False
        )
        self.token, self.seconds, self.log = token, seconds, log
        self.random = random.Random(token)

    async def take(self) -> None:
        await asyncio.sleep(self.random.random() * self.seconds / 20)
        pages = (await self.ask("GET", "/session")).json()["session"]["pages"]
        pages = [page for page in pages if page["type"] != "finish"]
        pause = 0.9 * self.seconds / (len(pages) * REVISIONS)
        for page in pages:
            for revision in range(1, REVISIONS + 1):
                await asyncio.sleep(pause * self.random.uniform(0.5, 1.5))
                await self.save(page, revision, done=revision == REVISIONS)
        if (await self.ask("POST", "/finish")).status_code == 200:
            self.log.finished.add(self.token)
        await self.client.aclose()

    async def save(self, page: dict, revision: int, done: bool) -> None:
        values = self.values(page)
        heard = [each["id"] for each in page.get("stimuli", ())] + [page.get("reference")]
        plays = {id: revision for id in heard if id}
        answer = {"revision": revision, "done": done, "values": values, "plays": plays}
        self.log.sent[self.token, page["id"], revision] = (values, done)
        path, body = f"/answers/{page['id']}", answer | {"seconds": 1.5 * revision}
        if self.random.random() < IMPATIENT:
            asking = asyncio.create_task(self.client.put(path, json=body))
            await asyncio.sleep(self.random.random() * 0.01)
            asking.cancel()  # it may have arrived or not
            self.log.outcomes["gave up waiting"] += 1
        copies = 2 if self.random.random() < TWICE else 1
        self.log.outcomes["sent twice"] += copies - 1
        for reply in await asyncio.gather(*(self.ask("PUT", path, body) for _ in range(copies))):
            if reply.status_code == 200:
                key = self.token, page["id"]
                revision = max(self.log.acknowledged.get(key, 0), reply.json()["revision"])
                self.log.acknowledged[key] = revision

    def values(self, page: dict) -> dict:
        if page["type"] == "consent":
            return {"agreed": True}
        if page["type"] == "questionnaire":
            return {"answers": {"age": self.random.randint(18, 90)}}
        return {"ratings": {each["id"]: self.random.randint(0, 100) for each in page["stimuli"]}}

    async def ask(self, method: str, path: str, body: dict | None = None) -> httpx.Response:
        """Asks until there is a reply."""
        while True:
            started = time.perf_counter()
            try:
                reply = await self.client.request(method, path, json=body)
            except httpx.TransportError as error:
                self.log.outcomes[f"no reply: {type(error).__name__}"] += 1
                await asyncio.sleep(0.2 + 0.3 * self.random.random())
                continue
            self.log.seconds.append(time.perf_counter() - started)
            self.log.outcomes[f"{method} {reply.status_code}"] += 1
            if reply.status_code < 500:
                return reply
            await asyncio.sleep(0.2)


def start(folder: Path, port: int, links: int) -> tuple[subprocess.Popen, str, int, list[str]]:
    """Gives the server's process, address, port and tokens."""
    command = [sys.executable, "-m", "tts_compress", "listen", "serve", str(folder)]
    command += ["--port", str(port), "--links", str(links)]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    tokens: list[str] = []
    while len(tokens) < links:
        line = server.stdout.readline()
        if not line:
            raise SystemExit(f"the server ended with {server.wait()}")
        if found := ADDRESS.search(line):
            address, port = found[1], int(found[2])
        if found := LINK.search(line):
            tokens.append(found[1])
    return server, address, port, tokens


async def run(folder: Path, n_listeners: int, seconds: float, kills: int) -> tuple[Log, list[str]]:
    """Lets everyone take the test, and kills the server a few times."""
    server, address, port, tokens = start(folder, 0, n_listeners)
    log, problems = Log(), []
    taking = asyncio.gather(*(Listener(address, each, seconds, log).take() for each in tokens))
    for _ in range(kills):
        await asyncio.sleep(seconds / (kills + 1))
        server.send_signal(signal.SIGKILL)
        server.wait()
        problems += lost(folder, log)  # before anyone can send it again
        unfinished = {each["token"] for each in read_listeners(folder) if not each["finished"]}
        server, _, _, again = await asyncio.to_thread(start, folder, port, n_listeners)
        if not unfinished <= set(again):
            problems.append("links changed with the restart")
    await taking
    server.send_signal(signal.SIGINT)
    if code := server.wait():
        problems.append(f"the server ended with {code}")
    return log, problems + lost(folder, log)


def lost(folder: Path, log: Log) -> list[str]:
    """What the database lacks, holds twice, or holds otherwise than it was sent."""
    stored = {each["token"]: each for each in read_listeners(folder)}
    problems = []
    for (token, page), revision in log.acknowledged.items():
        answer = stored[token]["answers"].get(page)
        if answer is None or answer["revision"] < revision:
            problems.append(f"{page} of {token}: lost, acknowledged with revision {revision}")
        elif (answer["values"], answer["done"]) != log.sent[token, page, answer["revision"]]:
            problems.append(f"{page} of {token}: altered")
    problems += [
        f"{token}: not finished" for token in log.finished if not stored[token]["finished"]
    ]
    if len({each["number"] for each in stored.values()}) != len(stored):
        problems.append("two listeners have one number")
    with closing(sqlite3.connect(folder / ANSWERS)) as connection:
        (rows,) = connection.execute("SELECT count(*) FROM answers").fetchone()
    pages = len({(token, page) for token, page, _ in log.sent})
    if not len(log.acknowledged) <= rows <= pages:
        problems.append(f"{rows} answers are stored, of {pages} pages")
    return problems


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--listeners", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--kills", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "test"
        make_test(folder)
        started = time.perf_counter()
        log, problems = asyncio.run(
            run(folder, arguments.listeners, arguments.seconds, arguments.kills)
        )
        seconds = time.perf_counter() - started
    cuts = statistics.quantiles(log.seconds, n=100)
    table = Table("what", "value")
    table.add_row("listeners, of them finished", f"{arguments.listeners}, {len(log.finished)}")
    table.add_row("pages acknowledged", f"{len(log.acknowledged):,}")
    table.add_row("replies per second", f"{len(log.seconds) / seconds:,.0f}")
    table.add_row(
        "reply p50, p99, longest", f"{cuts[49]:.4f}, {cuts[98]:.4f}, {max(log.seconds):.2f} s"
    )
    for what, count in sorted(log.outcomes.items()):
        table.add_row(what, f"{count:,}")
    table.add_row("lost, doubled or altered", str(len(problems)))
    Console().print(table)
    if problems or len(log.finished) != arguments.listeners:
        sys.exit("\n".join(problems[:10]) or "not everyone finished")


if __name__ == "__main__":
    main()
