"""What strangers try at a public studio: one attack, one function. `bench/siege.py` runs them and judges the rest.

Each says what it tries and what must hold, raises `Fell` where it does not, and returns in a few words what was seen.
Each is bounded in count and time, and meant for a server of one's own on loopback.
"""

from attacks import door, files, pages, pictures, places, repositories, single, training  # noqa: F401
