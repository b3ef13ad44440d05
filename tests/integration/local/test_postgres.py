"""The embedded PostgreSQL keeps its data and comes back, however it went away."""

import signal
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from deploy.local.ports import free_ports
from deploy.local.postgres import Postgres
from deploy.local.process import StartError


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Postgres]:
    one = Postgres(tmp_path / "postgres", free_ports(1)[0], durable=False)
    one.start()
    yield one
    one.stop()


async def store(url: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute("CREATE TABLE kept (word text); INSERT INTO kept VALUES ('here')")
    await connection.close()


async def stored(url: str) -> str:
    connection = await asyncpg.connect(url)
    word: str = await connection.fetchval("SELECT word FROM kept")
    await connection.close()
    return word


async def test_data_survives_a_clean_restart(server: Postgres) -> None:
    url = server.ensure_database("credits", "secret")
    await store(url)
    server.stop()
    server.start()
    assert await stored(url) == "here"


async def test_data_survives_a_kill(server: Postgres) -> None:
    url = server.ensure_database("credits", "secret")
    await store(url)
    assert server.process is not None
    server.process.kill()
    server.process.wait()
    server.start()
    assert await stored(url) == "here"


async def test_a_server_left_behind_is_taken_over(server: Postgres) -> None:
    url = server.ensure_database("credits", "secret")
    await store(url)
    successor = Postgres(server.folder, free_ports(1)[0], durable=False)
    successor.start()
    try:
        assert server.process is not None
        assert server.process.wait(5) in (0, -signal.SIGINT)
        assert await stored(url.replace(str(server.port), str(successor.port))) == "here"
    finally:
        successor.stop()


async def test_a_foreign_process_with_the_old_pid_is_left_alone(server: Postgres) -> None:
    url = server.ensure_database("credits", "secret")
    await store(url)
    server.stop()
    pid_file = server.folder / "data" / "postmaster.pid"
    pid_file.write_text(f"1\n{server.folder}\n")
    server.start()
    assert await stored(url) == "here"


async def test_a_role_reaches_its_own_database_only(server: Postgres) -> None:
    own = server.ensure_database("credits", "secret")
    foreign = server.ensure_database("research", "other").rpartition("/")[2]
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await asyncpg.connect(own, database=foreign)
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(own, password="guess")


async def test_ensuring_again_changes_the_password_and_keeps_the_data(server: Postgres) -> None:
    await store(server.ensure_database("credits", "secret"))
    assert await stored(server.ensure_database("credits", "it's new")) == "here"


def test_a_taken_port_is_named_in_the_error(server: Postgres, tmp_path: Path) -> None:
    second = Postgres(tmp_path / "second", server.port, durable=False)
    with pytest.raises(StartError, match=f"port {server.port} ended at once(.|\n)*in use"):
        second.start()


def test_a_name_that_is_no_identifier_is_refused(server: Postgres) -> None:
    with pytest.raises(ValueError, match="no database name"):
        server.ensure_database('x"; DROP', "secret")
