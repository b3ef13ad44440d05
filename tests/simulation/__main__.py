"""`python -m tests.simulation`: thousands of schedules, or one of them step by step."""

import argparse
import os
import sys
import time

from tests.simulation.runner import Total, replay, results
from tests.simulation.schedule import Result

PROGRESS_EVERY_S = 5.0
MOST_SHOWN = 10


def main() -> int:
    """Runs what the command line says; 1 if anything was violated."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=1000, help="how many schedules")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--seed", type=int, help="one schedule, with its timeline")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes")
    parser.add_argument(
        "--mode",
        choices=("both", "safety"),
        default="both",
        help="safety: faults to the end; both: then they stop, and everything must end",
    )
    parser.add_argument("--stop", action="store_true", help="stop at the first violation")
    chosen = parser.parse_args()
    liveness = chosen.mode == "both"
    total = Total()
    if chosen.seed is not None:
        result = replay(chosen.seed, print, liveness=liveness)
        total.add(result, 0.0)
        _show(result, chosen.mode)
    else:
        _run_many(chosen, total, liveness=liveness)
    print(total.json())
    return 1 if total.failed else 0


def _run_many(chosen: argparse.Namespace, total: Total, *, liveness: bool) -> None:
    began = said = time.monotonic()
    shown = 0
    for result, cpu_s in results(chosen.first, chosen.seeds, chosen.jobs, liveness=liveness):
        total.add(result, cpu_s)
        if _wrong(result) and shown < MOST_SHOWN:
            shown += 1
            _show(result, chosen.mode)
        if chosen.stop and total.failed:
            return
        if time.monotonic() - said > PROGRESS_EVERY_S:
            said = time.monotonic()
            print(
                f"{total.seeds} of {chosen.seeds} schedules after {said - began:.0f} s, "
                f"{total.messages} messages, {total.violations} violations",
                file=sys.stderr,
            )


def _wrong(result: Result) -> bool:
    return bool(result.violations or result.unended or result.unsettled)


def _show(result: Result, mode: str) -> None:
    for violation in result.violations:
        print(f"seed {result.seed}: {violation}")
    if result.unended or result.unsettled:
        print(
            f"seed {result.seed}: {result.unended} runs did not end, "
            f"{result.unsettled} were not settled"
        )
    if _wrong(result):
        print(f"seed {result.seed}: its timeline: make simulate SEED={result.seed} MODE={mode}")


if __name__ == "__main__":
    if os.environ.get("PYTHONHASHSEED") != "0":
        # The order of sets of strings is part of a schedule.
        os.environ["PYTHONHASHSEED"] = "0"
        os.execv(sys.executable, [sys.executable, "-m", "tests.simulation", *sys.argv[1:]])
    sys.exit(main())
