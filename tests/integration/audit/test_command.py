"""`dossier audit` on real databases: exit code, table and JSON."""

import json
from pathlib import Path
from typing import Any

import pytest

from deploy.local.folder import DataFolder
from deploy.local.ports import free_ports
from libs.audit.passes import Checks
from tests.integration.audit.command import VARIABLES, call
from tests.integration.audit.conftest import Used
from tests.saga.crashes import SERVICES

CHECKED = {
    "people": 3,
    "runs": 4,
    "accounts": 2,
    "holds": 4,
    "transfers": 5,
    "users": 1,
    "runs with their holds": 4,
    "holds with their runs": 4,
}


async def test_a_sound_stack(used: Used) -> None:
    code, output = await call(used.folder)
    assert code == 0, output
    words = " ".join(output.split())
    assert "what must always hold checked violated" in words
    assert "Judged by: window 24 h, grace 3600 s, failed runs not paid for." in words
    assert "statement " not in words


async def test_the_result_in_json(used: Used) -> None:
    code, output = await call(used.folder, "--json")
    said: dict[str, Any] = json.loads(output)
    assert code == 0
    assert [one["number"] for one in said["statements"] if not one["read"]] == [7, 9]
    assert not any(one["gaveUp"] for one in said["passes"])
    assert {one["name"]: one["checked"] for one in said["passes"]} == CHECKED
    assert said["violations"] == []


async def test_databases_by_their_urls(used: Used) -> None:
    urls = dict(zip(VARIABLES, (used.urls[service] for service in SERVICES), strict=True))
    code, output = await call(None, "--json", environment=urls)
    assert code == 0, output
    assert json.loads(output)["passes"][0]["checked"] == CHECKED["people"]


async def test_a_folder_that_is_named_wins_over_urls(used: Used) -> None:
    elsewhere = dict.fromkeys(VARIABLES, "postgresql://nobody@127.0.0.1:1/nothing")
    assert (await call(used.folder, environment=elsewhere))[0] == 0
    assert (await call(None, environment=elsewhere))[0] == 2


async def test_it_explains_itself() -> None:
    code, output = await call(None, "--help")
    assert code == 0
    assert "Exit code 1: something does not hold. 2: it could not look." in output


async def test_it_judges_by_the_settings_of_the_services(used: Used) -> None:
    code, output = await call(
        used.folder,
        environment={
            "DOSSIER_RESEARCH_CHARGE_FAILED_RUNS": "true",
            "DOSSIER_CONTEXT_WINDOW_H": "0.5",
        },
    )
    assert code == 1
    assert "window 0.5 h, grace 3600 s, failed runs paid for" in output
    assert "statement 4, holds agree with their run" in output


async def test_a_violation_is_shown_in_one_line(used: Used) -> None:
    await used.execute("credits", "UPDATE accounts SET posted = 7 WHERE id = 'usr_ada'")
    _, output = await call(used.folder)
    line = "statement 3, accounts add up: usr_ada: posted is 7, its entries add up to 1"
    assert line in output.splitlines()


async def test_it_cannot_look(tmp_path: Path, used: Used) -> None:
    nothing = tmp_path / "nothing"
    code, output = await call(nothing)
    assert code == 2
    assert f"There is no stack in {nothing}" in output

    [first, *_] = VARIABLES
    code, output = await call(None, environment={first: used.urls["credits"]})
    assert code == 2
    assert "Set DOSSIER_RESEARCH_DATABASE_URL and DOSSIER_CONTEXT_DATABASE_URL too" in output

    wrong = {"DOSSIER_CONTEXT_WINDOW_H": "a day"}
    code, output = await call(used.folder, environment=wrong)
    assert code == 2
    assert "A setting of the services is wrong: window_h" in output

    malformed = dict.fromkeys(VARIABLES, "postgresql://somebody:hid/den@127.0.0.1:1/nothing")
    code, output = await call(None, environment=malformed)
    assert code == 2
    assert "The URL of the research database is malformed" in output
    assert "hid" not in output
    code, output = await call(None, "--json", environment=malformed)
    assert code == 2
    assert json.loads(output)["error"].startswith("The URL of the research database")

    DataFolder(used.folder).write("ports.json", {"postgres": free_ports(1)[0]})
    code, output = await call(used.folder)
    assert code == 2
    assert "The research database could not be read: ConnectionRefusedError" in output


async def test_a_fault_of_its_own_is_no_violation(
    used: Used, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise KeyError("hidden")

    monkeypatch.setattr(Checks, "passes", fails)
    code, output = await call(used.folder)
    assert code == 2
    assert "The audit itself failed, by KeyError at" in output
    assert "hidden" not in output
