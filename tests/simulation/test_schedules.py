"""A dose of schedules, as `make simulate` runs thousands of."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
SEEDS = 40


def simulate(*arguments: str) -> list[str]:
    """What the simulation prints; it ends well."""
    command = [sys.executable, "-m", "tests.simulation", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=150)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout.splitlines()


def test_schedules_are_full_of_faults_and_nothing_goes_wrong() -> None:
    total: dict[str, Any] = json.loads(simulate("--seeds", str(SEEDS))[-1])
    assert (total["seeds"], total["violations"]) == (SEEDS, 0)
    assert (total["unended"], total["unsettled"]) == (0, 0)
    assert total["users"] >= 5 * SEEDS
    assert total["runs"] >= 20 * SEEDS
    assert total["messages"] >= 250 * SEEDS, "so few seeds vary: it is 300 in the long run"
    assert sum(total["faults"].values()) >= 10 * SEEDS
    ways = {"complete", "failed", "cancelled", "rejected", "rolled_back"}
    assert ways <= total["outcomes"].keys(), "runs end in every way that there is"


def test_one_seed_is_one_schedule_and_can_be_read() -> None:
    first = simulate("--seed", "3")
    assert simulate("--seed", "3") == first
    assert simulate("--seed", "4") != first
    text = "\n".join(first)
    assert "─► ResearchRunRequested" in text
    assert "state holding → dispatching" in text
    assert "is answered 200" in text
