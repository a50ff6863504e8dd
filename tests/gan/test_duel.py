"""Looking at a run between the phases of its steps: it is seen as it is, stepped through, and ends as it would have."""

import io

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from PIL import Image

from core.gan import duel
from core.gan.data.labels import Labels
from core.gan.duel import Duel
from core.gan.methods import ADVERSARIAL
from core.gan.request import TrainRequest
from core.gan.train import Training, train
from core.runs import lifecycle, watching
from core.runs.run_folder import Run
from support.same import same

SETTINGS = {"size": 16, "width_g": 4, "width_d": 4, "latent": 8, "batch": 8, "steps": 20}


@pytest.fixture
def accelerator() -> Accelerator:
    return Accelerator(cpu=True, mixed_precision="no")


@pytest.fixture(autouse=True)
def _at_once(monkeypatch):
    for name in ("ASK_SECONDS", "WAIT_SECONDS"):
        monkeypatch.setattr(duel, name, 0.0)
    monkeypatch.setattr(duel, "SLOW_SECONDS", 0.05)


def new(request: TrainRequest) -> Run:
    return lifecycle.create(request, {"kind": "drawn", "name": "portraits", "count": 40}, "Faces")


def training(request: TrainRequest, accelerator: Accelerator) -> Training:
    images = np.random.default_rng(0).integers(0, 256, (40, 16, 16, request.channels), np.uint8)
    labels = Labels(("cats", "dogs"), np.arange(40, dtype=np.uint8) % 2) if request.by_folder else None
    return Training(request, images, accelerator, labels=labels)


@pytest.mark.slow
@pytest.mark.parametrize(("method", "classes"), [*((method, False) for method in ADVERSARIAL), ("dcgan", True)])
def test_a_run_that_is_stepped_through_ends_bit_for_bit_like_one_that_nobody_watched(method, classes, accelerator):
    more = {"norm_d": "batch"} if method == "dcgan" else {"grown_at": 3} if method == "progressive" else {}
    more["by_folder"] = classes
    request = TrainRequest(**SETTINGS, method=method, **more)
    alone, watched, run = training(request, accelerator), training(request, accelerator), new(request)
    list(train(alone, lambda: alone.steps == 4))
    turns, random = [], torch.get_rng_state()

    def one_step_more() -> bool:
        """Asked while it waits: whoever holds it presses."""
        seen = watching.seen(run)
        turns.append(seen.turn)
        if seen.turn == 3:
            watching.wish(run, "slow")  # and then at full pace to the end
        elif seen.turn < 3:
            watching.wish(run, "held", seen.turn + 1)
        else:
            watching.wish(run, "full")
        return False

    watching.wish(run, "held")
    list(train(watched, lambda: watched.steps == 4, between=Duel(run, watched, one_step_more)))
    assert same(alone.state(), watched.state())
    assert [*dict.fromkeys(turns)][:4] == [0, 1, 2, 3]
    assert torch.equal(random, torch.get_rng_state())


def test_what_is_seen_is_what_the_networks_say(accelerator):
    """Scores and pull against a plain reference; and what a phase changes is told."""
    request = TrainRequest(**SETTINGS, colour="rgba", norm_d="none")
    here, run = training(request, accelerator), new(request)
    looking = Duel(run, here, lambda: True)
    watching.wish(run, "held")
    looking({})
    first = watching.seen(run)
    real = torch.from_numpy(here.images[:8]).permute(0, 3, 1, 2).float() / 127.5 - 1
    here.g.train()  # as in training: by the statistics of the batch
    fake = here.g(here.preview_latents(8)).detach().requires_grad_(True)
    logits = here.d(fake)
    np.testing.assert_allclose(first.real, here.d(real).sigmoid().tolist(), atol=1e-4)
    np.testing.assert_allclose(first.fake, logits.sigmoid().tolist(), atol=1e-4)
    torch.nn.functional.softplus(-logits).sum().backward()
    assert first.numbers["pull"] == pytest.approx(fake.grad.flatten(1).norm(dim=1).mean().item(), rel=1e-4)
    sheet = Image.open(io.BytesIO(first.sheet))
    assert sheet.size == (8 * 16, 3 * 16)
    pulled = np.asarray(sheet)[32:, :16].astype(float) - 127.5
    wanted = -fake.grad[0, :3].permute(1, 2, 0).numpy()
    assert np.corrcoef(pulled.flatten(), wanted.flatten())[0, 1] > 0.99
    assert (first.turn, first.learned, first.next, first.step, first.before) == (0, "", "d", 0, None)

    phases = here.phases()
    looking(next(phases))
    second = watching.seen(run)
    assert (second.turn, second.learned, second.next, second.step) == (1, "d", "g", 1)
    assert second.before == pytest.approx((np.mean(first.real), np.mean(first.fake)), abs=1e-4)
    assert {"loss_d", "pull"} <= second.numbers.keys()
    assert np.mean(second.fake) != np.mean(first.fake)


def test_nobody_watching_nothing_is_written_and_a_wish_ends(accelerator, monkeypatch):
    request = TrainRequest(**SETTINGS)
    here, run = training(request, accelerator), new(request)
    looking = Duel(run, here, lambda: False)
    looking({})
    assert watching.seen(run) is None
    watching.wish(run, "held")
    now = watching.time.time()
    monkeypatch.setattr(watching.time, "time", lambda: now + watching.LASTS + 1)
    looking({})  # does not wait
    assert watching.seen(run) is None


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"turn": "x"}', '{"pace": "held", "at": "now", "turn": 1}'])
def test_what_makes_no_sense_is_as_good_as_not_there(text):
    run = new(TrainRequest(**SETTINGS))
    for name in (watching.WISH, watching.SEEN):
        (run.path / name).write_text(text)
    assert watching.wished(run) is None
    assert watching.seen(run) is None


def test_networks_that_are_not_a_number_any_more_are_shown(accelerator):
    request = TrainRequest(**SETTINGS)
    here, run = training(request, accelerator), new(request)
    with torch.no_grad():
        next(here.d.parameters()).fill_(torch.nan)
    Duel(run, here, lambda: True).look()
    assert watching.seen(run).real == (None,) * 8
