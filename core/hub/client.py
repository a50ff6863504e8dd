"""Talks to the Hugging Face Hub: which files a repository has, and their bytes, with every fault in words.

First ask (`list_repo`, `file_info`), then read (`chunks`). Addresses, tokens, sessions and error types are those of
huggingface_hub; its downloader is not used. It retries an unreachable Hub for 23 seconds and a hanging one for over a
minute, cannot read parts of a file, and compares no digests. Here a fault shows within seconds, and one that cost
waiting is remembered for a minute, so that a page can ask again and again without hanging.

Knows nothing of the registry, the cache or what the bytes mean (`core.hub`), nor of pages.
"""

from __future__ import annotations

import json
import os
import re
import socket
import threading
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit
from urllib.request import getproxies

from core import __version__, amounts
from core.errors import UserError
from core.visitors import policy

CONNECT_SECONDS = 3.0  # until the Hub must have picked up
SILENCE_SECONDS = 6.0  # the longest pause between two pieces of an answer
LISTING_SECONDS = 30.0  # for the whole list of a repository's files
REMEMBER_SECONDS = 60.0
RESUMES = 2  # how often one reading is taken up again where the connection broke
MAX_LISTING = 8 * 2**20  # bytes: some thirty thousand files
MAX_NAME = 200  # bytes of a file's name, with its folders
MAX_SHOWN = 80
MAX_UNRANGED = 2**30  # how far to read in a file whose server cannot start in the middle

COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True)
class ListedFile:
    """A file as `list_repo` sees it. `size` in bytes; None where the Hub does not say."""

    path: str
    size: int | None


@dataclass(frozen=True)
class Listing:
    """What a repository holds at one commit (`revision`, 40 hex digits)."""

    repo: str
    revision: str
    files: tuple[ListedFile, ...]


@dataclass
class RemoteFile:
    """One file at one commit, ready to be read. `digest` is hex sha256 (64) or git's blob sha1 (40), or empty."""

    repo: str
    revision: str
    path: str
    url: str
    size: int
    digest: str
    ranged: bool = True  # False once its server has answered a request for a part with the whole


def endpoint() -> str:
    """The Hub's address. Read at every call: huggingface_hub itself reads it once, when it is imported."""
    return (os.environ.get("HF_ENDPOINT") or "https://huggingface.co").rstrip("/")


def in_shared_cache(repo: str, revision: str, path: str) -> Path | None:
    """The file in the cache that huggingface_hub keeps for all programs, where it is there. Nothing is asked."""
    from huggingface_hub import constants, try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    home = os.environ.get("HF_HOME")
    cache = os.environ.get("HF_HUB_CACHE") or (home and os.path.join(home, "hub")) or constants.HF_HUB_CACHE
    try:
        found = try_to_load_from_cache(repo, path, cache_dir=cache, revision=revision)
    except HFValidationError:
        raise not_a_name(repo) from None
    return Path(found) if isinstance(found, str) else None


# ---------------------------------------------------------------- asking


def list_repo(repo: str, revision: str | None = None) -> Listing:
    """The files of a model repository, and the commit that a branch (the main one, if none is given) stands at."""
    from huggingface_hub.utils import get_session, hf_raise_for_status, httpx, validate_repo_id

    where = endpoint()
    with in_words(where, repo, revision):
        validate_repo_id(repo)
        # Not HfApi.model_info: that takes in an answer of any length.
        url = f"{where}/api/models/{repo}" + (f"/revision/{quote(revision, safe='')}" if revision else "")
        text, until = bytearray(), time.monotonic() + LISTING_SECONDS
        with get_session().stream("GET", url, params={"blobs": 1}, headers=_headers(), timeout=_timeout()) as answer:
            hf_raise_for_status(answer)
            for chunk in answer.iter_bytes():
                text += chunk
                if len(text) > MAX_LISTING:
                    raise UserError(f"{repo} holds more files than Ganvas looks through; name a smaller repository.")
                if time.monotonic() > until:
                    raise httpx.ReadTimeout("drop by drop")
        about = json.loads(text)
        if not COMMIT.fullmatch(about["sha"]):
            raise ValueError("an answer without a commit")
        files = tuple(ListedFile(str(file["rfilename"]), file.get("size")) for file in about.get("siblings") or ())
        return Listing(repo, about["sha"], files)


def nameable(path: str) -> bool:
    """Whether a file of a repository has a name that any disk can take, and a person can read."""
    parts = path.split("/")
    return (
        path.isprintable()
        and len(path.encode()) <= MAX_NAME
        and not {"", ".", ".."} & set(parts)
        and not any(bad in path for bad in ("\\", "..", ":", " /"))
        and path == path.strip()
    )


def shown(path: str) -> str:
    """A stranger's name for something, fit to be read: short, and without signs that hide or turn others around."""
    plain = "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in path[: MAX_SHOWN + 1])
    return plain if len(plain) <= MAX_SHOWN else plain[:MAX_SHOWN] + "…"


def file_info(repo: str, revision: str, path: str) -> RemoteFile:
    """Where a file is, how long, and its digest: one small request, nothing is read yet."""
    from huggingface_hub import get_hf_file_metadata, hf_hub_url
    from huggingface_hub.utils import validate_repo_id

    where = endpoint()
    with in_words(where, repo, revision, path):
        validate_repo_id(repo)
        url = hf_hub_url(repo, path, revision=revision, endpoint=where)
        about = get_hf_file_metadata(url, timeout=_timeout(), headers=_headers(), endpoint=where)
        if about.commit_hash is None or about.size is None:  # a login page of the network answers like this
            raise ValueError("an answer without commit or size")
        digest = about.etag or ""
        digest = digest if re.fullmatch(r"[0-9a-f]{64}|[0-9a-f]{40}", digest) else ""
        return RemoteFile(repo, revision, path, url, about.size, digest)


# ---------------------------------------------------------------- reading


def chunks(remote: RemoteFile, start: int, end: int) -> Generator[bytes, None, None]:
    """The bytes from `start` up to, not including, `end`, as they arrive.

    A connection that breaks is taken up again where it broke, `RESUMES` times. Whoever iterates sees exactly
    `end - start` bytes or a `UserError`.
    """
    at, resumes = start, 0
    with in_words(endpoint(), remote.repo, remote.revision, remote.path):
        from huggingface_hub.utils import httpx

        while at < end:
            try:
                for chunk in _one_answer(remote, at, end):
                    at += len(chunk)
                    yield chunk
            except (httpx.RemoteProtocolError, httpx.ReadError):
                if resumes == RESUMES:
                    raise
                resumes += 1


def _one_answer(remote: RemoteFile, at: int, end: int) -> Iterator[bytes]:
    from huggingface_hub.utils import get_session, hf_raise_for_status, httpx

    # "identity": lengths and positions are those of the file itself, and nothing can unpack into a bomb.
    headers = {**_headers(), "Range": f"bytes={at}-{end - 1}", "Accept-Encoding": "identity"}
    # The session follows redirects to a storage host and leaves the token behind when it does.
    with get_session().stream("GET", remote.url, headers=headers, timeout=_timeout()) as answer:
        hf_raise_for_status(answer)
        skip = 0
        if answer.status_code == 206:
            _same_length(remote, answer.headers.get("Content-Range", "").rpartition("/")[2])
            if answer.headers["Content-Range"].split("/")[0] != f"bytes {at}-{end - 1}":
                raise UserError(f"The Hub sent another part of {remote.path} than the one asked for; try again later.")
        else:  # the whole file: read past what is not needed, within reason
            _same_length(remote, answer.headers.get("Content-Length", str(remote.size)))
            if end > MAX_UNRANGED:
                raise UserError(
                    f"{remote.path} can only be read from its beginning here, and what is needed ends at "
                    f"{amounts.megabytes(end)}; at most {amounts.megabytes(MAX_UNRANGED)} are read that way."
                )
            remote.ranged = False
            skip = at
        left = end - at
        for chunk in answer.iter_raw():
            dropped = min(skip, len(chunk))
            skip -= dropped
            chunk = chunk[dropped : dropped + left]
            left -= len(chunk)
            if chunk:
                yield chunk
            if not left:
                return
    raise httpx.RemoteProtocolError("the answer ended early")


def _same_length(remote: RemoteFile, said: str) -> None:
    if said != str(remote.size):
        raise UserError(
            f"The Hub gives two lengths for {remote.path} ({remote.size} and {said or 'none'} bytes), "
            "so it cannot be trusted; nothing was kept."
        )


def _headers() -> dict[str, str]:
    from huggingface_hub.utils import build_hf_headers

    return build_hf_headers(token=_token(), library_name="ganvas", library_version=__version__)


def _token() -> bool | None:
    """None: the one this computer has, if any. False: none, for what a server may read is not its visitors' to read."""
    return False if policy.public() else None


def _timeout() -> Any:  # the Hub's library asks for a number of seconds, and passes on what it is given
    from huggingface_hub.utils import httpx

    return httpx.Timeout(SILENCE_SECONDS, connect=CONNECT_SECONDS)


@contextmanager
def patience(seconds: float) -> Iterator[None]:
    """While something is sent: so long may the Hub be silent. huggingface_hub waits for ever by itself."""
    from huggingface_hub.utils import get_session, httpx

    session = get_session()
    before = session.timeout
    session.timeout = httpx.Timeout(seconds, connect=CONNECT_SECONDS)
    try:
        yield
    finally:
        session.timeout = before


# ---------------------------------------------------------------- what can go wrong, in words

_failures: dict[str, tuple[float, str]] = {}  # host or address -> (when, what happened)
_answered: dict[str, float] = {}  # host -> when it last picked up


@contextmanager
def in_words(where: str, repo: str, revision: str | None, path: str = "") -> Iterator[None]:
    """Turns whatever goes wrong while talking to the Hub into a `UserError`."""
    from huggingface_hub import errors
    from huggingface_hub.utils import httpx

    host = where.rpartition("://")[2]
    this = f"{host} {repo} {path}"
    _refuse_offline()
    _refuse_remembered(host)
    _refuse_remembered(this)
    try:
        _knock(where)
        yield
    except errors.OfflineModeIsEnabled:  # HF_HUB_OFFLINE as it was when huggingface_hub was imported
        raise UserError(_OFFLINE) from None
    except errors.HFValidationError:
        raise not_a_name(repo) from None
    except errors.GatedRepoError:
        raise UserError(
            f"{repo} is gated, its owner decides who may read it: ask for access at {where}/{repo}, then set HF_TOKEN."
        ) from None
    except errors.RepositoryNotFoundError:
        raise UserError(
            f"The Hub shows no repository {repo}: check the spelling, or set HF_TOKEN if it is private."
        ) from None
    except errors.RevisionNotFoundError:
        raise UserError(f"{repo} has no revision {revision}; it may have been deleted by its owner.") from None
    except errors.EntryNotFoundError:
        raise UserError(f"{repo} has no file {path} at revision {(revision or 'main')[:8]}.") from None
    except errors.HfHubHTTPError as error:
        status = error.response.status_code
        if status == 429:
            raise _remembered(host, f"The Hub ({host}) asks for fewer requests (error 429)") from None
        if status >= 500:
            raise _remembered(this, f"The Hub ({host}) has a fault of its own (error {status})") from None
        if status in (401, 403):
            raise UserError(
                f"The Hub does not let this computer read {repo} (error {status}): it is private, or the token in "
                "HF_TOKEN is no longer valid."
            ) from None
        raise UserError(f"The Hub refused to give {path or repo} (error {status}).") from None
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError, ConnectionError):
        raise _remembered(host, f"The Hub ({host}) could not be reached") from None
    except httpx.TimeoutException:
        raise _remembered(this, f"The Hub ({host}) stopped answering about {path or repo}") from None
    except (httpx.RemoteProtocolError, httpx.ReadError):
        raise UserError(
            f"The connection to the Hub broke off while reading {path or repo}; nothing was kept, try again."
        ) from None
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise UserError(
            f"{host} does not answer like the Hub; check HF_ENDPOINT, and whether this "
            "network wants you to log in first."
        ) from None


def not_a_name(repo: str, what: str = "a repository") -> UserError:
    if not repo:
        return UserError(f"The name of {what} is missing; write it as owner/name.")
    return UserError(f"{repo[:100]!r} is not the name of {what}; write it as owner/name.")


def require_name(repo: str, what: str = "a repository") -> None:
    """Raises `UserError` unless the Hub takes "owner/name" for the name of `what`. Nothing is asked."""
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id

    try:
        validate_repo_id(repo)
    except HFValidationError:
        raise not_a_name(repo, what) from None
    if "/" not in repo:  # names without an owner are the Hub's own, of old
        raise not_a_name(repo, what)


_OFFLINE = "HF_HUB_OFFLINE is set, so nothing is fetched; unset it, or use what is bundled or already here."


def _refuse_offline() -> None:
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE"):
        raise UserError(_OFFLINE)


def _refuse_remembered(key: str) -> None:
    when, what = _failures.get(key, (0.0, ""))
    ago = time.monotonic() - when
    if what and ago < REMEMBER_SECONDS:
        raise UserError(f"{what} {ago:.0f} seconds ago; trying again is possible in {REMEMBER_SECONDS - ago:.0f} s.")


def _remembered(key: str, what: str) -> UserError:
    _failures[key] = (time.monotonic(), what)
    return UserError(f"{what}; what is bundled or already here still works, and it can be tried again in a minute.")


def _knock(where: str) -> None:
    """Raises `ConnectionError` unless the Hub picks up within `CONNECT_SECONDS` in all.

    The limit of an ordinary connection counts for each address of a host (the Hub has eight), and not at all for a
    silent name server: half a minute in all behind a firewall that swallows packets.
    """
    url = urlsplit(where)
    proxied = getproxies().keys() & {url.scheme, "all"}  # then the proxy connects; it is near and answers at once
    if proxied or not url.hostname or time.monotonic() - _answered.get(where, -1e9) < REMEMBER_SECONDS:
        return
    port = url.port or (443 if url.scheme == "https" else 80)
    outcome: list[OSError | None] = []

    def connect() -> None:
        try:
            socket.create_connection((url.hostname, port), timeout=CONNECT_SECONDS / 2).close()
            outcome.append(None)
        except OSError as error:
            outcome.append(error)

    thread = threading.Thread(target=connect, daemon=True, name="knock at the Hub")
    thread.start()
    thread.join(CONNECT_SECONDS)
    if outcome != [None]:
        raise ConnectionError(outcome[0] if outcome else "no answer")
    _answered[where] = time.monotonic()
