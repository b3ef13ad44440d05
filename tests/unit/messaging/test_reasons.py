"""Reasons travel in headers, logs and terminals: none quotes what a message says."""

from dataclasses import replace

import asyncpg
import pytest
import sqlalchemy.exc

from libs.contracts.context import ContextDraftProduced
from libs.messaging.errors import Poison
from libs.messaging.failures import LONGEST_REASON, failure_of, reason_of, stack_of
from libs.messaging.retries import Failure
from libs.messaging.router import decode
from tests.support.memory import arriving
from tests.unit.messaging.desk import held

SECRET = "Ada Lovelace, 12 Byron Street"


def raised(error: Exception) -> Exception:
    try:
        raise error
    except Exception as caught:
        return caught


def in_the_database(cause: Exception) -> Exception:
    """As SQLAlchemy raises asyncpg's errors."""
    adapted = Exception(f"<class> {cause}")
    adapted.__cause__ = cause
    return raised(sqlalchemy.exc.DBAPIError(f"INSERT {SECRET}", {"name": SECRET}, adapted))


def unique() -> asyncpg.PostgresError:
    error = asyncpg.UniqueViolationError(f"Key (name)=({SECRET}) already exists.")
    error.constraint_name = "people_pkey"
    return error


@pytest.mark.parametrize(
    ("error", "begins"),
    [
        (raised(ValueError(SECRET)), "ValueError at tests.unit.messaging.test_reasons:"),
        (raised(KeyError(SECRET)), "KeyError at "),
        (in_the_database(unique()), "UniqueViolationError (23505) of people_pkey at "),
        (in_the_database(asyncpg.DataError(SECRET)), "DataError (22000) at "),
        (ExceptionGroup(SECRET, [ValueError(SECRET)]), "ExceptionGroup"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_text_of_an_error_is_left_out(error: Exception, begins: str) -> None:
    assert reason_of(error).startswith(begins)
    assert SECRET not in reason_of(error)
    assert SECRET not in stack_of(error)


def test_a_reason_is_bounded() -> None:
    assert len(reason_of(Poison("x" * 10_000))) == LONGEST_REASON


@pytest.mark.parametrize(
    "headers",
    [
        {"ce_time": SECRET},
        {"ce_time": "2026-01-01T00:00:00"},
        {"reply_partition": SECRET, "correlation_id": "c"},
        {"reply_partition": "1"},
        {"reply_partition": "9" * 5000, "correlation_id": "c"},
    ],
    ids=repr,
)
def test_an_unreadable_envelope_is_not_quoted(headers: dict[str, str]) -> None:
    message = arriving(held("a"))
    with pytest.raises(Poison, match="unreadable envelope") as caught:
        decode(replace(message, headers={**message.headers, **headers}))
    assert SECRET not in str(caught.value)
    assert "99999" not in str(caught.value)


@pytest.mark.parametrize(
    "body",
    [
        f'{{"run_id": "{SECRET}"}}',
        f'{{"run_id": "r", "amount": "{SECRET}", "account_id": {{"{SECRET}": 1}}}}',
        f'"{SECRET}"',
        f'{{"{SECRET}',
    ],
)
def test_a_body_that_does_not_match_is_not_quoted(body: str) -> None:
    with pytest.raises(Poison, match="does not match its schema") as caught:
        decode(replace(arriving(held("a")), value=body.encode()))
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("key", [SECRET, "Lovelace"])
def test_keys_of_a_body_are_not_quoted(key: str) -> None:
    message = arriving(held("a"))
    body = f'{{"draft": {{"evidence": {{"{key}": "x"}}}}}}'
    headers = {**message.headers, "ce_type": ContextDraftProduced.type_name()}
    with pytest.raises(Poison, match=r"draft\.evidence\.…") as caught:
        decode(replace(message, headers=headers, value=body.encode()))
    assert key not in str(caught.value)


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        (Poison("no"), Failure.POISON),
        (in_the_database(asyncpg.CharacterNotInRepertoireError("\\0")), Failure.POISON),
        (in_the_database(asyncpg.ProgramLimitExceededError("index row")), Failure.POISON),
        (in_the_database(asyncpg.LockNotAvailableError("lock")), Failure.PASSING),
        (in_the_database(asyncpg.InvalidPasswordError("changed")), Failure.PASSING),
        (in_the_database(asyncpg.ReadOnlySQLTransactionError("standby")), Failure.PASSING),
        (in_the_database(unique()), Failure.LASTING),
        (AssertionError(), Failure.LASTING),
    ],
    ids=lambda value: value.name if isinstance(value, Failure) else "",
)
def test_what_a_failure_says_of_the_next_try(error: Exception, failure: Failure) -> None:
    assert failure_of(error) is failure
