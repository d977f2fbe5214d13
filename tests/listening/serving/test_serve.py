"""The server as a process: its links, its end, SIGKILL in the middle, and paths that lead out."""

import http.client
import os
import re
import signal
import socket
import subprocess
import sys
from contextlib import closing, contextmanager
from io import StringIO
from pathlib import Path

import httpx
import pytest
import uvicorn
from rich.console import Console

from tts_compress.errors import ListeningError
from tts_compress.listening.serving.app import make_app
from tts_compress.listening.serving.serve import _ended_by_signals, serve
from tts_compress.listening.serving.store import read_listeners

BENCHMARK = Path(__file__).parents[3] / "benchmarks" / "listeners.py"


class Server:
    """A running server, and what it printed until its last link."""

    def __init__(self, folder, *options, n_links=1):
        command = [sys.executable, "-m", "tts_compress", "listen", "serve", str(folder)]
        command += ["--port", "0", "--links", str(n_links), *options]
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self.lines = []
        while sum(line.startswith("Listener ") for line in self.lines) < n_links:
            line = self.process.stdout.readline()
            assert line, self.process.stderr.read()
            self.lines.append(line)
        printed = "".join(self.lines)
        self.address = re.search(r"Listening test at (\S+)", printed)[1]
        self.password = re.search(r"password: (\S+)", printed)[1]
        self.links = re.findall(r"Listener \d+: (\S+)", printed)

    def end(self, how=signal.SIGINT):
        self.process.send_signal(how)
        code = self.process.wait(timeout=30)
        with self.process.stdout as out, self.process.stderr as errors:
            return code, out.read(), errors.read()  # communicate() passes over what was read ahead


@contextmanager
def running(folder, *options, **more):
    server = Server(folder, *options, **more)
    try:
        yield server
    finally:
        if server.process.poll() is None:
            server.process.kill()
            server.process.communicate()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_it_prints_what_is_needed_and_ends_in_good_order(served, how):
    with running(served, n_links=2) as server:
        assert server.address.startswith("http://127.0.0.1:")
        with httpx.Client(trust_env=False) as client:  # its connection stays open
            assert [client.get(link).status_code for link in server.links] == [200, 200]
            progress = f"{server.address}/admin/progress.json"
            assert client.get(progress).status_code == 401
            reply = client.get(progress, auth=("admin", server.password))
            assert [each["number"] for each in reply.json()["listeners"]] == [0, 1]
            assert "server" not in reply.headers
            code, out, errors = server.end(how)
    assert (code, errors) == (0, "")
    assert out == f"Ended; answers are in {served / 'answers.sqlite'}.\n"


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_before_it_runs_ends_it(served, how):
    app = make_app(served, "password")
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning", ws="none"))
    with closing(app.state.store), _ended_by_signals(server):
        signal.raise_signal(how)
        server.run()
    assert server.should_exit


def test_a_restart_gives_unfinished_listeners_their_links_again(served):
    with running(served, n_links=2) as server:
        first = [link.rpartition("/")[2] for link in server.links]
        server.end()
    with running(served, n_links=3) as server:
        again = [link.rpartition("/")[2] for link in server.links]
        server.end()
    assert again[:2] == first
    assert len(read_listeners(served)) == 3


def test_killed_servers_lose_nothing_that_was_acknowledged():
    command = [
        sys.executable,
        str(BENCHMARK),
        "--listeners",
        "20",
        "--seconds",
        "3",
        "--kills",
        "1",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"lost, doubled or altered\W+0\b", done.stdout)


PATHS = (
    "../test.json",
    "%2e%2e/test.json",
    "..%2ftest.json",
    "%2e%2e%2ftest.json",
    "%252e%252e%252ftest.json",
    "..%5ctest.json",
    "..\\test.json",
    "....//test.json",
    "..;/test.json",
    "%00",
    "ref1.wav%00",
    "ref1.wav%00.js",
    "%2fetc%2fpasswd",
    "//etc/passwd",
    "%c0%ae%c0%ae/test.json",
    "%ff",
    ".",
    "..",
    "../answers.sqlite",
    "../../store.py",
    "index.html",
    "x" * 10_000,
)


def test_no_path_leads_out(served):
    """Paths are sent to the letter, as browsers and httpx would not."""
    with running(served) as server:
        token = server.links[0].rpartition("/")[2]
        address = server.address.removeprefix("http://")
        for root in (f"/api/{token}/audio/", f"/api/{token}/", "/assets/", "/t/", "/admin/", "/"):
            for path in PATHS:
                if root + path in ("/.", "/.."):
                    continue
                connection = http.client.HTTPConnection(address)
                connection.request("GET", root + path)
                assert connection.getresponse().status == 404, root + path
                connection.close()
        assert server.end()[0] == 0


def test_heads_without_end_are_refused(served):
    with running(served) as server:
        host, _, port = server.address.removeprefix("http://").partition(":")
        with socket.create_connection((host, int(port)), timeout=30) as connection:
            connection.sendall(b"GET /" + b"x" * 40_000)
            assert connection.recv(100).startswith(b"HTTP/1.1 400 ")


def test_a_port_in_use_is_one_clear_line(served):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        command = [sys.executable, "-m", "tts_compress", "listen", "serve", str(served)]
        command += ["--port", str(port)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == (
        f"127.0.0.1:{port}: cannot be listened at, got 'Address already in use'. "
        "End what uses it, or choose another with --port or --host.\n"
    )


@pytest.mark.parametrize(
    ("host", "port", "why"),
    [
        ("no such host.invalid", 0, "Name or service not known"),
        ("192.0.2.1", 0, "Cannot assign requested address"),
        ("127.0.0.1", 70_000, "port must be 0 to 65535"),
    ],
)
def test_addresses_that_are_not_of_this_machine_are_refused(served, host, port, why):
    with pytest.raises(ListeningError, match=rf"^{host}:{port}: cannot be .*, got '{why}'"):
        serve(served, Console(file=StringIO()), host=host, port=port)


def test_a_folder_that_is_no_test_is_refused(tmp_path):
    with pytest.raises(ListeningError, match="no listening test"):
        serve(tmp_path, Console(file=StringIO()))
    assert list(tmp_path.iterdir()) == []


def test_everywhere_is_warned_about_and_named(served):
    with running(served, "--host", "0.0.0.0", "--open") as server:
        port = server.address.rpartition(":")[2]
        assert server.address == f"http://{socket.gethostname()}:{port}"
        assert f"Open to all: {server.address}/\n" in server.lines
        assert httpx.get(f"http://127.0.0.1:{port}/", trust_env=False).status_code == 200
        _, out, _ = server.end()
    assert "put a proxy with TLS in front" in out


def test_its_own_machine_is_not_warned_about(served):
    with running(served, "--host", "localhost") as server:
        _, out, _ = server.end()
    assert "TLS" not in out
    assert os.linesep.join(server.lines).count("http://localhost:") == 3
