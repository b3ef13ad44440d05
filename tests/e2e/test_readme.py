"""README is true: its calls, word for word, and its targets."""

import asyncio
import json
import os
import re
import subprocess
from pathlib import Path

from deploy.local import settings_table
from tests.e2e.stack import Up

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```sh\n(.*?)```", README, flags=re.DOTALL)


async def test_the_calls_of_readme_answer(up: Up) -> None:
    await up.ready()
    [calls] = [block for block in BLOCKS if "curl" in block]
    own = calls.replace("http://127.0.0.1:8710", f"http://127.0.0.1:{up.port}")
    assert own != calls, "README no longer names the default address"
    separated = own.replace("\ncurl ", "\necho\ncurl ")
    environment = os.environ | {"DATA": str(up.folder)}
    done = await asyncio.to_thread(
        subprocess.run,
        ["bash", "-euo", "pipefail", "-c", separated],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    answers = [json.loads(line) for line in done.stdout.splitlines() if line.strip()]
    assert len(answers) == own.count("curl ")
    regenerated, context, added, ledger = answers
    assert regenerated["success"] is True, regenerated
    assert context["context"]["extra"]["freeform"] == "We sell to small shipyards."
    assert added["person"]["status"] == "running" and added["runId"].startswith("run_")
    assert ledger["entries"], ledger


def test_the_targets_of_readme_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for target in set(re.findall(r"make ([a-z]+)", "\n".join(BLOCKS))):
        assert re.search(rf"^{target}:", makefile, flags=re.MULTILINE), target


def test_the_links_of_readme_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert (ROOT / target).exists(), target


def test_the_table_of_settings_is_up_to_date() -> None:
    committed = (ROOT / "docs" / "settings.md").read_text()
    assert committed == settings_table.table(), "run `make docs`"
