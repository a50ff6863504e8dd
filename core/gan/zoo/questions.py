"""What names and shapes of a foreign file do not tell, as questions with their likeliest answers first: activations,
strides, where norms stand, how latents are drawn, how a class joins them. Knows no files and no network.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from core.errors import UserError
from core.gan.zoo import chain
from core.gan.zoo.blocks import Block
from core.gan.zoo.chain import Chain, Step
from core.gan.zoo.groups import number
from core.gan.zoo.layers import JOINS, LATENTS, Labels
from core.gan.zoo.strides import FITTED, ODDER, Strides

ACTIVATIONS = {
    "relu": "ReLU", "leaky": "leaky ReLU 0.2", "leaky-0.01": "leaky ReLU 0.01", "leaky-0.1": "leaky ReLU 0.1",
    "hidden-tanh": "tanh between layers", "elu": "ELU", "gelu": "GELU", "hidden-sigmoid": "sigmoid between layers",
    "silu": "SiLU", "selu": "SELU",
}  # fmt: skip
PADDINGS = {"zeros": "padded with zeros", "replicate": "padded with what stands at the edge",
            "reflect": "padded with what is mirrored at the edge"}  # fmt: skip
USUAL_ACTIVATIONS = ("relu", "leaky")
# What there may as well be where no norm would tell.
USUAL_UNPROVED = ("relu", "leaky", "leaky-0.01", "leaky-0.1", "hidden-tanh", "elu", "gelu", "hidden-sigmoid")
ENDS = {"tanh": "tanh", "sigmoid": "sigmoid", "linear": "nothing at the end", "unit": "0 to 1 at the end",
        "tanh-unit": "tanh, of pictures from 0 to 1"}  # fmt: skip
# How many latents people take, and how many classes: of 110 inputs, 100 are latents and 10 a class.
USUAL_LATENTS = (100, 128, 64, 256, 50, 32, 62, 20, 16, 200, 512, 10, 96)
USUAL_CLASSES = (10, 26, 2, 47, 62, 5, 3, 4)
OF_FIRST_MAP = ("relu", "leaky", "elu")
GROUPS = (8, 32, 4, 16, 1, 2)  # of channels, the most usual first
KEPT = 16  # layouts asked about, of the likeliest
LOUDER = 1.1  # how much a first layer has to listen more to its beginning, for classes to stand there
# Where what a class says begins, columns get louder or quieter: by 7 to 168 standard errors in 30 networks with
# classes, and nowhere by more than 4.5 in 40 without.
BREAK = 6.0
FEW_LATENTS = (2, 3, 4, 5, 8)  # that decoders are given, perhaps beside a class
APART = 1.3  # times as quiet or loud as any other, for a column to stand out
NEARLY = 0.9  # as clear as the clearest break: one column more or less may belong to either side


@dataclass(frozen=True)
class Option:
    """One answer. `tag` is how it is chosen by name; `says` tells it to a person. A `rare` one has to be proved; of an
    `assumed` one there is no telling; one that is tried `alone` differs little from another answer."""

    tag: str
    says: str
    value: Any
    rare: bool = False
    assumed: bool = False
    alone: bool = False


@dataclass(frozen=True)
class Question:
    """What a file does not tell by names and shapes, with its answers, the likeliest first."""

    name: str
    options: tuple[Option, ...]


# Of two first layers side by side.
BESIDE = (Option("beside", "what both first layers make in the order of the file", value=False),
          Option("beside-swapped", "what both first layers make the other way round", value=True))  # fmt: skip
RELU_END = Option("relu-end", "ReLU at the end, before its norm", "relu")
# Of blocks that may be residual: what comes to one is added to what it makes.
STRAIGHT = Option("straight", "each layer behind the one before, none past others", "")
RESIDUAL = Option("residual", "residual blocks, an activation behind each", "active")
RESIDUAL_BARE = Option("residual-bare", "residual blocks, nothing behind them", "bare")
RESIDUAL_EARLY = Option("residual-early", "residual blocks that begin with an activation", "early")
Answers = dict[str, Option]  # name of the question -> the answer


def options(layouts: Sequence[Strides]) -> tuple[Option, ...]:
    """Those of the question for strides; rare are those that are odder than the likeliest."""
    return tuple(Option(laid.tag, _told(laid), laid, laid.odd > layouts[0].odd + ODDER) for laid in layouts)


def questions(
    found: Chain, past: Sequence[Block], laid: tuple[Option, ...], decodes: bool, latent: int | None
) -> list[Question]:
    steps = found.steps
    # In the order in which they are answered: whatever comes first in the network.
    return [
        Question("labels", tuple(_labels(found, latent))),
        Question("beside", BESIDE if found.entrance else ()),
        Question("latents", _drawn()),
        Question("blocks", _blocks(past)),
        Question("norm", _norm_places(steps)),
        Question("groups", _group_norms(steps)),
        Question("eps", _epsilons(steps)),
        Question("activation", _activations(found)),
        Question("first layer", _first_layer(steps)),
        Question("first map", _first_map(steps)),
        Question("strides", laid),
        Question("enlarged", _enlarged(steps)),
        Question("padding", _paddings(steps)),
        Question("end", _ends(found, decodes)),
    ]


def _drawn() -> tuple[Option, ...]:
    tags = {"unit": "uniform-0-1"}  # as an end may be called
    return tuple(Option(tags.get(how, how), says, how, rare=how == "unit") for how, says in LATENTS.items())


def _told(laid: Strides) -> str:
    worked = [shape for shape in laid.shapes if shape.stride]
    told = ", ".join(f"enlarged {shape.grown}x" if shape.grown > 1 else str(shape.stride) for shape in worked)
    fitted = f", {laid.made} px fitted {FITTED[laid.fitted]}" if laid.fitted else ""
    return f"{laid.side} px{fitted}" + (f", strides {told}" if told else "")


def _labels(found: Chain, latent: int | None) -> list[Option]:
    """How classes join: with a table by its width; without one there may be none, or a class as one of several, which
    are as many as it takes numbers beside the `latent` ones, where that is known."""
    weight = found.steps[0].weights["weight"]
    taken = found.steps[0].inputs
    loudness = weight.float().transpose(0, 1 if found.steps[0].kind == "linear" else 0).flatten(1).norm(dim=1)
    if found.table is not None:
        classes, numbers = found.table.shape
        if numbers == taken:
            labels = Labels(classes, numbers, "times", True)
            return [Option(f"classes-{classes}-times", f"{classes} classes {JOINS['times']}", labels)]
        if numbers > taken:
            raise UserError(f"Its table of classes is {numbers} numbers wide, more than its first layer takes.")
        found_at, options = _broken(loudness), _joined(loudness, classes, numbers, found.told_by)
        if found.entrance:
            return [way for way in options if way.value.join == found.entrance.join]
        fitting = {"front": numbers, "behind": taken - numbers}
        options = [option for option in options if fitting[option.value.join] == found_at][:1] or options
        return [way for one in options for way in (one, _lit(one))] if found.told_by == "linear" else options
    if found.entrance:
        numbers, join = found.entrance.numbers, found.entrance.join
        return [option for option in _joined(loudness, numbers, numbers) if option.value.join == join]
    none = Option("no-classes", "no classes", None)
    if latent is None or latent > taken:
        return _in_inputs(loudness, none)
    if taken == latent + 1:
        return _numbered(loudness)
    return _joined(loudness, taken - latent, taken - latent) if taken > latent else [none]


def _in_inputs(loudness: Tensor, none: Option) -> list[Option]:
    """Classes among the inputs, of which nothing is known but how loud they are."""
    taken = len(loudness)
    usual = taken in USUAL_LATENTS
    one_more = taken - 1 in (*FEW_LATENTS, *USUAL_LATENTS) and not usual
    if one_more and any(_apart(loudness)):
        return _numbered(loudness, none)
    if at := _broken(loudness):
        louder = at if loudness[:at].mean() > loudness[at:].mean() else taken - at
        if louder <= chain.MAX_CLASSES:
            return _joined(loudness, louder, louder)[:1]
    if one_more:
        return _numbered(loudness, none)
    if not usual and taken - USUAL_CLASSES[0] in FEW_LATENTS:
        return [*_joined(loudness, USUAL_CLASSES[0], USUAL_CLASSES[0]), none]
    split = [n for n in USUAL_CLASSES if taken - n in (USUAL_LATENTS if n == 10 else USUAL_LATENTS[:3])]
    one_hot = _joined(loudness, split[0], split[0], rare=usual) if split else []
    none = replace(none, rare=bool(split) and not usual)
    return [none, *one_hot] if usual else [*one_hot, none]


def _joined(loudness: Tensor, classes: int, numbers: int, told_by: str = "", rare: bool = False) -> list[Option]:
    """So many classes, told by so many numbers behind the latents or in front. `told_by`: that of their table, "" where
    they have none."""
    # What a class says is louder than what each of many latents says; where neither is, behind is usual.
    few = numbers > len(loudness) - numbers
    behind = few or bool(LOUDER * loudness[-numbers:].mean() >= loudness[:numbers].mean())
    counted = f", told by their numbers from 0 to {chain.NUMBERED - 1}," if told_by == "number" else ""
    return [
        Option(f"classes-{classes}-{join}", f"{classes} classes{counted} {JOINS[join]}",
               Labels(classes, numbers, join, bool(told_by)), rare, told_by == "number")
        for join in (("behind", "front") if behind else ("front", "behind"))
    ]  # fmt: skip


def _lit(option: Option) -> Option:
    """The same, with ReLU behind the linear layer that tells of a class."""
    labels = replace(option.value, relu=True)
    return replace(option, tag=f"{option.tag}-relu", says=f"{option.says}, through ReLU", value=labels)


def _numbered(loudness: Tensor, none: Option | None = None) -> list[Option]:
    """A class that one input tells by its bare number; or `none`, where there may be no classes. Of large numbers a
    network listens to little, of small ones to much, so that such an input is quieter or louder than latents; where it
    is not, and they are few, it has to be proved."""
    quiet, loud = _apart(loudness)
    few = len(loudness) - 1 in FEW_LATENTS
    rare = none is not None and few and not quiet and not loud
    steps = {"": 1.0, "-unit": 1 / (chain.NUMBERED - 1)}
    options = [
        Option(f"number-{join}{tag}",
               f"a class, told by its number from 0 to {round(step * (chain.NUMBERED - 1))}, {JOINS[join]}",
               Labels(chain.NUMBERED, 1, join, table=False, step=step), rare, assumed=True)
        for tag, step in (reversed(steps.items()) if loud and not quiet else steps.items())
        for join in quiet or loud or ("behind", "front")
    ]  # fmt: skip
    if none is None:
        return options
    return [none, *options] if few and not quiet else [*options, none]


def _apart(loudness: Tensor) -> tuple[list[str], list[str]]:
    """At which ends stands one column that is by far the quietest, or the loudest."""
    edges = {"behind": (loudness[-1], loudness[:-1]), "front": (loudness[0], loudness[1:])}
    quiet = [join for join, (one, others) in edges.items() if one * APART < others.min()]
    return quiet, [join for join, (one, others) in edges.items() if one > others.max() * APART]


def _broken(loudness: Tensor) -> int:
    """Where the loudness of columns breaks by far clearest; 0 for nowhere."""
    count = len(loudness)
    if count < 4:
        return 0
    columns, at = loudness.double(), torch.arange(2, count - 1)
    sums, squares = columns.cumsum(0), (columns**2).cumsum(0)
    before, behind = sums[at - 1] / at, (sums[-1] - sums[at - 1]) / (count - at)
    within = (squares[-1] - at * before**2 - (count - at) * behind**2).clamp(min=0) / (count - 2)
    clear = (before - behind).abs() / ((within * (1 / at + 1 / (count - at))).sqrt() + 1e-9)
    if clear.max() <= BREAK:
        return 0
    near = at[clear > NEARLY * clear.max()].tolist()
    usual = [where for where in near if {where, count - where} & set(USUAL_CLASSES)
             and {where, count - where} & set(USUAL_LATENTS[:3])]  # fmt: skip
    return usual[0] if usual else int(at[clear.argmax()])


def _blocks(past: Sequence[Block]) -> tuple[Option, ...]:
    """A part of its own that makes what it is given is mostly residual; two layers alike are so seldom."""
    if not past:
        return ()
    late, early = (RESIDUAL, RESIDUAL_BARE), (RESIDUAL_EARLY,)
    first, *others = (*early, *late) if any(block.early for block in past) else (*late, *early)
    if any(block.called for block in past):
        return (first, *others, STRAIGHT)
    return (first, STRAIGHT, *others) if past[0].own else (STRAIGHT, first, *others)


def _norm_places(steps: Sequence[Step]) -> tuple[Option, ...]:
    if all(step.stated.norm_last is not None for step in steps if step.norm):
        return ()
    options = (
        Option("norm-first", "norm before the activation", value=False),
        Option("norm-last", "norm after it", value=True),
    )
    gaps = {step.norm_gap for i, step in enumerate(steps) if not chain.opens_map(steps, i)} - {None}
    return options if not gaps or len(gaps) > 1 else options[:1] if gaps == {0} else options[1:]


def _group_norms(steps: Sequence[Step]) -> tuple[Option, ...]:
    """Norms that remember nothing take together channels of one picture; how many, no tensor tells. Behind a linear
    layer that are all of them."""
    channels = [len(step.norm["weight"]) for step in steps if step.norm and not step.remembers]
    if not channels:
        return ()
    if all(normed_flat(step) for step in steps if step.norm and not step.remembers):
        return (Option("layer-norm", "layer norm", 1),)
    shared = [n for n in GROUPS if all(not width % n for width in channels)]
    each = Option("instance-norm", "instance norm", 0)
    return (each, *(Option(f"groups-{n}", f"norm of {n} group{'s' * (n > 1)} of channels", n) for n in shared))


def normed_flat(step: Step) -> bool:
    """Whether its norm takes the numbers of a linear layer, not a map."""
    return step.kind == "linear" and step.norm is not None and len(step.norm["weight"]) == step.outputs


def _epsilons(steps: Sequence[Step]) -> tuple[Option, ...]:
    """`BatchNorm1d(width, 0.8)`, meant as a momentum, is in half the code that is taught; there the norm of the first
    map is without it."""
    if all(step.stated.eps is not None for step in steps if step.remembers):
        return ()
    usual, large = Option("eps-1e-05", "epsilon 0.00001", (1e-5, 1e-5)), Option("eps-0.8", "epsilon 0.8", (0.8, 0.8))
    mixed = Option("eps-0.8-later", "epsilon 0.8 behind the first map", (1e-5, 0.8))
    first = any(chain.opens_map(steps, i) and step.norm for i, step in enumerate(steps))
    return (usual, mixed, large) if first else (usual, large)


def _activations(found: Chain) -> tuple[Option, ...]:
    steps = found.steps
    if all(step.slopes is not None or step.stated.after is not None for step in steps[:-1]):
        return ()
    if found.between:  # its modules say which, but not where
        return tuple(Option(tag, ACTIVATIONS.get(tag, tag), tag) for tag in sorted(found.between))
    # The norm of the first layer mostly stands before any activation, and tells of none.
    usual = USUAL_ACTIVATIONS if any(step.norm for step in steps[1:]) else USUAL_UNPROVED
    options = [
        Option(tag, says, tag.removeprefix("hidden-"), rare=tag not in usual) for tag, says in ACTIVATIONS.items()
    ]
    if any(step.norm for step in steps) and all(step.kind == "linear" for step in steps):
        options[:2] = options[1::-1]
    return tuple(options)


def _ends(found: Chain, decodes: bool) -> tuple[Option, ...]:
    """Where the modules say which activation comes last, that one, and with tanh pictures of -1 to 1 or of 0 to 1.
    Decoders mostly end in a sigmoid."""
    last = found.steps[-1].stated.after
    known = {last} if last is not None else found.ends
    if last is not None and last not in ("tanh", "sigmoid"):
        return (Option(f"end-{last}", f"{ACTIVATIONS.get(last, last)} at the end", last),)
    tags = [tag for tag in ENDS if not known or tag.partition("-")[0] in known]
    tags.sort(key=lambda tag: decodes and tag != "sigmoid")
    ends = [Option(tag, ENDS[tag], "" if tag == "linear" else tag) for tag in tags]
    if known or not found.steps[-1].remembers:
        return tuple(ends)
    bare = not found.steps[-1].norm_gap  # there is no room for an activation before that norm, or none is known
    return (*(end for end in ends if end.tag != "linear" or bare), RELU_END)


def _first_layer(steps: Sequence[Step]) -> tuple[Option, ...]:
    """A linear layer that stands alone before an `nn.Sequential` is often used without an activation."""
    first, second = steps[:2]
    listed = second.name.rpartition(".")[0] and number(second.name) is not None
    alone = "." not in first.name and listed and first.slopes is None
    if not alone or {first.kind, second.kind} != {"linear"} or first.stated.after is not None:
        return ()
    return (
        Option("first-active", "an activation behind the first layer", value=True),
        Option("first-bare", "nothing behind the first layer", value=False),
    )


def _first_map(steps: Sequence[Step]) -> tuple[Option, ...]:
    """Behind a linear layer that lays out the first map there is an activation mostly where there is a norm; behind an
    up-convolution nearly always."""
    first = chain.first_map(steps)
    bare = Option("bare", "nothing behind the first map", value=False)
    active = Option("active", "an activation behind the first map", value=True)
    if first is None or steps[first].slopes is not None or steps[first].stated.after is not None:
        return (bare,)
    if steps[first].kind == "up":
        return (active, replace(bare, rare=True))
    norm, after = steps[first].norm, steps[first + 1]
    if after.gap == 0:
        return (bare,)
    behind = after.gap is not None and after.gap > 1 if not norm else not (after.gap == 1 and after.kind == "flat")
    usual = (active, bare) if behind else (bare, active)
    # Some give the first map another activation than all others.
    others = [Option(f"map-{tag}", f"{ACTIVATIONS[tag]} behind the first map", tag, rare=True) for tag in OF_FIRST_MAP]
    return (*usual, *others) if any(step.remembers for step in steps) else usual


def _enlarged(steps: Sequence[Step]) -> tuple[Option, ...]:
    if all(step.kind != "flat" or step.stated.smooth is not None or step.stated.grown == 1 for step in steps):
        return ()
    normed = any(step.norm for step in steps)
    return (
        Option("nearest", "each pixel a square", ""),
        Option("bilinear", "pixels running into each other", "bilinear"),
        Option("corners", "pixels running into each other, corners kept", "corners", rare=not normed, alone=True),
    )


def _paddings(steps: Sequence[Step]) -> tuple[Option, ...]:
    if all(step.kind != "flat" or step.kernel < 3 or step.stated.padded for step in steps):
        return ()
    return tuple(Option(tag, says, tag, rare=tag != "zeros") for tag, says in PADDINGS.items())
