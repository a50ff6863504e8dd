"""What a test may start, as its marks say: `browser`, `server` (pyproject.toml). `make check` relies on them."""

_of: set[str] | None = None  # None: no test, as where bench/ uses what stands here


def now(marks: set[str] | None) -> None:
    """Told by conftest.py before each test is set up."""
    global _of
    _of = marks


def require(mark: str) -> None:
    """Fails where the test at work lacks `mark`, so that none is left out of it."""
    assert _of is None or mark in _of, f"a test that starts this is to be marked `{mark}`"
