"""Which errors are worth another try."""

import asyncpg
import pytest
import sqlalchemy.exc
from pydantic import BaseModel, ValidationError

from libs.messaging.errors import Poison
from libs.messaging.failures import is_transient


def from_database(cause: Exception, *, invalidated: bool = False) -> sqlalchemy.exc.DBAPIError:
    return sqlalchemy.exc.DBAPIError("SELECT 1", {}, cause, connection_invalidated=invalidated)


def adapted(cause: Exception) -> Exception:
    """As SQLAlchemy's adapter wraps asyncpg's errors: in its own class, chained."""
    error = Exception("adapter")
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    "error",
    [
        ConnectionRefusedError(),
        TimeoutError(),
        sqlalchemy.exc.TimeoutError(),
        asyncpg.DeadlockDetectedError("deadlock"),
        asyncpg.SerializationError("serialize"),
        asyncpg.AdminShutdownError("shutdown"),
        asyncpg.TooManyConnectionsError("full"),
        asyncpg.ConnectionDoesNotExistError("gone"),
        asyncpg.InterfaceError("connection is closed"),
        from_database(adapted(asyncpg.DeadlockDetectedError("deadlock"))),
        from_database(ValueError("x"), invalidated=True),
    ],
    ids=repr,
)
def test_transient(error: Exception) -> None:
    assert is_transient(error)


@pytest.mark.parametrize(
    "error",
    [
        Poison("no"),
        ValueError("no"),
        KeyError("no"),
        AssertionError(),
        asyncpg.UniqueViolationError("twice"),
        asyncpg.CheckViolationError("negative"),
        asyncpg.UndefinedTableError("no table"),
        from_database(adapted(asyncpg.UniqueViolationError("twice"))),
    ],
    ids=repr,
)
def test_lasting(error: Exception) -> None:
    assert not is_transient(error)


def test_a_validation_error_lasts() -> None:
    class Model(BaseModel):
        field: int

    with pytest.raises(ValidationError) as caught:
        Model.model_validate({})
    assert not is_transient(caught.value)
