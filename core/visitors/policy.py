"""What may be asked for here, and by whom: private mode for one's own computer, public mode for strangers.

On a Hugging Face Space (`SPACE_ID`), or with `GANVAS_PUBLIC=1`, the studio is public: everybody sees only what is
theirs (`core.visitors.identity`), and the limits below hold. Else it is private: one owner, everything allowed. Every
limit stands here and nowhere else; widgets take their bounds from it, and whatever takes a request in (`jobs.submit`,
`lifecycle.create`, uploads, downloads) checks it. What can only be known on the way (the pixels of a set of pictures,
the minutes of a training, the size of a foreign generator) is checked there. What is painted, learned or sampled never
depends on it. Plain: read anew at every call, no UI.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from core.errors import UserError
from core.gan.request import SampleRequest
from core.settings import Request, Setting
from core.settings import settings_of as all_settings_of

ELSEWHERE = "on your own computer Ganvas has no such limits"


@dataclass(frozen=True)
class Limits:
    """What one visitor, one address and all together may use. None: as much as there is.

    An address is shared by a household or a class, so it may have more than a visitor; it is also all that is known of
    somebody who collects cookies, so it may never have everything.
    """

    settings: Mapping[str, Mapping[str, int]] = field(default_factory=dict)  # kind of request -> setting -> most
    points: int | None = None  # pictures named one by one in a request to sample
    picture_bytes: int = 200_000_000  # of one picture's file
    picture_pixels: int = 100_000_000  # of one picture
    decoders: int | None = None  # pictures decoded at once; else as many as there are processors
    decoder_bytes: int | None = None  # of memory while one picture is decoded
    decoder_seconds: float | None = None  # of processor time for one picture
    decoder_line: int | None = None  # pictures waiting to be decoded
    decoder_line_address: int | None = None  # pictures waiting or being decoded
    decoder_wait: float | None = None  # seconds a picture waits at most
    clip_bytes: int | None = None  # of one clip's file
    clip_frames: int | None = None  # in it
    clip_seconds: float | None = None  # it lasts
    clip_processor: float | None = None  # seconds of processor time for reading and writing it
    upload_bytes: int | None = None  # in one file, and in all files of one run
    upload_files: int | None = None  # in one upload
    uploads_hourly: int | None = None  # bytes a visitor may send in an hour
    uploads_hourly_address: int | None = None
    uploads_hourly_all: int | None = None
    uploads_disk: int | None = None  # bytes of Gradio's folder
    uploads_memory: int | None = None  # bytes that Streamlit keeps for one open page
    uploads_memory_address: int | None = None
    uploads_memory_all: int | None = None
    images: int = 200_000  # pictures a run learns from
    images_pixels: int | None = None  # of all of them, as they were brought
    train_minutes: float | None = None  # of one run
    checkpoints: int = 8  # kept of one run
    runs: int | None = None  # a visitor may keep
    disk: int | None = None  # bytes of a visitor
    disk_all: int | None = None  # bytes of all visitors together
    jobs: int | None = None  # of a visitor, waiting or at work, in each line
    jobs_address: int | None = None
    jobs_all: int = 20  # waiting: a longer queue is no use to anybody in it
    quick_share: float = 1.0  # of the time, at most, that quick jobs are at work beside a painting
    look_size: int = 512  # px: the longer side of the first look a page shows by itself
    look_wait: float = 20.0  # seconds after which nobody looks at that picture any more
    paintings: int = 2_000_000_000  # bytes of finished ones kept for a visitor, in memory; of clips, on the disk
    paintings_all: int = 2_000_000_000
    unwatched: float | None = None  # seconds a painting goes on after the last page of its visitor has gone
    asked: int | None = None  # questions of a visitor that Gradio answers at a time
    asked_address: int | None = None
    pages: int = 200  # open pages of the style app that Gradio remembers, at some 400 kB each; others begin anew
    answer_bytes: int | None = None  # of pictures in one answer to a program
    busy_address: int | None = None  # requests with a body that are answered at a time
    streams_address: int | None = None  # of news, which last as long as somebody listens
    silence: float | None = None  # seconds that the rest of a request may be waited for
    slowest: int = 1000  # bytes of a request in a second: what comes more slowly counts as silence
    sockets_address: int | None = None  # open pages
    messages: int | None = None  # a page sends in a second, after a burst of four times as many
    messages_address: int | None = None
    trainings: int | None = None  # runs of a visitor, waiting or at work
    trainings_address: int | None = None
    trainings_all: int | None = None  # runs waiting
    download_bytes: int = 2**30  # of one file from the Hub, or the tensors taken out of one
    cache_bytes: int | None = None  # all that was fetched from the Hub
    fetches: int | None = None  # of a visitor at once
    fetches_address: int | None = None
    fetches_all: int = 8  # at once
    fetch_seconds: float | None = None  # for one file, or one list of files
    generator_bytes: int | None = None  # of memory for a generator from the Hub and a block of its pictures
    generator_sums: int = 10**12  # multiply-adds for one of its pictures
    kept: int = 1_000_000_000  # bytes of the generated pictures a visitor keeps
    kept_all: int = 1_000_000_000
    evidence_sums: int = 4 * 10**11  # multiply-adds to find out how one is to be read
    tray: int = 40  # pictures of a visitor on their way between pages
    tray_address: int = 40
    tray_all: int = 40
    hours: float | None = None  # after which what nobody touched is cleaned away


PRIVATE = Limits()
PUBLIC = Limits(
    settings={
        "style": {"size": 1024, "steps": 200},
        "instant": {"size": 1024},
        "clip": {"size": 512},
        "train": {"size": 64, "steps": 20_000, "batch": 128, "latent": 128, "width_g": 64, "width_d": 64},
        "sample": {"count": 100},
    },
    points=240,
    picture_bytes=20_000_000,
    picture_pixels=50_000_000,
    decoders=2,
    decoder_bytes=1_500_000_000,
    decoder_seconds=10,
    decoder_line=24,
    decoder_line_address=12,
    decoder_wait=60,
    clip_bytes=20_000_000,
    clip_frames=300,
    clip_seconds=20,
    clip_processor=120,
    upload_bytes=100_000_000,
    upload_files=1000,
    uploads_hourly=400_000_000,
    uploads_hourly_address=2_000_000_000,
    uploads_hourly_all=8_000_000_000,
    uploads_disk=8_000_000_000,
    uploads_memory=200_000_000,
    uploads_memory_address=1_000_000_000,
    uploads_memory_all=2_000_000_000,
    images=5000,
    images_pixels=4_000_000_000,
    train_minutes=20,
    checkpoints=4,
    runs=5,
    disk=600_000_000,
    disk_all=20_000_000_000,
    jobs=3,
    jobs_address=12,
    jobs_all=60,
    quick_share=0.5,
    paintings=100_000_000,
    paintings_all=1_500_000_000,
    unwatched=120,
    asked=6,
    asked_address=24,
    answer_bytes=10_000_000,
    busy_address=32,
    streams_address=200,
    silence=20,
    sockets_address=60,
    messages=5,
    messages_address=30,
    trainings=2,
    trainings_address=6,
    trainings_all=20,
    download_bytes=200_000_000,
    cache_bytes=5_000_000_000,
    fetches=2,
    fetches_address=3,
    fetches_all=4,
    fetch_seconds=300,
    generator_bytes=600_000_000,
    generator_sums=1_500_000_000,
    kept=20_000_000,
    kept_all=400_000_000,
    evidence_sums=30_000_000_000,
    tray=6,
    tray_address=40,
    tray_all=200,
    hours=24,
)


def public() -> bool:
    """Whether strangers come here."""
    chosen = os.environ.get("GANVAS_PUBLIC", "")
    return chosen == "1" if chosen in ("0", "1") else bool(os.environ.get("SPACE_ID"))


def limits() -> Limits:
    """Those that hold here."""
    return PUBLIC if public() else PRIVATE


def settings_of(request: type[Request]) -> dict[str, Setting]:
    """The settings of a request as they may be chosen here: with lower bounds where strangers come."""
    most = _most(request)
    return {name: _at_most(about, most.get(name)) for name, about in all_settings_of(request).items()}


def _most(request: type[Request]) -> Mapping[str, int]:
    """Of its kind, else of the kind that it is a sort of: a new engine's paintings are not without a limit."""
    stated = limits().settings
    return next((stated[kind] for sort in request.__mro__ if (kind := vars(sort).get("kind", "")) in stated), {})


def _at_most(about: Setting, most: int | None) -> Setting:
    if most is None:
        return about
    if about.choices:
        return dataclasses.replace(about, choices={c: words for c, words in about.choices.items() if c <= most})
    return dataclasses.replace(about, hi=most)


def require_allowed(request: Request) -> None:
    """Raises `UserError` when the request asks for more than is allowed here."""
    allowed = settings_of(type(request))
    for name, most in _most(type(request)).items():
        value = getattr(request, name)
        if value > most:
            about = allowed[name]
            raise UserError(
                f"{about.label} is {value}{about.unit}; on this shared computer choose at most {most}{about.unit} "
                f"({ELSEWHERE})."
            )
    if isinstance(request, SampleRequest) and not within(len(request.points), limits().points):
        raise UserError(
            f"{len(request.points)} pictures are named; on this shared computer name at most {limits().points} "
            f"({ELSEWHERE})."
        )


def within(amount: float, most: float | None) -> bool:
    """Whether an amount is allowed by a limit, which None is not."""
    return most is None or amount <= most
