"""The command line tool says what is wrong in a few words and an exit code."""

import json
import socket
from pathlib import Path

import pytest
from typer.testing import CliRunner

from deploy.local.cli import app
from deploy.local.folder import KEYS, write_json
from deploy.local.ports import free_ports


def call(*args: str, **env: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, args, env={"PORT": "", "DATA": "", **env})
    return result.exit_code, result.output


def test_doctor_passes_where_all_is_there(tmp_path: Path) -> None:
    code, output = call("doctor", "--data", str(tmp_path), PORT=str(free_ports(1)[0]))
    assert code == 0, output
    for name in ("Python", "PostgreSQL", "broker", "browser", "generator"):
        assert name in output


def test_doctor_says_that_the_port_is_taken(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
        code, output = call("doctor", "--data", str(tmp_path), PORT=port)
    assert code == 1
    assert f"{port} is taken" in output


def test_key_prints_what_up_kept(tmp_path: Path) -> None:
    code, output = call("key", DATA=str(tmp_path))
    assert code == 1
    assert "run `dossier up` first" in output
    write_json(tmp_path / KEYS, {"user": "pk_live_u", "admin": "pk_live_a"})
    assert call("key", DATA=str(tmp_path)) == (0, "pk_live_u\n")
    assert call("key", "--admin", DATA=str(tmp_path)) == (0, "pk_live_a\n")


@pytest.mark.parametrize("command", ["up", "demo", "key", "doctor", "version"])
def test_every_command_explains_itself(command: str) -> None:
    code, output = call(command, "--help")
    assert code == 0
    assert len(output.splitlines()) > 3


@pytest.mark.parametrize("command", [["audit"], ["status"], ["dlq", "list"]])
def test_where_nothing_runs_programs_are_told_so(command: list[str], tmp_path: Path) -> None:
    code, output = call(*command, "--json", "--data", str(tmp_path))
    assert code == 2
    assert str(tmp_path) in json.loads(output)["error"]
