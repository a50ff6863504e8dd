"""The duel of the two networks, for whoever looks: between two phases of a step it shows what D says of some pictures,
and waits as long as that is wished for (`core.runs.watching`).

The pictures are the same at every look, so what changes is what the networks have learned. All is computed by copies
of them, and draws none of the training's random numbers, so a run that was looked at ends as it would have, bit for
bit. While nobody looks, it asks for a file five times a second.
"""

from __future__ import annotations

import copy
import io
import math
import time
from collections.abc import Callable, Mapping

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from core.errors import UserError
from core.gan.losses import beliefs, generator_loss
from core.gan.pictures import to_pictures
from core.gan.train import Training
from core.pictures import images
from core.runs import watching
from core.runs.run_folder import Run
from core.runs.watching import Seen, Wish

SHOWN = 8  # pictures of each kind
SEEN_WITH = 64  # at most: among how many others they are seen, which matters to batch norm
TILE = 64  # px, at most
ASK_SECONDS, WAIT_SECONDS = 0.2, 0.03
LOOK_SECONDS, SLOW_SECONDS = 0.5, 1.0  # between looks; at full pace also at least ten times what one takes


class Duel:
    """Called after every phase with what it measured, and before the first with nothing. `ended` tells that nothing is
    to be waited for any more."""

    def __init__(self, run: Run, training: Training, ended: Callable[[], object]):
        self.run, self.training, self.ended = run, training, ended
        self.turn = 2 * training.steps
        self.measured: dict[str, Tensor] = {}
        self.asked = self.looked = -math.inf
        self.every = LOOK_SECONDS
        self.wished: Wish | None = None
        self.shown: Seen | None = None

    def __call__(self, measured: Mapping[str, Tensor]) -> None:
        self.turn += bool(measured)
        self.measured |= {name: value.detach() for name, value in measured.items()}
        now = time.perf_counter()
        if now - self.asked > ASK_SECONDS:
            self._ask()
        if self.wished is None:
            return
        if self.wished.pace != "full" or now - self.looked > self.every:
            self.look()
        if self.training.accelerator.num_processes == 1:  # others would wait for this one, and not for ever
            self._wait()

    def look(self) -> None:
        """Show how it stands. What cannot be written, on a full disk, is not seen; the training goes on."""
        began = time.perf_counter()
        self.shown = self._seen()
        try:
            watching.show(self.run, self.shown)
        except UserError as error:
            print(f"The duel cannot be shown: {error}", flush=True)
        self.looked = time.perf_counter()
        self.every = max(LOOK_SECONDS, 10 * (self.looked - began))

    def _ask(self) -> None:
        self.asked, self.wished = time.perf_counter(), watching.wished(self.run)

    def _wait(self) -> None:
        began = time.perf_counter()
        while (wish := self.wished) and not self.ended():
            slowly = wish.pace == "slow" and time.perf_counter() - began < SLOW_SECONDS
            held = wish.pace == "held" and self.turn >= wish.turn
            if not slowly and not held:
                return
            time.sleep(WAIT_SECONDS)
            self._ask()

    def _seen(self) -> Seen:
        real, fake, pull, on_real, on_fake = self._judged()
        strength = pull.flatten(1).norm(dim=1).mean().item()
        sheet = images.grid([*_tiles(real), *_tiles(fake), *_tiles(_visible(pull))], columns=SHOWN, gap=0)
        file = io.BytesIO()
        sheet.save(file, "PNG")
        numbers = {name: value.float().mean().item() for name, value in self.measured.items()} | {"pull": strength}
        last = self.shown
        return Seen(
            self.turn,
            "" if not self.measured else "d" if self.turn % 2 else "g",
            _scores(on_real),
            _scores(on_fake),
            {name: value for name, value in numbers.items() if math.isfinite(value)},
            last.means if last and last.turn == self.turn - 1 else None,
            file.getvalue(),
        )

    def _judged(self) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Of the first pictures, as D sees them but for what varies them: real, generated, how the generated ones
        should change for G's loss to fall [SHOWN, C, H, W], and D's beliefs [SHOWN] of both."""
        training, request = self.training, self.training.request
        count = max(SHOWN, min(request.batch, SEEN_WITH))
        places, latents = np.resize(training.learned, count), training.preview_latents(count)
        with torch.random.fork_rng(devices=[training.device] if training.device.type == "cuda" else []):
            g, d = (copy.deepcopy(network).train() for network in (training.g, training.d))
            real = d.shown(training.pictures(places))
            with training.accelerator.autocast():
                with torch.no_grad():
                    fake = g.shown(latents).float()
                fake.requires_grad_(True)
                on_real, on_fake = d(real, *self._classes(places)), d(fake, *self._classes(latents))
                loss = generator_loss(request.loss, on_fake, on_real)
            (slope,) = torch.autograd.grad(loss * count, fake)
            on_real, on_fake = beliefs(request.loss, on_real.detach(), on_fake.detach())
        finest = (x.detach() if x.ndim == 4 else x.detach()[:, -1] for x in (real, fake, -slope.float()))
        real, fake, pull = (x[:SHOWN] for x in finest)
        return real, fake, pull, on_real[:SHOWN], on_fake[:SHOWN]

    def _classes(self, of: np.ndarray | Tensor) -> list[Tensor]:
        """How much of each class pictures are, [N, classes], where D asks: real ones by their places, generated ones by
        their latents."""
        labels = self.training.labels
        if not labels:
            return []
        if isinstance(of, Tensor):
            return [of[..., -len(labels.names) :]]
        return [self.training.shares(of)]


def _scores(values: Tensor) -> tuple[float | None, ...]:
    return tuple(round(value, 4) if math.isfinite(value) else None for value in values.tolist())


def _visible(pull: Tensor) -> Tensor:
    """Grey where nothing is pulled; of colours with transparency the colours."""
    pull = pull[:, :3].nan_to_num(0, 0, 0)
    return pull / pull.abs().quantile(0.995).clamp(min=1e-12)


def _tiles(pixels: Tensor) -> list[Image.Image]:
    side = min(TILE, pixels.shape[-1])
    return [images.on_white(p).convert("RGB").resize((side, side)) for p in to_pictures(pixels.nan_to_num(0, 0, 0))]
