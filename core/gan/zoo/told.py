"""What was understood of a foreign file, in sentences. Knows no files."""

from __future__ import annotations

from collections.abc import Iterator

from core.gan.zoo.evidence import DOUBTFUL, Settled
from core.gan.zoo.layers import JOINS, Foreign
from core.gan.zoo.recognise import Found
from core.gan.zoo.strides import SIZES

KINDS = {"up": "up-convolution", "flat": "convolution", "linear": "linear layer"}
ASSUMED = ("latents", "groups", "activation", "strides", "padding", "end")  # what is said, where nothing tells of it
COLOURS = {1: "grey", 3: "colour", 4: "colour with transparency"}


def told(settled: Settled, found: Found) -> str:
    """What it is; what its norms prove; what is assumed; and what may as well be otherwise."""
    sentences = [f"{_shape(settled.network)}."]
    named = _named(settled, found)
    if found.untrained:
        sentences.append("It has not been trained.")
    elif found.blank:
        sentences.append("Its batch norms remember nothing (0 and 1), and are used so.")
    if found.whole:
        sentences.append("It was saved whole, so its strides and settings are known.")
    proved = [settled.answers[name].says for name in named if name in settled.proved]
    if proved and settled.fit is None:
        sentences.append(f"Units of it that never speak prove: {'; '.join(proved)}.")
    elif proved:
        sentences.append(f"What its batch norms remember proves: {'; '.join(proved)} (missed by {settled.fit:.2f}).")
    sentences += assumed(settled, found)
    for first, *others in settled.open.values():
        choices = ", or ".join(f"{other.says} ({other.tag})" for other in others[:3])
        sentences.append(f"Not sure: {first.says}; it may be {choices}.")
    return " ".join(sentences)


def assumed(settled: Settled, found: Found) -> list[str]:
    """In a sentence, what is assumed; none where nothing is."""
    left = [name for name in _named(settled, found) if name not in (*settled.proved, *settled.open)]
    said = [settled.answers[name].says for name in left if name in ASSUMED or settled.answers[name].assumed]
    said += _of_layers(settled, found)
    return [f"The file does not tell, so assumed: {'; '.join(said)}."] if said else []


def _named(settled: Settled, found: Found) -> list[str]:
    """The questions whose answers are worth a word, where the shape does not tell them and somebody asks."""
    quiet = ["eps"] if settled.answers["labels"].assumed else ["labels", "eps"]
    if found.whole:
        quiet += ["strides"]
        if found.steps[-1].stated.after == settled.answers["end"].value != "tanh":  # of which pictures it does not tell
            quiet += ["end"]
    quiet += ["first map"] if settled.network.plan[0].kind == "up" and settled.answers["first map"].value else []
    return [name for name in settled.answers if name not in quiet]


def _of_layers(settled: Settled, found: Found) -> Iterator[str]:
    """What is assumed of layers, where no question asks: of those that may be either kind, and of those that leave
    nothing in a file."""
    if settled.fit is None or settled.fit > DOUBTFUL:
        for step in found.steps:
            if step.name in found.either:
                yield f"{step.name[:40]} is {'an up-convolution' if step.kind == 'up' else 'a convolution'}"
    for name in found.aside:
        yield f"{name[:40]} is no part of pictures"
    slopes = [step.slopes for step in found.steps if step.slopes is not None]
    if len(slopes) > 1 and all(each is slopes[0] for each in slopes):
        yield "its one PReLU behind each layer but the last"
    convolved = any(step.kind != "linear" for step in found.steps)
    if convolved and not found.whole and not any(step.norm for step in found.steps):
        yield "no norms without numbers of their own"
    if not convolved and settled.network.config["size"] not in SIZES:
        yield f"its {found.steps[-1].outputs} numbers are a picture"


def _shape(network: Foreign) -> str:
    c, plan = network.config, network.plan
    counts = [(sum(layer.kind == kind for layer in plan), word) for kind, word in KINDS.items()]
    layers = " and ".join(f"{n} {word}{'s' if n > 1 else ''}" for n, word in counts if n)
    widths = ", ".join(str(layer.width) for layer in plan[:-1])
    biased = sum(layer.bias for layer in plan)
    biases = "no biases" if not biased else "with biases" if biased == len(plan) else "some with biases"
    inside = f"{widths} wide, {biases}" if widths else biases
    labels = network.labels
    classes = f", {labels.classes} classes {JOINS[labels.join]}" if labels else ""
    norms = ", batch norm" if any(layer.norm and not layer.groups for layer in plan) else ""
    return (
        f"{c['latent']} latent numbers{classes}, {layers} ({inside}){norms}: {c['size']} x {c['size']} px, "
        f"{COLOURS[c['channels']]}"
    )
