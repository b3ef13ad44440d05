"""`python -m tests.mutants`: applies each wrong variant to a copy of the code, one at a time."""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

from rich.console import Console
from rich.table import Table

from tests.mutants.catalogue import MUTANTS, Mutant

ROOT = Path(__file__).parents[2]
COPIED = ("libs", "services", "deploy", "tests", "docs")
FILES = ("pyproject.toml", "README.md", "Makefile", "requirements.txt")
TIMEOUT_S = 300
MOST_SHOWN = 100
BROKEN = re.compile("NameError|ImportError|AttributeError|TypeError|SyntaxError")
"""A variant that fails in one of these ways is not wrong but written wrongly."""
FAILED = 1
"""The exit code of a simulation with violations, and of pytest with failed tests."""


@dataclass(frozen=True, slots=True)
class Catch:
    """How a mutant was caught, or that it was not."""

    mutant: Mutant
    caught: bool
    by: str
    seconds: float


class Stale(Exception):
    """A mutant does not fit the code any more."""


def main() -> int:
    """Runs what the command line says; 1 if a mutant lives."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("--seeds", type=int, default=2000, help="the most for the simulation")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="at once")
    parser.add_argument("--only", default="", help="mutants whose name contains this")
    chosen = parser.parse_args()
    console = Console(highlight=False, width=110)
    mutants = [mutant for mutant in MUTANTS if chosen.only in mutant.name]
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(chosen.jobs) as pool:
        copies: SimpleQueue[Path] = SimpleQueue()
        for job in range(chosen.jobs):
            copies.put(_copy(Path(folder, str(job))))

        def attempt(mutant: Mutant) -> Catch:
            copy = copies.get()
            try:
                catch = _try(copy, mutant, chosen.seeds)
            finally:
                copies.put(copy)
            console.print(f"{'caught' if catch.caught else '[red]LIVES[/]'}: {mutant.name}")
            return catch

        catches = list(pool.map(attempt, mutants))
    _show(console, catches)
    caught = sum(catch.caught for catch in catches)
    print(json.dumps({"mutants": len(catches), "caught": caught}))
    return 0 if caught == len(catches) else 1


def _copy(to: Path) -> Path:
    to.mkdir()
    for name in COPIED:
        shutil.copytree(ROOT / name, to / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in FILES:
        shutil.copy(ROOT / name, to / name)
    return to


def _try(copy: Path, mutant: Mutant, seeds: int) -> Catch:
    began = time.monotonic()
    with _applied(copy, mutant):
        try:
            caught, by = _test(copy, mutant.test) if mutant.test else _simulate(copy, seeds)
        except subprocess.TimeoutExpired:
            caught, by = False, f"nothing was noticed within {TIMEOUT_S} s"
    return Catch(mutant, caught, by, time.monotonic() - began)


@contextmanager
def _applied(copy: Path, mutant: Mutant) -> Iterator[None]:
    """The mutant in the copy, as long as the block lasts.

    Raises:
        Stale: what it changes does not occur exactly once.
    """
    file = copy / mutant.file
    text = file.read_text()
    if text.count(mutant.old) != 1:
        raise Stale(
            f"'{mutant.name}' does not fit {mutant.file} any more: what it changes occurs "
            f"{text.count(mutant.old)} times. Write it anew in tests/mutants/catalogue.py."
        )
    file.write_text(text.replace(mutant.old, mutant.new))
    try:
        yield
    finally:
        file.write_text(text)


def _simulate(copy: Path, seeds: int) -> tuple[bool, str]:
    done = _run(copy, "-m", "tests.simulation", "--seeds", str(seeds), "--jobs", "1", "--stop")
    needed = re.search(r'"seeds": (\d+)', done.stdout)
    if done.returncode != FAILED or needed is None:
        return False, f"the simulation: exit code {done.returncode} {done.stderr[-300:]}"
    found = re.search(r"^seed \d+: \S+ (.*)$", done.stdout, re.MULTILINE)
    what = re.sub(r"_0{8,}", "_", found[1]) if found else "something did not end"
    if BROKEN.search(what):
        return False, f"it does not even run: {what[:MOST_SHOWN]}"
    return True, f"the simulation, {needed[1]} seeds: {what[:MOST_SHOWN]}"


def _test(copy: Path, test: str) -> tuple[bool, str]:
    done = _run(copy, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *test.split())
    failed = re.search(r"^FAILED (\S+)", done.stdout, re.MULTILINE)
    if done.returncode != FAILED or failed is None:
        return False, f"{test}: exit code {done.returncode} {done.stdout[-300:]}"
    return True, failed[1].rpartition("/")[2]


def _run(copy: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    # The copy comes before whatever this environment has installed.
    environment = os.environ | {"PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=copy,
        env=environment,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )


def _show(console: Console, catches: list[Catch]) -> None:
    table = Table("wrong variant", "caught by", "s")
    for catch in catches:
        by = catch.by if catch.caught else f"[red]nobody[/] ({catch.by})"
        table.add_row(catch.mutant.name, by, f"{catch.seconds:.0f}")
    console.print(table)


if __name__ == "__main__":
    sys.exit(main())
