"""Zips of pictures, as hostile as they come: what is in them, and one file's bytes. Nothing is unpacked to disk.

A zip's directory is believed in nothing: not in how many files there are, where they lie, or how large they are.
"""

from __future__ import annotations

import functools
import itertools
import zipfile
from pathlib import Path

from core.errors import UserError
from core.pictures.decode import called
from core.visitors import policy

UNPACKED = 10**9  # bytes that all zips may unpack to, beyond 20 times their own size: pictures hardly shrink in a zip
HEADER_BYTES = 30  # before each file, at least
ENTRY_BYTES = 500  # of the directory for each file: a long name, times, rights
# zipfile's own, of which typeshed does not tell.
_end_record, ECD_SIZE = zipfile._EndRecData, zipfile._ECD_SIZE  # pyrefly: ignore[missing-attribute]
METHOD_NAMES: dict[int, str] = zipfile.compressor_names  # pyrefly: ignore[missing-attribute]
METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}  # the others cannot be unpacked piece by piece, within a limit
OPEN = 8  # archives kept open at once


class Archives:
    """The zips of one set, and what they may still unpack to together."""

    def __init__(self) -> None:
        self.left = UNPACKED
        self._open = functools.lru_cache(OPEN)(zipfile.ZipFile)  # closed when nobody reads in it any more

    def entries(self, path: Path) -> list[zipfile.ZipInfo]:
        """What its directory lists. Raises `UserError` for a zip that is damaged or was made to do harm."""
        name = called(path.name)
        try:
            with open(path, "rb") as file:
                end = _end_record(file)  # knows all the ways of saying where the directory is
            size, most = end[ECD_SIZE], policy.limits().images
            if size > ENTRY_BYTES * most:
                raise UserError(f"{name} lists more files than the {most:,} a run takes here, so give fewer.")
            entries = self._open(path).infolist()
        except UserError:
            raise
        except Exception as error:  # zipfile raises nearly anything on damaged archives
            raise UserError(f"{name} is a damaged zip; pack it again.") from error
        places = sorted((e.header_offset, e.header_offset + HEADER_BYTES + e.compress_size) for e in entries)
        if any(end > begin for (_, end), (begin, _) in itertools.pairwise(places)):
            raise UserError(f"{name} lists files that lie over one another; pack it again.")
        self.left += 20 * path.stat().st_size
        return entries

    def read(self, path: Path, entry: zipfile.ZipInfo, name: str) -> bytes:
        """One file of a zip; `name` is what to call it."""
        if entry.flag_bits & 1:
            raise UserError(f"{name} is locked with a password inside its zip; pack it again without.")
        if entry.compress_type not in METHODS:
            method = METHOD_NAMES.get(entry.compress_type, "an unknown method")
            raise UserError(
                f"{name} is packed with {method}, which is not read here; unpack it, or pack it again in zips of less "
                "than 2 GB."
            )
        self.left -= entry.file_size
        if entry.file_size > policy.limits().picture_bytes or self.left < 0:
            raise UserError(f"{name} unpacks to more than a picture can have; it was not opened.")
        try:
            with self._open(path).open(entry) as file:
                content = file.read(entry.file_size)  # the number matters: without, all is unpacked and then cut
                file.read(1)  # past the end, where the checksum is compared
                return content
        except Exception as error:
            raise UserError(f"{name} is damaged inside its zip; pack it again.") from error
