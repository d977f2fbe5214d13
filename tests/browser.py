"""A real browser for tests: headless Chromium through Playwright.

`tests/conftest.py` offers these fixtures to every test by name. Where there is no browser, tests
that ask for one are skipped; with ``TTS_COMPRESS_BROWSER=required`` they fail instead. ``CHROMIUM``
says where it is, if not on the path.
"""

import os
import shutil

import pytest

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def _missing(what):
    if os.environ.get("TTS_COMPRESS_BROWSER") == "required":
        pytest.fail(f"a browser is required: {what}", pytrace=False)
    pytest.skip(what)


@pytest.fixture(scope="module")
def chromium():
    """The browser, one for each file of tests.

    Not one for all: while Playwright's synchronous interface is open, ``asyncio.run`` cannot be
    called in the same thread, which the tests of other files may do.
    """
    try:
        from playwright.sync_api import sync_playwright
    except ModuleNotFoundError:
        _missing("playwright is not installed")
    path = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if not path:
        _missing("chromium is not on the path, and CHROMIUM is not set")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture
def new_page(chromium):
    """Opens a page in a fresh context; takes Playwright's options, such as `viewport`.

    An exception that a page does not catch, and what a page's Content-Security-Policy refuses, fail
    the test at its end.
    """
    contexts, problems = [], []

    def new(**options):
        context = chromium.new_context(**options)
        contexts.append(context)
        context.set_default_timeout(30_000)
        context.on("weberror", lambda error: problems.append(str(error.error)))
        context.on("console", lambda message: _note_refused(message, problems))
        return context.new_page()

    yield new
    for context in contexts:
        context.close()
    assert not problems


def _note_refused(message, problems):
    if message.type == "error" and "Content Security Policy" in message.text:
        problems.append(message.text)
