"""What is claimed of training, measured: python bench/train.py [speed|overhead|memory|methods|portraits] --dcgan FOLDER

speed      images per second of a DCGAN-64 at the usual widths (ngf = ndf = 64, batch 64) here and in pytorch/examples'
           dcgan, whose folder is given (https://github.com/pytorch/examples, dcgan/); its code is run as it is, its
           pictures come from memory. And the share of the ceiling that a large matrix product reaches here.
overhead   what measures, checkpoints, samples, diary and data take of the processor's time in a run as the page starts
           it, on drawn portraits, and in the beginning of one with the paper's settings.
memory     the largest memory of preparing, and of training on, 50,000 pictures of 64 px.
methods    minutes for a hundred thousand pictures, of each method at its defaults and 32, 64 and 128 px: as this
           processor computes, and in float32 as those without bfloat16 do.
portraits  a run as the page starts it, the embedded portraits at 32 px: sheets after one and two minutes.

Rounds alternate and the median counts, as other programs disturb. With `--threads 1` processor time is meaningful
too, which they disturb less.
"""

from __future__ import annotations

import argparse
import builtins
import itertools
import json
import os
import resource
import runpy
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from core.gan.request import TRAIN_PRESETS, TrainRequest
from core.runs import lifecycle, processes
from core.settings import Progress

BATCH = 64
PAPER = {**TRAIN_PRESETS["paper"], "batch": BATCH}


# ---------------------------------------------------------------- speed


def theirs(folder: Path, steps: int) -> list[tuple[float, float]]:
    """(wall, processor) seconds of each step of examples/dcgan, by the line it prints after each."""
    import torch

    from core.gan.data.torchvision_shim import importable_torchvision

    torchvision = importable_torchvision()
    pictures = torch.rand(steps * BATCH, 3, 64, 64) * 2 - 1
    torchvision.datasets.FakeData = lambda **_: torch.utils.data.TensorDataset(pictures, pictures[:, 0, 0, 0])
    times: list[tuple[float, float]] = []
    plain = builtins.print

    def noting(*words, **_):
        if words and str(words[0]).startswith("[") and "Loss_D" in str(words[0]):
            times.append((time.perf_counter(), time.process_time()))

    builtins.print = noting
    out = tempfile.mkdtemp()
    sys.argv = ["main.py", "--dataset", "fake", "--workers", "0", "--niter", "1", "--manualSeed", "1", "--outf", out]
    try:
        runpy.run_path(str(folder / "main.py"), run_name="__main__")
    finally:
        builtins.print = plain
        shutil.rmtree(out)
    return differences(times)


def ours(steps: int) -> list[tuple[float, float]]:
    training = a_training(PAPER)
    times = []
    for _ in range(steps):
        {name: value.item() for name, value in training.step().items()}
        times.append((time.perf_counter(), time.process_time()))
    return differences(times)


def a_training(settings: dict):
    from core.gan.train import Training
    from core.gan.worker import _accelerator

    request = TrainRequest(**settings)
    pictures = np.random.default_rng(0).integers(0, 256, (2000, request.size, request.size, 3), np.uint8)
    return Training(request, pictures, _accelerator())


def differences(times: list[tuple[float, float]]) -> list[tuple[float, float]]:
    return [(b[0] - a[0], b[1] - a[1]) for a, b in itertools.pairwise(times[1:])]  # the first warm up


def operations() -> float:
    """Floating point operations of one of our steps, counted by torch: a multiplication with its addition is two."""
    from torch.utils.flop_counter import FlopCounterMode

    training = a_training(PAPER)
    with FlopCounterMode(display=False) as counter:
        training.step()
    return counter.get_total_flops()


def ceiling() -> float:
    """The most operations per second that a bf16 matrix product reaches here (float32 where there is no bf16)."""
    import torch

    from core import device

    matrix = torch.randn(2048, 2048).to(device.dtype(torch.device("cpu")))
    best = 0.0
    for _ in range(12):
        began = time.perf_counter()
        matrix @ matrix
        best = max(best, 2 * 2048**3 / (time.perf_counter() - began))
    return best


def speed(options: argparse.Namespace) -> dict:
    measured: dict[str, list] = {"ours": [], "theirs": []}
    for _ in range(options.rounds):
        for who in measured:
            measured[who] += child("_steps", who, str(options.dcgan), options.steps, threads=options.threads)
    result: dict = {"threads": options.threads}
    for clock, name in enumerate(("wall", "processor")):
        per_step = {who: statistics.median(t[clock] for t in times) for who, times in measured.items()}
        for who, seconds in per_step.items():
            result[f"{who}_images_per_{name}_second"] = BATCH / seconds
        result[f"times_as_fast_{name}"] = per_step["theirs"] / per_step["ours"]
    flops, most = child("_ceiling", threads=options.threads)
    # Threads waiting for each other count as work, so with several of them only the clock on the wall is meaningful.
    fastest = min(t[options.threads == 1] for t in measured["ours"])
    result |= {"operations_per_step_e9": flops / 1e9, "ceiling_e9": most / 1e9, "share": flops / fastest / most}
    return result


# ---------------------------------------------------------------- the rest


def overhead(options: argparse.Namespace) -> dict:
    return {name: child("_overhead", name, threads=options.threads) for name in ("small", "paper")}


def _overhead(name: str) -> dict:
    from core.gan import train, worker
    from core.gan.run_writer import RunWriter
    from core.gan.train import Training

    parts = {
        "measures": [(RunWriter, "score"), (RunWriter, "score_quickly")],
        "checkpoints": [(RunWriter, "save")],
        "samples": [(Training, "sample"), (train, "sheet"), (RunWriter, "_sheet")],
        "diary": [(RunWriter, "_say"), (RunWriter, "_note")],
        "data": [(Training, "real_batch"), (Training, "latents")],
    }
    spent = dict.fromkeys([*parts, "steps"], 0.0)
    at_work: list[str] = []

    def timed(owner, called: str, part: str) -> None:
        """What it does inside of another part belongs to that."""
        plain = getattr(owner, called)

        def work(*args, **more):
            began, whole = time.process_time(), not at_work
            at_work.append(part)
            try:
                return plain(*args, **more)
            finally:
                at_work.pop()
                spent[part] += (time.process_time() - began) * whole

        setattr(owner, called, work)

    for part, works in parts.items():
        for owner, called in works:
            timed(owner, called, part)
    os.environ["GANVAS_HOME"] = tempfile.mkdtemp()
    settings = {**PAPER, "steps": 400} if name == "paper" else TRAIN_PRESETS[name]
    run = lifecycle.create(TrainRequest(**settings), {"kind": "drawn", "name": "portraits", "count": 3000}, name)
    worker.work(run, check_only=True)
    spent.update(dict.fromkeys(spent, 0.0))
    began, seconds = time.process_time(), time.monotonic()
    worker.work(run)
    total, seconds = time.process_time() - began, time.monotonic() - seconds
    steps = run.request.steps
    shutil.rmtree(os.environ["GANVAS_HOME"])
    spent["steps"] = total - sum(spent.values())
    return {part: round(took / total, 4) for part, took in spent.items()} | {
        "steps made": steps, "processor seconds": round(total), "seconds": round(seconds),
    }  # fmt: skip


def memory(options: argparse.Namespace) -> dict:
    return child("_memory", threads=options.threads)


def _memory() -> dict:
    from core.gan.data import prepare
    from core.gan.train import Training
    from core.gan.worker import _accelerator

    request = TrainRequest(size=64)
    run = Path(tempfile.mkdtemp())
    noise = np.random.default_rng(0)

    def many():
        for _ in range(50_000):
            pixels = noise.integers(0, 256, (64, 64, 3), np.uint8)
            yield prepare.Prepared(pixels, False, False, False, False)

    prepare._candidates = lambda *_: (50_000, many())
    for event in prepare.prepare({"kind": "folder"}, request, run):
        last = event
    assert not isinstance(last, Progress)
    prepared = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    training = Training(request, prepare.load(run), _accelerator())
    for training.steps in range(50_000 // BATCH):  # every picture is seen
        training.real_batch()
    for _ in range(3):
        training.step()
    shutil.rmtree(run)
    trained = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {"prepared_MB": prepared / 1e6, "trained_MB": trained / 1e6}


def methods(options: argparse.Namespace) -> list[dict]:
    return [child("_methods", *numbers, threads=options.threads) for numbers in ([], ["float32"])]


def _methods(float32: bool) -> dict:
    import torch

    from core import device
    from core.gan.methods import METHODS
    from core.gan.worker import measure

    if float32:
        device.dtype = lambda _: torch.float32
    found: dict = {"numbers": str(device.dtype(device.pick()))}
    for method in METHODS:
        for size in (32, 64, 128):
            measured = measure(a_training({**TRAIN_PRESETS.get(method, {}), "method": method, "size": size}))
            found[f"{method} {size}"] = round(measured["seconds_per_thousand"] / 60 * 100, 1)
    return found


def portraits(options: argparse.Namespace) -> dict:
    """From pressing start: drawing 3,000 portraits, loading torch and training all count."""
    os.environ["GANVAS_HOME"] = tempfile.mkdtemp()
    options.out.mkdir(parents=True, exist_ok=True)
    run = lifecycle.create(TrainRequest(), {"kind": "drawn", "name": "portraits", "count": 3000}, "Portraits")
    began = time.monotonic()
    processes.start(run)
    found = {}
    for seconds in options.after:
        while time.monotonic() - began < seconds:
            time.sleep(0.1)
        step, sheet = max(run.samples().items(), default=(0, None))
        if sheet is not None:
            shutil.copy(sheet, options.out / f"portraits-{seconds}s.png")
        found[seconds] = step
    processes.pause(run)
    while run.alive:
        time.sleep(0.2)
    shutil.rmtree(os.environ["GANVAS_HOME"])
    return {"steps_after_seconds": found, "sheets": str(options.out)}


# ---------------------------------------------------------------- running it


def child(*call, threads: int):
    """One measurement in a fresh process with so many threads."""
    env = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    command = [sys.executable, __file__, *map(str, call)]
    lines = subprocess.run(command, env=env, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
    return json.loads(lines[-1])


def main() -> None:
    match sys.argv[1:]:
        case ["_steps", "ours", _, steps]:
            print(json.dumps(ours(int(steps))))
            return
        case ["_steps", "theirs", folder, steps]:
            print(json.dumps(theirs(Path(folder), int(steps))))
            return
        case ["_ceiling"]:
            print(json.dumps([operations(), ceiling()]))
            return
        case ["_overhead", name]:
            print(json.dumps(_overhead(name)))
            return
        case ["_memory"]:
            print(json.dumps(_memory()))
            return
        case ["_methods", *numbers]:
            print(json.dumps(_methods(bool(numbers))))
            return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    measurements = {
        "speed": speed, "overhead": overhead, "memory": memory, "methods": methods, "portraits": portraits,
    }  # fmt: skip
    parser.add_argument("what", nargs="*", choices=[*measurements, []], help="all, when none is named")
    parser.add_argument("--dcgan", type=Path, help="the folder dcgan of pytorch/examples; speed needs it")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--after", type=int, nargs="+", default=[60, 90, 120], help="seconds, for portraits")
    parser.add_argument("--out", type=Path, default=Path("out"), help="a folder for the sheets of portraits")
    options = parser.parse_args()
    for what in options.what or measurements:
        if what == "speed" and not options.dcgan:
            parser.error("speed needs --dcgan")
        print(what, json.dumps(measurements[what](options), indent=1), flush=True)


if __name__ == "__main__":
    main()
