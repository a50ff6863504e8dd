"""Every method's whole life, as the page and the worker lead it: measured, trained, branched, sampled, published."""

import pytest
import torch

from core.errors import UserError
from core.gan import checkpoint, sample, worker
from core.gan.methods import ADVERSARIAL, METHODS
from core.gan.request import SampleRequest
from core.gan.zoo import catalogue, load
from core.hub import publish
from core.runs import lifecycle, states
from support.fitting import fitting

pytestmark = pytest.mark.slow

TINY = {"size": 16, "width_g": 4, "width_d": 4, "latent": 8, "batch": 8, "steps": 20, "grown_at": 8}
DRAWN = {"kind": "drawn", "name": "digits", "count": 50}
CONDITIONAL = ("dcgan", "style", "projected")  # which here learn their pictures with classes


def pictures(ref: str, **settings) -> list[bytes]:
    *_, result = sample.sample(SampleRequest(ref, **settings))
    return [picture.tobytes() for picture in result.images]


@pytest.mark.parametrize("method", METHODS)
def test_from_pictures_to_the_hub_and_back(method, local_hub, monkeypatch):
    run = lifecycle.create(fitting(method, **TINY, by_folder=method in CONDITIONAL), DRAWN, "mine")
    worker.work(run, check_only=True)
    assert run.status == states.READY
    assert run.budget["seconds"] > 0
    worker.work(run)
    twig = lifecycle.branch(run, 20, {"steps": 24, "rate_g": 0.001}, "twig")
    worker.work(twig)
    assert (run.status, twig.status) == (states.FINISHED, states.FINISHED)
    assert twig.state["step"] == 24
    saved = checkpoint.newest(twig, torch.device("cpu"))
    assert saved["opt_g"]["param_groups"][0]["lr"] == 0.001

    # Alone or among many, bit for bit; the average and the last step are two.
    many = pictures("run:mine", count=20)
    assert pictures("run:mine", count=1) == many[:1]
    assert pictures("run:mine@20", count=20) == many
    assert pictures("run:mine", count=20, averaged=False) != many
    assert pictures("run:twig", count=20) != many
    assert len(set(many)) == 20

    # Classes are chosen by number, at any checkpoint too; there is something between two of them.
    if method in CONDITIONAL:
        for ref in ("run:mine", "run:mine@20"):
            for point, other in (("0:1#3", "0:1#4"), ("0:1#3", "0:1#3>0:1#4@0.5")):
                assert pictures(ref, points=(point,)) != pictures(ref, points=(other,))
        assert pictures("run:mine", points=("0:1#3",)) == pictures("run:mine", points=("0:1",), label="3")
        assert {choice.classes for choice in catalogue.own()} == {tuple("0123456789")}
    else:
        with pytest.raises(UserError, match="has no classes"):
            pictures("run:mine", points=("0:1#3",))

    # Where there is a discriminator, pictures can be sorted, and what one thinks of each is its own.
    judged = method in ADVERSARIAL
    assert {choice.ref: choice.has_discriminator for choice in catalogue.own()} == dict.fromkeys(
        ("run:mine", "run:twig"), judged
    )
    for ref in ("run:mine", "run:mine@20"):
        if judged:
            *_, ordered = sample.sample(SampleRequest(ref, count=20, sort=True))
            *_, favourite = sample.sample(SampleRequest(ref, points=ordered.recipe["points"][:1], sort=True))
            assert favourite.recipe["opinions"] == pytest.approx(ordered.recipe["opinions"][:1], abs=2e-4)
        else:
            with pytest.raises(UserError, match="has no discriminator to ask"):
                pictures(ref, sort=True)

    card = (run.result / "README.md").read_text()
    assert ("of 10 classes: 0, 1, 2" in card) == (method in CONDITIONAL)
    assert f"| method | {method} |" in card
    assert ("| loss | original |" in card) == ("| translate | True |" in card) == judged, (
        "what does nothing is not told"
    )

    publish.publish(run.result, "me/mine", "hf_local", data_licence="cc0-1.0")
    monkeypatch.setenv("HF_TOKEN", "hf_local")
    pulled = load.fetch("me/mine")
    assert pictures(pulled, count=20) == many
    assert (load.open_generator(pulled).discriminator is not None) == judged
