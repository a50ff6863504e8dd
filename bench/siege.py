"""Strangers who mean harm, at a real server in public mode, for a bounded time: what they try, and what held.

    python bench/siege.py [--only WORDS] [--alone] [--log FILE]

Starts a server of its own on loopback and runs all attacks of `bench/attacks.py` against it, one after the other. Each
stranger comes from a loopback address of their own (127.0.0.11 and so on), as strangers do; beside them an honest
visitor at 127.0.0.1 paints, samples, trains and looks at pages all the time. At the end everybody leaves, and the
server's memory must be back within 300 MB of what it was. Prints one line for each attack and a verdict; the exit
status is the number of things that did not hold. After an attack that succeeded it is started anew.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import attacks  # noqa: F401  (they enter themselves in ALL)
from gradio_client import Client, handle_file
from strangers import ALL, PATIENCE, SAMPLE, Attack, Fell, Page, Stranger, Studio, picture

from core.gan.request import TrainRequest
from core.runs import lifecycle, processes, states
from core.runs.run_folder import Run
from core.visitors import identity

RETURNED = 300e6  # bytes of memory that may stay
REST = 270.0  # seconds after everybody left: Streamlit keeps closed sessions for two minutes, then comes the sweeper
ATTACKS = sorted(ALL, key=lambda attack: int(attack.point) if attack.point.isdigit() else 99)  # as in the issue
TRAINED = TrainRequest(size=16, steps=20_000)


# ---------------------------------------------------------------- the honest visitor


@dataclass
class Honest:
    """Paints, samples, trains and looks at pages until told to leave, each `every` so many seconds; remembers what
    went wrong."""

    studio: Studio
    every: float = 1.0
    did: Counter = field(default_factory=Counter)
    longest: dict[str, float] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._over, self._resting = threading.Event(), threading.Event()
        self._threads: list[threading.Thread] = []
        self.run: Run | None = None

    def come(self) -> None:
        self.me = Stranger(self.studio, 1, cookie=True)
        self._begin_training()
        self._over.clear()
        self._threads = [
            threading.Thread(target=self._go_on, args=(what, way), daemon=True)
            for what, way in (
                ("painting", self._paint), ("sample", self._sample), ("page", self._look), ("training", self._train),
            )
        ]  # fmt: skip
        for thread in self._threads:
            thread.start()

    def _begin_training(self) -> None:
        with identity.asking(self.me.name):
            self.run = lifecycle.create(TRAINED, {"kind": "drawn", "name": "planets", "count": 64}, "Honest planets")
            processes.start(self.run)

    def leave(self) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(PATIENCE)
        if self.run and self.run.alive:
            processes.pause(self.run)

    @contextlib.contextmanager
    def resting(self) -> Iterator[None]:
        """While something is done to the machine that nobody could work through, like filling its disk."""
        self._resting.set()
        time.sleep(2)
        try:
            yield
        finally:
            self._resting.clear()

    def _go_on(self, what: str, way: Callable[[], None]) -> None:
        while not self._over.wait(self.every):
            if self._resting.is_set():
                continue
            began = time.monotonic()
            try:
                way()
            except Exception as error:
                if not self._over.is_set() and not self._resting.is_set():
                    self.faults.append(f"{what}: {type(error).__name__} {error}"[:200])
                continue
            self.did[what] += 1
            self.longest[what] = max(self.longest.get(what, 0.0), time.monotonic() - began)

    def _paint(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            photo = Path(folder) / "photo.png"
            photo.write_bytes(picture())
            client = Client(
                f"{self.studio.address}/style/", headers=self.me.cookie, download_files=folder, verbose=False
            )
            try:
                file = handle_file(photo)
                job = client.submit(
                    photo=file, styles=[{"image": file}], style_weights="", size=64, steps=2, api_name="/paint"
                )
                path, recipe = job.result(PATIENCE)
                if "recipe" not in recipe or not Path(path).is_file():
                    raise Fell("no painting came")
            finally:
                client.close()

    def _sample(self) -> None:
        answer = self.me.call("sample", *SAMPLE)
        if '"pictures"' not in answer:
            raise Fell(f"no sample came: {answer[:120]}")

    def _look(self) -> None:
        page = Page(self.me, "train")
        page.close()
        if "Honest planets" not in page.said:
            raise Fell("one's own run is not on the page")

    def _train(self) -> None:
        """Steps go on being made, or the run waits for its turn; after one that is finished comes another."""
        if self.run.status == states.FINISHED:
            self._begin_training()
        before = self.run.state.get("step", 0)
        while self.run.state.get("step", 0) <= before and not self._over.is_set():
            if self.run.status not in {*states.ALIVE, states.QUEUED}:
                raise Fell(f"the run is {self.run.status} at step {before}: {self.run.state.get('message', '')}")
            time.sleep(0.2)

    def served(self, seconds: float) -> bool:
        """Whether everything was had at least once, given so much time for what is slow on a busy machine."""
        until = time.monotonic() + seconds
        while len(self.did) < len(self._threads) and time.monotonic() < until:
            time.sleep(0.2)
        return len(self.did) == len(self._threads)

    def words(self) -> str:
        return ", ".join(f"{count} x {what} (longest {self.longest[what]:.1f} s)" for what, count in self.did.items())


# ---------------------------------------------------------------- one after the other


@dataclass
class Outcome:
    point: str
    name: str
    held: bool
    seen: str
    seconds: float


def besieged(studio: Studio, honest: Honest | None, attack: Attack, number: int) -> Outcome:
    """Run one attack against a started studio; and see who is hurt."""
    began, faults = time.monotonic(), len(honest.faults) if honest else 0
    me = Stranger(studio, 11 + number)  # an address for each, so that what one has used up is not the next one's fault
    try:
        held, seen = True, attack.run(me) or ""
    except Fell as fell:
        held, seen = False, str(fell)
    except Exception as error:  # the server broke off, or the attack is wrong: either has to be looked at
        held, seen = False, f"{type(error).__name__}: {error}"
    me.http.close()
    if ruin := studio.ruined():
        held, seen = False, f"{ruin} ({seen})"
    if honest and (hurt := honest.faults[faults:]):
        held, seen = False, f"{seen}; {len(hurt)} faults of the honest visitor, first {hurt[0]}"
    seconds = time.monotonic() - began
    return Outcome(attack.point, attack.name, held, " ".join(seen.split())[:220], seconds)


def renew(studio: Studio, honest: Honest | None) -> None:
    """Start the server anew, so that what an attack has broken is not the next one's fault."""
    studio.kill()
    if honest:
        honest.leave()
    studio.restart()
    if honest:
        honest.come()


def line(outcome: Outcome) -> str:
    held = "held" if outcome.held else "NOT HELD"
    return f"{outcome.point:>4} | {outcome.name:44} | {held:8} | {outcome.seconds:5.1f} s | {outcome.seen}"


def warm(studio: Studio) -> None:
    """Whatever is loaded with the first painting, sample and page is there before memory is compared."""
    first = Honest(studio)
    first.me = Stranger(studio, 1, cookie=True)
    for way in (first._paint, first._sample):
        way()
    Page(first.me, "generate").close()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="attacks whose point or name has one of these, like 4,memory")
    parser.add_argument("--alone", action="store_true", help="without the honest visitor and the look at memory")
    parser.add_argument("--log", help="a file for what the server said")
    options = parser.parse_args()
    wanted = [word for word in options.only.split(",") if word]
    chosen = [a for a in ATTACKS if not wanted or any(w == a.point or w in a.name for w in wanted)]
    failed = 0
    with tempfile.TemporaryDirectory(prefix="siege-") as folder:
        studio = Studio(Path(folder))
        try:
            os.environ.update(GANVAS_PUBLIC="1", GANVAS_HOME=str(studio.home / "runs"))  # this process starts trainings
            studio.start()
            warm(studio)
            honest = None if options.alone else Honest(studio)
            before = studio.memory()
            if honest:
                honest.come()
                studio.resting = honest.resting
            for number, attack in enumerate(chosen):
                outcome = besieged(studio, honest, attack, number)
                failed += not outcome.held
                print(line(outcome), flush=True)
                if not outcome.held:
                    renew(studio, honest)
            if honest:
                failed += not honest.served(120)
                honest.leave()
                print(f"the honest visitor: {honest.words()}; {len(honest.faults)} faults", flush=True)
                for fault, count in Counter(honest.faults).most_common(8):
                    print(f"    {count} x {fault}")
                failed += bool(honest.faults)
                until = time.monotonic() + REST
                while (more := studio.memory() - before) > RETURNED and time.monotonic() < until:
                    time.sleep(5)
                print(f"memory: {before / 1e6:.0f} MB before, {more / 1e6:+.0f} MB after everybody left")
                failed += more > RETURNED
            told = (studio.home / "server.log").read_text()
            print(f"stack traces in the server's log: {told.count('Traceback')}")
            if options.log:
                Path(options.log).write_text(told)
        finally:
            studio.close()
    print(f"{failed} did not hold" if failed else "everything held")
    return failed


if __name__ == "__main__":
    sys.exit(main())
