"""`dossier up`: its files and settings, its end, and starting again on the same folder."""

import asyncio
import signal
import time
from collections.abc import Sequence
from pathlib import Path

import psutil

from deploy.local.ports import free_ports
from tests.e2e.api import Admin
from tests.e2e.conftest import SETTINGS
from tests.e2e.faults import reading
from tests.e2e.site import Site
from tests.e2e.stack import STOP_S, Ready, Up

SECOND_START_S = 15.0
GONE_S = 10.0


async def test_life_of_a_stack(tmp_path: Path, site: Site) -> None:
    """Stopped by Ctrl-C in mid-run, started, killed, started: the run is completed."""
    up = Up(tmp_path / "data", free_ports(1)[0], SETTINGS)
    try:
        ready, _ = await _started(up)
        assert ready.url == f"http://127.0.0.1:{up.port}"
        _says_how_to_use_it(up, ready)
        async with Admin(ready) as admin:
            user = admin.first_user()
            assert (await user.balance())["balance"] > 0
            site.hold()
            _, run_id = await user.added(site.url)
            await reading(site)

            family = up.family()
            up.process.send_signal(signal.SIGINT)
            assert await asyncio.to_thread(up.process.wait, STOP_S) == 0
            await _all_gone(family, within_s=0)
            assert not up.ready_file_exists
            _no_secret_is_logged(up, [ready.user_key, ready.admin_key])

            again, second_s = await _started(up)
            assert again == ready
            _says_how_to_use_it(up, ready)

            family = up.family()
            up.process.kill()
            up.process.wait()
            await _all_gone(family, within_s=GONE_S)  # nobody is left to end them
            again, third_s = await _started(up)
            assert again == ready
            # The better of two: the machine may be busy with something else.
            assert min(second_s, third_s) < SECOND_START_S, f"{second_s:.1f} and {third_s:.1f} s"
            site.let_go()
            assert (await user.settled(run_id))["status"] == "complete"
    finally:
        await up.stop()


async def _started(up: Up) -> tuple[Ready, float]:
    began = time.monotonic()
    up.launch()
    return await up.ready(), time.monotonic() - began


def _says_how_to_use_it(up: Up, ready: Ready) -> None:
    output = up.output.read_text()
    assert ready.url in output
    assert ready.user_key in output
    assert output.count("\ncurl ") == 3
    assert up.folder.stat().st_mode & 0o077 == 0


async def _all_gone(family: Sequence[psutil.Process], within_s: float) -> None:
    _, alive = await asyncio.to_thread(psutil.wait_procs, family, within_s)
    assert alive == []


def _no_secret_is_logged(up: Up, secrets: Sequence[str]) -> None:
    logs = list((up.folder / "logs").glob("*.log"))
    assert logs
    for log in logs:
        text = log.read_text(errors="replace")
        for secret in secrets:
            assert secret not in text, log.name
