"""Who may do what: headers of every reply, bounded bodies, and the password of the admin page."""

import base64
import binascii
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from hmac import compare_digest
from urllib.parse import urlsplit

from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LARGEST = 256 * 1024  # bytes of a body; the longest honest answer takes a fifth of it
FREE_FAILURES = 5  # wrong passwords of one address before it must wait
LONGEST_WAIT = 60.0  # seconds
MOST_ADDRESSES = 10_000
MOST_JOINING = 100  # in a minute
ADMIN = "admin"
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; "
        "frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",  # links hold tokens
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class SafeHeaders:
    """Adds `HEADERS` to every reply that does not set them itself."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self.app(scope, receive, send_with_headers)


async def json_body(request: Request) -> bytes:
    """Gives the body of a request, and reads no more than `LARGEST` bytes of it.

    Other sites cannot send this type of content without asking first, and are never answered.

    Raises:
        HTTPException: It is not declared as JSON, or too large.
    """
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type != "application/json":
        raise HTTPException(415, "Content-Type must be application/json.")
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > LARGEST:
            raise HTTPException(413, f"The body has more than {LARGEST} bytes.")
    return bytes(body)


def refuse_other_sites(request: Request) -> None:
    """Lets a form or an empty request pass only if a page of this server sent it.

    Raises:
        HTTPException: Another site did.
    """
    site = request.headers.get("sec-fetch-site")
    if site is None:  # browsers leave it out on plain HTTP, except to localhost
        origin = request.headers.get("origin")
        same = origin is None or urlsplit(origin).netloc == request.headers.get("host")
    else:
        same = site in ("same-origin", "none")
    if not same:
        raise HTTPException(403, "Asked for by another site.")


class Pace:
    """Lets `MOST_JOINING` new listeners begin in a minute, whoever they are.

    Whoever wants to can still use up numbers of the design in an open test, but not fill the disk.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._joined: deque[float] = deque(maxlen=MOST_JOINING)

    def check(self) -> None:
        """Lets one begin.

        Raises:
            HTTPException: Too many began in the last minute.
        """
        now = self._clock()
        if len(self._joined) == MOST_JOINING and now < self._joined[0] + 60:
            wait = {"Retry-After": str(int(self._joined[0] + 60 - now) + 1)}
            raise HTTPException(429, "Too many begin now: go back, and start in a minute.", wait)
        self._joined.append(now)


class Gate:
    """Lets those in who know the password; wrong ones make an address wait, ever longer."""

    def __init__(self, password: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._password = password
        self._clock = clock
        self._failures: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def check(self, request: Request) -> None:
        """Lets a request pass.

        Raises:
            HTTPException: It lacks the password, or must wait.
        """
        address = request.client.host if request.client else ""
        failures, until = self._failures.get(address, (0, 0.0))
        if (wait := until - self._clock()) > 0:
            headers = {"Retry-After": str(int(wait) + 1)}
            raise HTTPException(429, "Too many wrong passwords; wait.", headers)
        given = _password(request.headers.get("authorization", ""))
        if given is not None and compare_digest(given, self._password.encode()):
            self._failures.pop(address, None)
            return
        if given is not None:  # asking without one is how browsers begin
            self._count(address, failures + 1)
        headers = {"WWW-Authenticate": 'Basic realm="listening test", charset="UTF-8"'}
        raise HTTPException(401, "The password is printed where the server was started.", headers)

    def _count(self, address: str, failures: int) -> None:
        excess = failures - FREE_FAILURES
        wait = min(LONGEST_WAIT, 2.0 ** min(excess, 10)) if excess >= 0 else 0.0
        self._failures[address] = failures, self._clock() + wait
        self._failures.move_to_end(address)
        if len(self._failures) > MOST_ADDRESSES:
            self._failures.popitem(last=False)


def _password(authorization: str) -> bytes | None:
    """Gives what HTTP basic authentication holds; None if it holds no password of the admin."""
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, _, password = base64.b64decode(encoded, validate=True).partition(b":")
    except (binascii.Error, ValueError):
        return b""
    return password if compare_digest(user, ADMIN.encode()) else b""
