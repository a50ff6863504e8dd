"""A trained generator, given away: its folder becomes a repository on the Hub.

The token is used for this one action: it is kept in no file, no session and no message. Reading the Hub, and the words
for its faults, are `core.hub.client`'s; what is in the folder is `core.gan.zoo.model_folder`'s. Plain: no torch.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from core import __version__, amounts
from core.errors import UserError
from core.gan.doctor import report
from core.gan.zoo.catalogue import DISCRIMINATOR
from core.hub import client
from core.pictures import images
from core.visitors import policy

FILES = ("model.safetensors", "config.json", "samples.png", "README.md", DISCRIMINATOR)
NEEDED = FILES[:4]
GITS = ".gitattributes"  # the Hub puts it into every repository
# Licences of the training data, by the Hub's names for them.
LICENCES = {
    "": "Choose ...", "cc0-1.0": "CC0, public domain", "cc-by-4.0": "CC BY 4.0", "cc-by-sa-4.0": "CC BY-SA 4.0",
    "cc-by-nc-4.0": "CC BY-NC 4.0", "mit": "MIT", "apache-2.0": "Apache 2.0", "other": "Another one",
    "unknown": "I do not know",
}  # fmt: skip
SILENCE_SECONDS = 60.0  # the Hub may think about a commit for a while
STEPS = 3


def publish(
    folder: Path,
    repo: str,
    token: str | None,
    *,
    private: bool = True,
    data_licence: str = "",
    discriminator: bool = True,
    progress: Callable[[int, int, str], None] | None = None,
) -> str:
    """Make the repository `repo` ("owner/name") of the generator in `folder`; returns its address.

    `token` has to allow writing; without one the environment's `HF_TOKEN` is used. `data_licence` is one of `LICENCES`.
    With the `discriminator`, where the folder has it, the pictures can be sorted best first by whoever pulls it.
    `progress` is called with (step, of, what is done now). A repository that is there already is added to if it holds a
    generator of Ganvas, else refused. `UserError` for all that the Hub, the token or the folder can have.
    """
    say = progress or (lambda *_: None)
    repo = repo.strip()
    client.require_name(repo)
    if not data_licence or data_licence not in LICENCES:
        raise UserError("The licence of the training images is missing; choose one, or say that it is not known.")
    own = "" if policy.public() else os.environ.get("HF_TOKEN", "")  # a server's token is not its visitors'
    token = (token or own).strip()
    if not token:
        raise UserError(f"Publishing needs a token that may write: make one at {client.endpoint()}/settings/tokens.")
    files = {name: path for name, path in _files(folder).items() if discriminator or name != DISCRIMINATOR}

    from huggingface_hub import CommitOperationAdd, HfApi

    card = _card(files["README.md"].read_text(encoding="utf-8"), data_licence)
    contents: dict[str, Path | bytes] = {**files, "README.md": card.encode()}
    operations = [CommitOperationAdd(name, what) for name, what in contents.items()]
    api = HfApi(client.endpoint(), token=token, library_name="ganvas", library_version=__version__)
    with client.in_words(client.endpoint(), repo, None), _refusals(repo), client.patience(SILENCE_SECONDS):
        say(0, STEPS, f"Making {repo}")
        api.create_repo(repo, private=private, exist_ok=True)
        say(1, STEPS, "Looking at what is there")
        _not_anothers(api, repo)
        size = sum(path.stat().st_size for path in files.values())
        say(2, STEPS, f"Sending {amounts.size(size)}; this can take a minute")
        api.create_commit(repo, operations, commit_message="A generator made with Ganvas")
        say(STEPS, STEPS, "Published")
    return f"{client.endpoint()}/{repo}"


def warning(folder: Path) -> str:
    """What to know before the generator in `folder` is given away; "" where there is nothing."""
    try:
        return report.warning(images.read_recipe(folder / "samples.png"))
    except (UserError, OSError):  # of another version, or damaged: publishing will say so
        return ""


def _files(folder: Path) -> dict[str, Path]:
    missing = [name for name in NEEDED if not (folder / name).is_file()]
    if missing:
        raise UserError(f"{folder.name} has no {missing[0]}, so it is not a whole generator; finish the run first.")
    there = {name: folder / name for name in FILES if (folder / name).is_file()}
    for name, path in there.items():
        if not _whole(path):
            raise UserError(f"{name} of {folder.name} is damaged; finish the run again, or publish another generator.")
    return there


def _whole(path: Path) -> bool:
    """As far as its beginning tells: of weights where the tensors lie, of a configuration all."""
    from safetensors import SafetensorError, safe_open

    try:
        if path.suffix == ".safetensors":
            safe_open(path, "numpy")
        elif path.suffix == ".json":
            json.loads(path.read_text(encoding="utf-8"))
        return path.stat().st_size > 0
    except (OSError, ValueError, SafetensorError):
        return False


def _card(card: str, data_licence: str) -> str:
    """The model card with the licence in its head, where the Hub looks for it."""
    named = data_licence if data_licence != "unknown" else "other\nlicense_name: not-known"
    head, *rest = card.split("---\n", 2)[1:] if card.startswith("---\n") else ("", card)
    head = "".join(line for line in head.splitlines(True) if not line.startswith("license"))
    licence = LICENCES[data_licence] if data_licence != "unknown" else "not known"
    said = f"\n**Licence of the training images:** {licence}.\n"
    return f"---\nlicense: {named}\n{head}---\n{''.join(rest).rstrip()}\n{said}"


def _not_anothers(api, repo: str) -> None:
    # Not list_repo_files: that tries a failing Hub again for half a minute.
    there = {file.rfilename for file in api.model_info(repo, timeout=SILENCE_SECONDS).siblings or ()} - {GITS}
    foreign = sorted(there - set(FILES))
    if foreign or (there and "config.json" not in there):
        example = (foreign or sorted(there))[0]
        raise UserError(f"{repo} exists and holds something else ({example}); choose another name.")


@contextlib.contextmanager
def _refusals(repo: str) -> Iterator[None]:
    """What the Hub answers to a token that will not do. The token itself never gets into a message."""
    from huggingface_hub.errors import HfHubHTTPError

    try:
        yield
    except HfHubHTTPError as error:
        status = error.response.status_code
        if status in (401, 403, 404):
            raise UserError(
                f"The Hub does not let this token write to {repo} (error {status}): check the owner's name, and that "
                "the token allows writing."
            ) from None
        if status in (400, 409, 413, 422):
            raise UserError(f"The Hub did not accept {repo} (error {status}); choose another name.") from None
        raise
