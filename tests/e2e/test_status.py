"""`dossier status` on a stack that works, on one with a process that hangs, and on none."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path

from deploy.local import system
from tests.e2e.probe import Probe
from tests.e2e.stack import CREDITS, Up
from tests.e2e.wait import eventually

WELL, UNWELL, NO_STACK = 0, 1, 2


async def status(folder: Path, *options: str) -> "subprocess.CompletedProcess[str]":
    dossier = Path(sys.executable).with_name("dossier")
    return await asyncio.to_thread(
        subprocess.run,
        [dossier, "status", "--data", str(folder), *options],
        capture_output=True,
        text=True,
        timeout=60,
    )


async def test_a_stack_that_works_is_well(up: Up) -> None:
    async def well() -> "subprocess.CompletedProcess[str] | None":
        done = await status(up.folder)
        return done if done.returncode == WELL else None

    done = await eventually("all is well", well)
    assert "All is well." in done.stdout
    for process in system.PROCESSES:
        assert f"\n{process.name}" in done.stdout


async def test_its_json_has_the_figures_of_each_process(up: Up) -> None:
    found = json.loads((await status(up.folder, "--json")).stdout)
    by_name = {process["name"]: process for process in found["processes"]}
    assert list(by_name) == [process.name for process in system.PROCESSES]
    assert all(process["answers"] for process in by_name.values())
    assert by_name["credits"]["open_holds"] is not None
    assert by_name["research"]["open_runs"] is not None
    assert by_name["research-worker"]["attempts"] is not None
    assert by_name["gateway"]["unsent"] is None


async def test_a_process_that_hangs_is_named(fault_up: Up, fault_probe: Probe) -> None:
    async def named() -> bool:
        done = await status(fault_up.folder)
        assert done.returncode == UNWELL
        assert "credits does not answer" in done.stdout
        return "gateway is not ready: credits" in done.stdout

    with fault_up.frozen(CREDITS):
        await eventually("the gateway misses it too", named)
    await fault_probe.works()


async def test_where_no_stack_runs_it_says_so(tmp_path: Path) -> None:
    done = await status(tmp_path)
    assert done.returncode == NO_STACK
    assert f"No stack runs on {tmp_path}: start one with `dossier up`." in done.stdout
