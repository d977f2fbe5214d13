"""Runs a listening test: one process that serves pages, sounds and answers until it is ended."""

import errno
import ipaddress
import secrets
import signal
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console

from tts_compress.errors import ListeningError
from tts_compress.extras import needed
from tts_compress.listening.built import ANSWERS
from tts_compress.listening.serving.database import Listener
from tts_compress.listening.serving.store import Store

EVERYWHERE = ("", "0.0.0.0", "::")
LARGEST_HEAD = 16 * 1024  # bytes of a request's address and headers
WARNING = "Others on the way can read what is sent: put a proxy with TLS in front."
LAST_REPLIES = 5  # seconds that replies may take after the end was asked for


def serve(
    folder: Path,
    console: Console,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    links: int = 1,
    open_to_all: bool = False,
) -> None:
    """Serves a built test until Ctrl-C or SIGTERM.

    Args:
        folder: The built test; answers go there, too.
        console: Where links and the admin's password are printed.
        host: Address to listen at.
        port: Port; any free one if 0.
        links: How many unfinished listeners there should be; those of earlier times count.
        open_to_all: Whether the first page gives links to everyone.

    Raises:
        ListeningError: The folder is no complete test, or the address cannot be listened at.
        ExtraError: A package of the extra ``listen`` is missing.
    """
    needed("starlette", "listen")
    uvicorn = needed("uvicorn", "listen")
    from tts_compress.listening.serving.app import make_app

    password = secrets.token_urlsafe(12)
    app = make_app(folder, password, open_to_all)
    with closing(app.state.store) as store, _listen(host, port) as listening:
        address = f"http://{_name(host)}:{listening.getsockname()[1]}"
        config = uvicorn.Config(
            app,
            http="h11",
            ws="none",
            log_level="warning",
            access_log=False,  # addresses hold tokens
            server_header=False,
            h11_max_incomplete_event_size=LARGEST_HEAD,
            timeout_graceful_shutdown=LAST_REPLIES,
        )
        server = uvicorn.Server(config)
        with _ended_by_signals(server):
            _announce(console, address, password, _unfinished(store, links), open_to_all)
            if not _is_local(host):
                console.print(WARNING, style="yellow", soft_wrap=True)
            server.run(sockets=[listening])
    console.print(f"Ended; answers are in {folder / ANSWERS}.", soft_wrap=True, highlight=False)


@contextmanager
def _ended_by_signals(server: Any) -> Iterator[None]:
    """Ends a server in good order at Ctrl-C or SIGTERM, also before it has begun.

    uvicorn does so itself while it runs, and raises the signals again at its end. A handler that
    only notes cannot raise where nobody sees it, such as in the middle of an import.
    """

    def end(number: int, frame: Any) -> None:
        server.should_exit = True

    before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        if not 0 <= port < 2**16:
            raise OSError(errno.EINVAL, "port must be 0 to 65535")
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        why = (error.strerror or str(error)).partition(" (while")[0]
        raise ListeningError(
            f"{host}:{port}: cannot be listened at, got {why!r}. "
            "End what uses it, or choose another with --port or --host."
        ) from None


def _unfinished(store: Store, count: int) -> list[Listener]:
    """Gives as many listeners who have not finished, made now where there are fewer."""
    missing = count - sum(not each.finished for each in store.listeners())
    for joining in [store.join() for _ in range(missing)]:
        joining.result()
    return [each for each in store.listeners() if not each.finished][:count]


def _announce(
    console: Console, address: str, password: str, listeners: list[Listener], open_to_all: bool
) -> None:
    lines = [f"Listening test at {address} (Ctrl-C ends it)"]
    lines += [f"Admin: {address}/admin  user: admin  password: {password}"]
    if open_to_all:
        lines += [f"Open to all: {address}/"]
    for each in listeners:
        state = "  (started)" if each.started else ""
        lines += [f"Listener {each.number}: {address}/t/{each.token}{state}"]
    for line in lines:
        console.print(line, soft_wrap=True, markup=False, highlight=False)


def _is_local(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _name(host: str) -> str:
    """Gives the host as links name it."""
    if host in EVERYWHERE:
        return socket.gethostname()
    return f"[{host}]" if ":" in host else host
