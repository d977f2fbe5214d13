"""How long the report of 30 runs of 20 sentences takes to write, and its page to load.

    python benchmarks/report.py [--runs 30] [--sentences 20] [--folder runs]

The results are synthetic, of the size that real ones have, unless a folder is given. The page is
opened from disk in headless Chromium, where there is one: printed is when the table could be read,
when everything was loaded, when the first chart was drawn, and how long the page's thread computed
for all of it, each the median of five openings.
"""

import argparse
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests.browser import FLAGS  # noqa: E402
from tests.report.synthetic import make_results  # noqa: E402
from tts_compress.report.page import write_report  # noqa: E402

MEASURED = """() => {
  const [navigation] = performance.getEntriesByType("navigation");
  const [chart] = performance.getEntriesByName("chart");
  return {table: navigation.domContentLoadedEventEnd, loaded: navigation.loadEventEnd,
          chart: chart.startTime};
}"""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=30)
    parser.add_argument("--sentences", type=int, default=20)
    parser.add_argument("--folder", type=Path, help="real results in place of synthetic ones")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        results = given.folder or make_results(Path(scratch) / "r", given.runs, given.sentences)
        out = Path(scratch) / "report"
        start, cpu = time.perf_counter(), time.process_time()
        write_report([results], out, Console(quiet=True))
        print(
            f"written in {time.perf_counter() - start:.1f} s, {time.process_time() - cpu:.1f} CPU s"
        )
        files = [path for path in out.rglob("*") if path.is_file()]
        page = (out / "index.html").stat().st_size
        print(f"{len(files)} files, page {page / 1e6:.1f} MB")
        loads = [load(out / "index.html") for _ in range(5)]
        for what in loads[0]:
            print(f"{what}: {statistics.median(found[what] for found in loads):.0f} ms")


def load(page: Path) -> dict[str, float]:
    """Opens a page in a browser of its own and gives milliseconds since the opening began."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = shutil.which("chromium")
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        tab = browser.new_page(viewport={"width": 1400, "height": 1000})
        inside = tab.context.new_cdp_session(tab)
        inside.send("Performance.enable")
        tab.goto(page.as_uri())
        tab.wait_for_function("performance.getEntriesByName('chart').length > 0")
        found: dict[str, float] = tab.evaluate(MEASURED)
        metrics = {m["name"]: m["value"] for m in inside.send("Performance.getMetrics")["metrics"]}
        found["computed"] = 1000 * metrics["ThreadTime"]
        browser.close()
    return found


if __name__ == "__main__":
    main()
