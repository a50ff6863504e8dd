"""Style transfer, measured on this machine: against the tutorial's recipe, against the strongest peer, and in memory.

    python bench/style.py PHOTO PAINTING [PHOTO PAINTING ...] [--peer DIR] [--size 512] [--out DIR]
    python bench/style.py PHOTO PAINTING --memory
    python bench/style.py PHOTO PAINTING --profile

A pair's runs share a process, the network and the pictures, and all that is painted is judged by the same code:
clamped to [0, 1], at full size, float32. Ours at freedom 0, as what is compared is the descent to a loss with the
photo's forms in it; how a bolder painting looks, `bench/looks.py` tells. PEER is a checkout of
github.com/crowsonkb/style-transfer-pytorch; it runs at its defaults, but on our features instead of VGG-19's. Seconds
are this machine's; look at the ratios.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import multiprocessing
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor, nn

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from core import device as devices
from core import perceptual
from core.gan.data.torchvision_shim import importable_torchvision
from core.pictures import images
from core.settings import Progress
from core.style import choice
from core.style.optimise.objective import CONTENT_LAYER, PALETTE, Moments, Objective, Weights, total_variation
from core.style.optimise.paint import paint
from core.style.optimise.schedule import scales
from core.style.pixels import to_picture, to_tensor
from core.style.request import StyleRequest

CPU = torch.device("cpu")
Timed = list[tuple[float, Image.Image]]  # seconds since the start, and the picture there was


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("pictures", type=Path, nargs="+", metavar="PHOTO PAINTING")
    options.add_argument("--size", type=int, default=512)
    options.add_argument("--network", default="auto")
    options.add_argument("--peer", type=Path, help="a checkout of crowsonkb/style-transfer-pytorch")
    options.add_argument("--out", type=Path, help="a folder for the pictures")
    options.add_argument("--memory", action="store_true", help="peak memory at 512, 1024 and 2048 px instead")
    options.add_argument("--profile", action="store_true", help="where the time of a step goes instead")
    arguments = options.parse_args()
    if len(arguments.pictures) % 2:
        options.error(f"got {len(arguments.pictures)} pictures; give a painting after every photo")
    if (arguments.memory or arguments.profile) and len(arguments.pictures) > 2:
        options.error("--memory and --profile take one photo and one painting")
    if arguments.memory:
        for size in (512, 1024, 2048):
            peak_memory(arguments, size)
    elif arguments.profile:
        profile(arguments)
    else:
        # Every pair in a process of its own: in one where Ganvas has painted memory is kept, for the others too.
        for pair in zip(arguments.pictures[::2], arguments.pictures[1::2], strict=True):
            of_pair = argparse.Namespace(**vars(arguments) | {"pictures": pair})
            process = multiprocessing.get_context("spawn").Process(target=race, args=(of_pair,))
            process.start()
            process.join()
            if process.exitcode:
                sys.exit(process.exitcode)


# ---------------------------------------------------------------- the race


def race(arguments: argparse.Namespace) -> None:
    photo, painting = map(images.open_picture, arguments.pictures)
    request = StyleRequest(freedom=0, size=arguments.size, network=arguments.network)
    net = perceptual.load(choice.choose(arguments.network))
    judge = judging(net, request, photo, painting)

    # Ours comes last: it tells the process to keep its memory, and the others run as they come.
    runs = {"classic (L-BFGS, 300 steps, float32)": lambda: classic(judge)}
    if arguments.peer:
        runs["crowsonkb (its defaults)"] = lambda: peer(arguments.peer, net, photo, painting, arguments.size)
    runs["Ganvas"] = lambda: ours(request, photo, painting)
    pair = " x ".join(picture.stem for picture in arguments.pictures)
    losses: dict[str, list[tuple[float, float]]] = {}
    for name, run in runs.items():
        timed = run()
        losses[name] = [(seconds, judge(picture)) for seconds, picture in timed]
        if arguments.out:
            arguments.out.mkdir(parents=True, exist_ok=True)
            timed[-1][1].save(arguments.out / f"{images.save_name(f'{name} {pair}')}.png")
            (arguments.out / f"{images.save_name(pair)}.json").write_text(json.dumps(losses, indent=1))

    print(f"\n{pair}: {net.label}, {arguments.size} px, {torch.get_num_threads()} threads")
    print(f"{'':40} {'seconds':>9} {'loss':>9}   Ganvas was there after")
    for name, curve in losses.items():
        seconds, loss = curve[-1]
        first = next((t for t, value in losses["Ganvas"] if value <= loss), None)
        there = f"{first:.1f} s, 1/{seconds / first:.1f} of the time" if first else "never"
        print(f"{name:40} {seconds:9.1f} {loss:9.4f}   {there}")


class judging:
    """The loss of any picture at full size in float32, against targets taken once."""

    def __init__(self, net: perceptual.FeatureNet, request: StyleRequest, photo: Image.Image, painting: Image.Image):
        last = scales(request, photo.size)[-1]
        self.size = (last.width, last.height)
        self.photo = to_tensor(photo, self.size, CPU)
        style = to_tensor(painting, last.of_style(*painting.size), CPU)
        self.objective = Objective(net, self.photo, [style], [1.0], Weights.of(request))

    def __call__(self, picture: Image.Image) -> float:
        with torch.no_grad():
            loss, _ = self.objective(to_tensor(picture, self.size, CPU))
        return float(loss)

    def formula(self, image: Tensor) -> Tensor:
        """The same loss as the lesson writes it, left to autograd."""
        o, w = self.objective, self.objective.weights
        features = o.network(image, [*o.layer_weights, CONTENT_LAYER])
        loss = w.content * (features[CONTENT_LAYER] - o.content).square().mean() / o.content_size
        for name, share in {**{k: w.style * v for k, v in o.layer_weights.items()}, PALETTE: w.palette}.items():
            found, target = Moments.of(features.get(name, image)), o.styles[name]
            loss = loss + share * (found.mean[0] - target.mean).square().sum() / target.mean_size
            loss = loss + share * (found.covariance[0] - target.covariance).square().sum() / target.covariance_size
        return loss + w.variation * total_variation(image)


def classic(judge: judging) -> Timed:
    """One scale, float32, from the photo, torch's L-BFGS as it comes: the well-known PyTorch tutorial's recipe."""
    x = judge.photo.contiguous().clone().requires_grad_()
    optimiser, evaluations = torch.optim.LBFGS([x]), 0
    began = time.perf_counter()

    def closure() -> Tensor:
        nonlocal evaluations
        with torch.no_grad():
            x.clamp_(0, 1)
        optimiser.zero_grad()
        loss = judge.formula(x) * x.numel()  # the tutorial's losses are of such a size; a mean would stall it
        loss.backward()
        evaluations += 1
        return loss

    while evaluations < 300:
        optimiser.step(closure)
    return [(time.perf_counter() - began, to_picture(x.detach()))]


def ours(request: StyleRequest, photo: Image.Image, painting: Image.Image) -> Timed:
    """What the style page does, with the previews it shows on the way."""
    for _ in paint(dataclasses.replace(request, size=128, steps=2), photo, [painting]):
        pass  # loads the network and measures the machine, as the page does when it opens
    began, seen = time.perf_counter(), []
    for event in paint(request, photo, [painting]):
        picture = event.preview if isinstance(event, Progress) else event.images[0]
        if picture is not None:
            seen.append((time.perf_counter() - began, picture))
    return seen


def peer(
    folder: Path,
    net: perceptual.FeatureNet,
    photo: Image.Image,
    painting: Image.Image,
    size: int,
    allowed: float | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> Timed:
    """crowsonkb's StyleTransfer at its defaults, looking through our network, to its end or for so many seconds."""
    importable_torchvision()
    sys.path.insert(0, str(folder))
    from style_transfer import style_transfer

    names = {1: "relu1_1", 6: "relu2_1", 11: "relu3_1", 20: "relu4_1", 22: "relu4_2", 29: "relu5_1"}

    class Features(nn.Module):
        def __init__(self, layers: list[int], **_: str):
            super().__init__()
            self.layers = sorted(set(layers))

        def distribute_layers(self, _: dict) -> None:
            """One device: nothing to distribute."""

        def forward(self, image: Tensor, layers: list[int] | None = None) -> dict:
            wanted = self.layers if layers is None else layers
            found = net(image, [names[n] for n in wanted])
            return {"input": image, **{n: found[names[n]] for n in wanted}}

    style_transfer.VGGFeatures = Features
    painter, began, seen = style_transfer.StyleTransfer(), clock(), []

    def watch(_: object) -> None:
        now = clock() - began
        if allowed and now > allowed:
            raise TimeoutError
        if not seen or now - seen[-1][0] > 1:
            seen.append((now, painter.get_image()))

    with contextlib.redirect_stdout(sys.stderr), contextlib.suppress(TimeoutError):
        painter.stylize(images.on_white(photo), [images.on_white(painting)], end_scale=size, callback=watch)
    return [*seen, (clock() - began, painter.get_image())]


# ---------------------------------------------------------------- memory and profile


def peak_memory(arguments: argparse.Namespace, size: int) -> None:
    """Peak resident memory of a process of its own that paints four steps at every scale up to `size`."""
    code = f"""
import resource, sys
from core.pictures import images
from core.style.request import StyleRequest
from core.style.optimise import budget
from core.style.optimise.paint import paint
photo, painting = images.open_picture(sys.argv[1]), images.open_picture(sys.argv[2])
request = StyleRequest(freedom=0, size={size}, steps=4, network={arguments.network!r})
for event in paint(request, photo, [painting]):
    if not hasattr(event, "images") and event.step == 1:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
from core.style import choice
forecast = budget.estimate(request, photo.size, budget.recall(choice.choose({arguments.network!r}))).memory
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(f"{size} px: peak {{peak / 1e6:.2f}} GB, {{before / 1e6:.2f}} of it before the first step;", end=" ")
print(f"told beforehand: {{forecast / 1e9:.2f}} GB")
"""
    pictures = [picture.resolve() for picture in arguments.pictures]
    subprocess.run([sys.executable, "-c", code, *pictures], check=True, cwd=ROOT)


def profile(arguments: argparse.Namespace) -> None:
    """Where the time of full-size steps goes, by operator."""
    photo, painting = map(images.open_picture, arguments.pictures)
    request = StyleRequest(freedom=0, size=arguments.size, steps=8, network=arguments.network)
    events: Iterator = paint(request, photo, [painting])
    last = scales(request, photo.size)[-1]
    total = sum(s.steps for s in scales(request, photo.size))
    for event in events:
        if isinstance(event, Progress) and event.step == total - 5:
            break
    with torch.profiler.profile() as profiler:
        for _ in range(4):
            next(events)
    print(f"4 steps at {last.width} x {last.height} px, {devices.dtype(CPU)}")
    print(profiler.key_averages().table(sort_by="self_cpu_time_total", row_limit=14, max_name_column_width=40))


if __name__ == "__main__":
    main()
