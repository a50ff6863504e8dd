"""How fast pictures come: 64 samples at 64 px against a plain loop, 120 frames, the first sample after a start, and the
Generate page on a server that has just started.

    python bench/sample.py [--generator planets] [--page]

The plain loop is the same network as it was trained, in float32, fed with batches of one and of 16. The page is that
of a browser (chromium, as in the tests) that has never seen it, from the address to the pictures being visible, and to
those of the engine, which take their place; `--page` measures only that. Times are wall clock; each is the best and the
median of several, because other programs only ever make it slower.
"""

from __future__ import annotations

import argparse
import io
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import torch

from core.gan import points
from core.gan.pictures import to_pictures
from core.gan.request import SampleRequest
from core.gan.sample import sample
from core.gan.zoo.load import open_generator
from core.pictures import images
from core.settings import Result

REPEATS = 15
COLD = """
import time; began = time.perf_counter()
from core import jobs
from core.gan.request import SampleRequest
jobs.submit(SampleRequest({ref!r}, count=1)).wait()
print(time.perf_counter() - began)
"""


def measured(what: Callable[[], object], repeats: int = REPEATS) -> str:
    what()  # warm
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        what()
        times.append(time.perf_counter() - began)
    return f"{1000 * min(times):7.1f} ms best, {1000 * statistics.median(times):7.1f} ms median"


def asked(request: SampleRequest) -> Result:
    *_, result = sample(request)
    return result


@torch.inference_mode()
def plain(network: torch.nn.Module, latents: torch.Tensor, batch: int) -> list:
    return [picture for part in latents.split(batch) for picture in to_pictures(network(part))]


def animated(ref: str, kind: str) -> None:
    """As the page makes them."""
    way = points.interpolate(points.of_seed(0, 4), 120, closed=True)
    frames = [images.enlarged(picture, 256) for picture in asked(SampleRequest(ref, points=way)).images]
    images.animation(frames, io.BytesIO(), seconds_per_frame=0.05, hold_last=0.05, format=kind)


def said(times: list[float]) -> str:
    return f"{min(times):7.2f} s best, {statistics.median(times):7.2f} s median of {len(times)}"


def cold(ref: str) -> float:
    command = [sys.executable, "-c", COLD.format(ref=ref)]
    return float(subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout)


def first_page() -> tuple[float, float]:
    """Seconds from the address to pictures, and to the engine's own."""
    from playwright.sync_api import sync_playwright

    from support.chromium import launched
    from support.studio import serving

    with (
        tempfile.TemporaryDirectory() as home,
        serving(Path(home), anew=True) as address,
        sync_playwright() as playwright,
    ):
        browser = launched(playwright)
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        time.sleep(2)  # server and browser have settled
        began = time.perf_counter()
        page.goto(f"{address}/generate", wait_until="commit")
        while not page.locator(".pictures button").count():  # wait_for() looks only now and then
            time.sleep(0.02)
        seen = time.perf_counter() - began
        page.locator(".st-key-grid .pictures button").first.wait_for()
        return seen, time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--generator", default="planets")
    parser.add_argument("--page", action="store_true")
    options = parser.parse_args()
    if not options.page:
        engine(options.generator)
    seen, own = zip(*(first_page() for _ in range(3)), strict=True)
    print("pictures on a fresh page      ", said(seen))
    print("those of the engine there     ", said(own))


def engine(ref: str) -> None:
    loaded = open_generator(ref)
    size, latent = loaded.config["size"], loaded.config["latent"]
    latents = torch.from_numpy(points.latents(points.of_seed(0, 64), latent))
    network = loaded.network.float()
    print(f"{loaded.title}: {size} px, {torch.get_num_threads()} threads, torch {torch.__version__}")
    print("64 samples, the engine        ", measured(lambda: asked(SampleRequest(ref, count=64))))
    print("64 samples, plain, batches 16 ", measured(lambda: plain(network, latents, 16)))
    print("64 samples, plain, one by one ", measured(lambda: plain(network, latents, 1), 5))
    print("120 frames and their WebP     ", measured(lambda: animated(ref, "webp"), 5))
    print("120 frames and their MP4      ", measured(lambda: animated(ref, "mp4"), 5))
    print("first sample of a new process ", said([cold(ref) for _ in range(3)]))


if __name__ == "__main__":
    main()
