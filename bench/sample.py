"""How fast pictures come: 64 samples at 64 px against a plain loop, the first sample after a start, 120 frames.

    python bench/sample.py [--generator planets]

The plain loop is the same network as it was trained, in float32, fed with batches of one and of 16. Times are wall
clock; each is the best and the median of `REPEATS`, because other programs only ever make it slower.
"""

from __future__ import annotations

import argparse
import io
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import torch

from core import images
from core.gan import points
from core.gan.generator import to_pictures
from core.gan.load import open_generator
from core.gan.sample import sample
from core.settings import Result, SampleRequest

REPEATS = 15
COLD = """
import time; began = time.perf_counter()
from core import jobs
from core.settings import SampleRequest
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


def animated(ref: str) -> None:
    frames = points.way(points.of_seed(0, 4), 120, closed=True)
    images.animation(asked(SampleRequest(ref, points=frames)).images, io.BytesIO(), seconds_per_frame=0.05)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--generator", default="planets")
    ref = parser.parse_args().generator
    loaded = open_generator(ref)
    size, latent = loaded.config["size"], loaded.config["latent"]
    latents = torch.from_numpy(points.latents(points.of_seed(0, 64), latent))
    network = loaded.network.float()
    print(f"{loaded.title}: {size} px, {torch.get_num_threads()} threads, torch {torch.__version__}")
    print("64 samples, the engine       ", measured(lambda: asked(SampleRequest(ref, count=64))))
    print("64 samples, plain, batches 16", measured(lambda: plain(network, latents, 16)))
    print("64 samples, plain, one by one", measured(lambda: plain(network, latents, 1), 5))
    print("120 frames and their WebP    ", measured(lambda: animated(ref), 5))
    colds = [
        float(
            subprocess.run(
                [sys.executable, "-c", COLD.format(ref=ref)], cwd=ROOT, capture_output=True, check=True
            ).stdout
        )
        for _ in range(3)
    ]
    print(f"first sample of a new process {min(colds):7.2f} s best, {statistics.median(colds):7.2f} s median of 3")


if __name__ == "__main__":
    main()
