"""The files that browsers get as they are: the page of listeners, the admin page, their parts."""

from hashlib import sha256
from importlib.resources import files

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

TYPES = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
CHECKED = "no-cache"  # kept by browsers, and asked for again


class Assets:
    """Every file of ``listening/page``, read once: no path is made of what a request says."""

    def __init__(self) -> None:
        home = files("tts_compress.listening") / "page"
        found = [path for path in home.iterdir() if path.is_file()]
        self._assets = {p.name: p.read_bytes() for p in found if _suffix(p.name) in TYPES}
        self._pages = {p.name: p.read_text("utf-8") for p in found if _suffix(p.name) == "html"}

    def page(self, name: str, status: int = 200) -> Response:
        """Gives a page of this package."""
        return HTMLResponse(self._pages[name], status, headers={"Cache-Control": CHECKED})

    async def asset(self, request: Request) -> Response:
        """Gives a part of a page."""
        name = request.path_params["name"]
        if name not in self._assets:
            raise HTTPException(404, "No such asset.")
        content = self._assets[name]
        tag = f'"{sha256(content).hexdigest()[:32]}"'
        headers = {"Cache-Control": CHECKED, "ETag": tag}
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=headers)
        return Response(content, media_type=TYPES[_suffix(name)], headers=headers)


def _suffix(name: str) -> str:
    return name.rpartition(".")[2]
