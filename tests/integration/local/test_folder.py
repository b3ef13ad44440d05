"""A data folder belongs to one stack at a time and remembers its ports and secrets."""

import socket
from pathlib import Path

import pytest

from deploy.local import folder as module
from deploy.local.folder import DataFolder
from deploy.local.ports import free_ports
from deploy.local.process import StartError


def test_a_second_stack_on_the_same_folder_is_told_who_has_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LOCK_WAIT_SECONDS", 0.2)
    first, second = DataFolder(tmp_path), DataFolder(tmp_path)
    first.acquire()
    with pytest.raises(StartError, match=r"Another stack \(process \d+\) runs on .*DATA="):
        second.acquire()
    first.release()
    second.acquire()
    second.release()


def test_ports_are_remembered(tmp_path: Path) -> None:
    names = ["gateway", "broker"]
    chosen = DataFolder(tmp_path).ports(names, {})
    assert len(set(chosen.values())) == 2
    assert DataFolder(tmp_path).ports(names, {}) == chosen


def test_a_remembered_port_that_was_taken_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PORT_WAIT_SECONDS", 0.2)
    folder = DataFolder(tmp_path)
    before = folder.ports(["gateway", "broker"], {})
    with socket.create_server(("127.0.0.1", before["broker"])):
        after = folder.ports(["gateway", "broker"], {})
    assert after["gateway"] == before["gateway"]
    assert after["broker"] != before["broker"]


def test_a_fixed_port_that_is_taken_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PORT_WAIT_SECONDS", 0.2)
    port = free_ports(1)[0]
    with (
        socket.create_server(("127.0.0.1", port)),
        pytest.raises(StartError, match=f"Port {port} for the gateway is taken.*PORT="),
    ):
        DataFolder(tmp_path).ports(["gateway"], {"gateway": port})


def test_secrets_are_kept_for_this_user_only(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    token = folder.secret("internal_token")
    assert len(token) >= 32
    assert DataFolder(tmp_path).secret("internal_token") == token
    assert folder.secret("other") != token
    assert (tmp_path / "secrets.json").stat().st_mode & 0o777 == 0o600
