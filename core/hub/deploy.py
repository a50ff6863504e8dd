"""The studio, deployed: this project's files become a Space on the Hub, which builds and runs them.

First the plan: which files the Space needs (`space_files`) and how they differ from what it holds (`plan`). Then the
sending (`send`): one commit with what changed, and without what is gone. A Space's secrets, variables and hardware are
its owner's business; only a new ZeroGPU Space is made with its hardware, since a free account gets no other. Reading
the Hub, and most words for its faults, are `core.hub.client`'s. Plain: no torch, nothing of what the files do.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from core import __version__, amounts
from core.errors import UserError
from core.hub import client

ROOT = Path(__file__).resolve().parents[2]

# What a Space gets is what git tracks, less what this file names (and Docker reads as well).
EXCLUSIONS = ".dockerignore"
# What each kind of Space gets all the same.
KINDS = {"docker": ("Dockerfile", EXCLUSIONS), "zerogpu": ("zerogpu.py",)}
# Without these a folder is not the whole project.
NEEDED = ("app.py", "style_app.py", "core/__main__.py", "requirements.txt", EXCLUSIONS)
SDKS = {"docker": "docker", "zerogpu": "gradio"}
ZERO_HARDWARE = "zero-a10g"  # the Hub's name for ZeroGPU, whatever the card is today
# What ZeroGPU supports (hf.co/docs/hub/spaces-zerogpu): Python 3.12, torch up to 2.11; torchvision goes with torch.
ZERO_PYTHON = "3.12"
ZERO_PINS = {"torch": "2.11.0", "torchvision": "0.26.0"}
ZERO_EXTRA = "spaces==0.51.3           # lends the GPU\n"

GITS = ".gitattributes"  # the Hub puts it into every repository
UNTOUCHED = {GITS, "README.md"}  # all that a new Space holds
SILENCE_SECONDS = 60.0  # the Hub may think about a commit for a while


@dataclass(frozen=True)
class Plan:
    """What sending would do. Sizes are in bytes."""

    repo: str
    kind: str
    files: Mapping[str, Path | bytes]  # all that the Space should hold, by path
    left_out: Mapping[str, str]  # what stays here, by path, and why
    compared: str  # with what, in words; why not, where nothing could be asked
    there: Mapping[str, int] | None  # sizes of what the Space holds now; None where it does not exist, or was not asked
    added: tuple[str, ...]
    changed: tuple[str, ...]
    deleted: tuple[str, ...]
    private: bool | None = None  # who shall see it; None: everybody if it is new, else as it is
    commit: str | None = None  # at which the Space was looked at
    was_private: bool = False
    was_sdk: str = ""

    @property
    def address(self) -> str:
        return f"{client.endpoint()}/spaces/{self.repo}"

    def lines(self) -> list[str]:
        """The plan for people to read."""
        seen = "private" if (self.was_private if self.private is None else self.private) else "public"
        said = [f"The Space {self.repo} ({self.kind}, {seen}) at {self.address}", "", "Its README.md:", ""]
        said += [f"    {line}".rstrip() for line in cast(bytes, self.files["README.md"]).decode().splitlines()]
        return [*said, "", self.compared, *self.changes(), self.summary()]

    def changes(self) -> list[str]:
        """One line for every file that changes, for what was left out, and for what is left to the owner."""
        lines = []
        for verb in ("added", "changed", "deleted"):
            for path in getattr(self, verb):
                size = (self.there or {})[path] if verb == "deleted" else _size(self.files[path])
                lines.append(f"  {verb:8} {amounts.size(size):>10}  {path}")
        lines += [f"  left out             {path} ({why})" for path, why in self.left_out.items()]
        if self.was_sdk not in ("", SDKS[self.kind]):
            lines.append(f"It was another kind of Space; choose its hardware at {self.address}/settings.")
        return lines

    def summary(self) -> str:
        sent = sum(_size(self.files[path]) for path in (*self.added, *self.changed))
        whole = f"{len(self.files)} files, {amounts.size(sum(map(_size, self.files.values())))} in all"
        if not (self.added or self.changed or self.deleted):
            return f"{whole}; nothing changed, so nothing is sent."
        parts = [f"{len(getattr(self, verb))} {verb}" for verb in ("added", "changed", "deleted")]
        return f"{whole}: {', '.join(parts)}; {amounts.size(sent)} to send."


def plan(
    repo: str,
    kind: str,
    *,
    private: bool | None = None,
    token: str | None = None,
    root: Path = ROOT,
    offline_too: bool = False,
) -> Plan:
    """How the Space `repo` ("owner/name") would have to change to hold this project as a Space of this `kind`.

    `private` says who shall see it: where it is None a new Space is public, and one that exists stays as it is. With
    `offline_too` a Hub that cannot be asked is no error: then the plan says so, and that all would be added. Raises
    `UserError` for a wrong name, a folder without the project, what the Hub refuses, and for a Space that holds
    something else than Ganvas.
    """
    repo = repo.strip()
    client.require_name(repo, "a Space")
    files, left_out = space_files(kind, root)
    there, compared = None, "The Hub shows no such Space to this computer, so it would be made, and everything added:"
    try:
        there = _space_as_it_is(repo, _token(token))
    except UserError as error:
        if not offline_too:
            raise
        compared = f"Nothing to compare with, so everything counts as added: {str(error).split(';')[0].rstrip('.')}."
    if there is None:
        return Plan(repo, kind, files, left_out, compared, None, tuple(files), (), (), private)
    holds = there.digests
    foreign = holds.keys() - UNTOUCHED
    if foreign and not {"core/__main__.py", "style_app.py"} <= foreign:
        raise UserError(f"The Space {repo} exists and holds something else ({min(foreign)}); choose another name.")
    added = tuple(path for path in files if path not in holds)
    changed = tuple(path for path, what in files.items() if path in holds and not _same(what, holds[path]))
    deleted = tuple(path for path in sorted(holds) if path not in files and path != GITS)
    compared = f"Compared with what it holds now (commit {there.commit[:8]}):"
    return Plan(
        repo, kind, files, left_out, compared, there.sizes, added, changed, deleted, private,
        there.commit, there.private, there.sdk,
    )  # fmt: skip


def send(planned: Plan, *, token: str | None = None, root: Path = ROOT) -> Plan:
    """Make or update the Space as planned; returns the plan that was carried out: a new Space is looked at again.

    Nothing is sent where nothing changed. The token is the environment's or that of `hf auth login` where none is
    given; it has to allow writing, and gets into no message. `UserError` for all that the Hub or the token can have.
    """
    token = _token(token)
    if not token:
        raise UserError(
            f"Deploying needs a token that may write: make one at {client.endpoint()}/settings/tokens and set "
            "HF_TOKEN, or log in with `hf auth login`."
        )
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi

    repo, kind, private = planned.repo, planned.kind, planned.private
    api = HfApi(client.endpoint(), token=token, library_name="ganvas", library_version=__version__)
    if planned.there is None:
        with _sending(repo):
            hardware: Any = ZERO_HARDWARE if kind == "zerogpu" else None
            api.create_repo(
                repo, repo_type="space", space_sdk=SDKS[kind], space_hardware=hardware, private=private, exist_ok=True
            )
        planned = plan(repo, kind, private=private, token=token, root=root)
    operations: list[Any] = [CommitOperationAdd(path, planned.files[path]) for path in planned.added + planned.changed]
    operations += [CommitOperationDelete(path) for path in planned.deleted]
    with _sending(repo):
        if private is not None and planned.was_private != private:
            api.update_repo_settings(repo, repo_type="space", private=private)
        if operations:
            api.create_commit(
                repo, operations, repo_type="space", commit_message=f"Ganvas {__version__}",
                parent_commit=planned.commit,
            )  # fmt: skip
    return planned


# ---------------------------------------------------------------- what a Space is made of


def space_files(kind: str, root: Path = ROOT) -> tuple[dict[str, Path | bytes], dict[str, str]]:
    """All that a Space of this kind holds, by path; and what of the folder stays here, by path, and why.

    Links stay here, since they may lead anywhere. Raises `UserError` when `root` is not the project, or no git
    checkout: then nothing tells the project's files from a secret that happens to lie beside them.
    """
    tracked = [name for name in _git(root, "ls-files") if (root / name).is_file()]
    missing = sorted({*NEEDED, *KINDS[kind]} - set(tracked))
    if missing:
        raise UserError(f"{root} is not the whole project ({missing[0]} is missing, or not in git).")
    patterns = _exclusions((root / EXCLUSIONS).read_text(encoding="utf-8"))
    files: dict[str, Path | bytes] = {}
    left_out = {}
    for name in tracked:
        if name not in KINDS[kind] and (head := _excluded(name, patterns)):
            left_out[head] = EXCLUSIONS
        elif any((root / above).is_symlink() for above in _heads(name)):
            left_out[name] = "a link"
        else:
            files[name] = root / name
    unknown = _git(root, "ls-files", "--others", "--exclude-standard", "--directory")
    for name in (folder_or_file.rstrip("/") for folder_or_file in unknown):
        if not _excluded(name, patterns):
            left_out[name] = "not in git; `git add` it if it belongs to the project"
    pinned = (root / "requirements.txt").read_text(encoding="utf-8")
    files["requirements.txt"] = (_for_zerogpu(pinned) if kind == "zerogpu" else pinned).encode()
    files["README.md"] = readme(kind, pinned).encode()
    left_out["README.md"] = "a Space has its own"
    return dict(sorted(files.items())), dict(sorted(left_out.items()))


def _exclusions(text: str) -> list[tuple[re.Pattern[str], bool]]:
    """The patterns of a .dockerignore as far as ours uses them, and whether what they match stays here."""
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    found = []
    for line in lines:
        pattern = re.escape(line.removeprefix("!")).replace(r"\*\*/", "(?:.*/)?").replace(r"\*", "[^/]*")
        found.append((re.compile(pattern), not line.startswith("!")))
    return found


def _excluded(name: str, patterns: list[tuple[re.Pattern[str], bool]]) -> str:
    """The file, or the folder above it, that stays here; "" where it is sent. The last pattern that matches counts."""
    excluded = ""
    for pattern, stays in patterns:
        if head := next(filter(pattern.fullmatch, _heads(name)), ""):
            excluded = head if stays else ""
    return excluded


def _heads(name: str) -> list[str]:
    """For a/b/c: a, a/b and a/b/c."""
    parts = name.split("/")
    return ["/".join(parts[:n]) for n in range(1, len(parts) + 1)]


def _git(root: Path, *command: str) -> list[str]:
    """The paths that git answers with."""
    if not (root / ".git").exists():
        raise UserError(
            f"{root} is no git checkout, so nothing tells which of its files belong to the project. Get it with "
            "`git clone`, or run `git init` and `git add .` in it, and look through `git status`."
        )
    try:
        done = subprocess.run(["git", "-C", str(root), *command, "-z"], capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        words = getattr(error, "stderr", b"") or str(error).encode()
        said = words.decode(errors="replace").strip().splitlines()[0]
        raise UserError(f"git cannot tell which files of {root} belong to the project: {said}") from None
    return [name for name in done.stdout.decode(errors="surrogateescape").split("\0") if name]


def _for_zerogpu(pinned: str) -> str:
    """The project's requirements with the versions that ZeroGPU supports."""
    for name, version in ZERO_PINS.items():
        pinned = re.sub(rf"^{name}==\S+", f"{name}=={version}", pinned, flags=re.MULTILINE)
    return pinned + ZERO_EXTRA


def readme(kind: str, pinned: str) -> str:
    """The Space's README.md: the front matter that Spaces reads, and a few words. The project's own stays as it is."""
    settings = "\n".join(f"{name}: {_yaml(value)}" for name, value in front_matter(kind, pinned).items())
    return f"---\n{settings}\n---\n{ABOUT}"


def front_matter(kind: str, pinned: str) -> dict[str, Any]:
    """What hf.co/docs/hub/spaces-config-reference asks for. `pinned` is the text of the project's requirements.

    Left at their defaults: custom_headers (the studio works inside the Hub's frame, and isolating it would forbid
    that), startup_duration_timeout (it starts within seconds), preload_from_hub (what is needed is in `weights/`).
    """
    if kind == "docker":
        own = {"sdk": "docker", "app_port": 7860, "suggested_hardware": "cpu-basic"}
    else:
        gradio = re.search(r"^gradio==(\S+)", pinned, re.MULTILINE)
        if gradio is None:
            raise UserError(
                "requirements.txt does not pin gradio, so no Gradio Space can be made; write gradio==VERSION."
            )
        own = {
            "sdk": "gradio", "sdk_version": gradio[1], "python_version": ZERO_PYTHON, "app_file": "zerogpu.py",
            # Only a page directly inside the Hub's frame is told who the visitor is, and so whose GPU time is used.
            "base_path": "/style/", "suggested_hardware": ZERO_HARDWARE,
        }  # fmt: skip
    return {
        "title": "Ganvas",
        "emoji": "🎨",
        "colorFrom": "red",
        "colorTo": "yellow",
        **own,
        "short_description": "Paint photos, train GANs and play with them",
        "license": "apache-2.0",
        "models": ["timm/vgg19.tv_in1k"],  # on demand; without this line the Hub guesses from the code
        "tags": ["style-transfer", "gan", "image-generation", "art"],
    }


def _yaml(value: Any) -> str:
    """JSON is YAML; words that need no quotes look better without."""
    plain = isinstance(value, str) and re.fullmatch(r"[A-Za-z🎨/][\w ,./🎨-]*", value)
    return value if plain else json.dumps(value, ensure_ascii=False)


ABOUT = """
# Ganvas

A studio for generative images: paint a photo in another picture's style, train a GAN on pictures of your own, and play
with generators. Every visitor sees only what is theirs, and what is old is cleaned away.

Made by `python -m core deploy`, which writes these files anew: change the project, not the Space.
The weights and the example pictures are listed with their licences in `weights/` and `examples/README.md`.
"""


# ---------------------------------------------------------------- what the Space holds


@dataclass(frozen=True)
class _There:
    digests: dict[str, str]  # hex: sha256 (64) of what lies in large file storage, git's blob sha1 (40) of the rest
    sizes: dict[str, int]
    commit: str
    private: bool
    sdk: str


def _space_as_it_is(repo: str, token: str | None) -> _There | None:
    """The Space as it is; None where there is none that this token may see."""
    from huggingface_hub import HfApi
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError

    where = client.endpoint()
    api = HfApi(where, token=token, library_name="ganvas", library_version=__version__)
    with client.in_words(where, repo, None):
        try:
            info = api.space_info(repo, files_metadata=True, timeout=client.SILENCE_SECONDS)
        except GatedRepoError:
            raise
        except RepositoryNotFoundError:
            return None
        files = info.siblings or ()
        digests = {f.rfilename: (f.lfs.sha256 if f.lfs else f.blob_id) or "" for f in files}
        sizes = {f.rfilename: f.size or 0 for f in files}
        return _There(digests, sizes, info.sha or "", bool(info.private), info.sdk or "")


def _same(what: Path | bytes, digest: str) -> bool:
    data = what if isinstance(what, bytes) else what.read_bytes()
    if len(digest) == 64:
        return hashlib.sha256(data).hexdigest() == digest
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest() == digest


def _size(what: Path | bytes) -> int:
    return len(what) if isinstance(what, bytes) else what.stat().st_size


# ---------------------------------------------------------------- the token, and what the Hub says to it


def _token(given: str | None) -> str | None:
    """The one given, else the environment's, else that of `hf auth login`."""
    if given or os.environ.get("HF_TOKEN"):
        return (given or os.environ["HF_TOKEN"]).strip()
    from huggingface_hub import get_token

    return get_token()


@contextlib.contextmanager
def _sending(repo: str) -> Iterator[None]:
    """Turns what the Hub answers to somebody who writes into a `UserError`, with the Hub's own reason."""
    from huggingface_hub.errors import HfHubHTTPError

    with client.in_words(client.endpoint(), repo, None), client.patience(SILENCE_SECONDS):
        try:
            yield
        except HfHubHTTPError as error:
            status = error.response.status_code
            reason = " ".join((error.server_message or "").split())[:300]
            reason = f" The Hub says: {reason}" if reason else ""
            match status:
                case 402:
                    words = (
                        "needs a paid plan: Docker Spaces are for PRO and Team accounts, while a free account may "
                        "have two ZeroGPU Spaces (--kind zerogpu)."
                    )
                case 401 | 403 | 404:
                    words = "is not allowed with this token: check the owner's name, and that the token may write."
                case 409 | 412:
                    words = "crossed another change; run it again."
                case 400 | 413 | 422:
                    words = "was refused."
                case _:
                    raise
            raise UserError(f"Deploying to {repo} {words} (Error {status}.){reason}") from None
