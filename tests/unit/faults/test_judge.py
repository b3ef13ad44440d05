"""Each thing that users must not find is found, and nothing else."""

from datetime import UTC, datetime, timedelta

from tests.faults import judge
from tests.faults.judge import StoredRun
from tests.faults.memory import Call, Json, KnownPerson, Tenant, Wish

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
ACCEPTED, REFUSED, UNKNOWN = 200, 503, 504


def tenant(*calls: Call, people: tuple[str, ...] = ()) -> Tenant:
    return Tenant(
        "u", "key", calls=list(calls), people={person: KnownPerson(person) for person in people}
    )


def call(wish: Wish, status: int | None, run_id: str | None = None, **details: object) -> Call:
    body = {"runId": run_id} if run_id else {}
    return Call(wish=wish, user_id="u", sent_s=0, status=status, body=body, **details)  # type: ignore[arg-type]


def run(
    of: Call, run_id: str = "r", state: str = "complete", about: str = "p", minute: int = 0
) -> StoredRun:
    at = NOON + timedelta(minutes=minute)
    return StoredRun(run_id, of.user_id, state, of.trace, about, at)


def statements(found: judge.Found) -> list[int]:
    return [statement for statement, _ in found]


def test_answers_that_are_as_stored() -> None:
    added, refused, unknown = (
        call(Wish.ADD, 201, "r"),
        call(Wish.RUN, 409),
        call(Wish.RUN, UNKNOWN, "r2"),
    )
    runs = [run(added), run(refused, "r1", "rejected"), run(unknown, "r2", "failed")]
    assert statements(judge.answers([tenant(added, refused, unknown)], runs)) == []


def test_one_call_makes_one_run() -> None:
    added = call(Wish.ADD, 201, "r")
    found = judge.answers([tenant(added)], [run(added), run(added, "r")])
    assert statements(found) == [7]


def test_an_answer_names_the_run_of_its_call() -> None:
    unknown = call(Wish.RUN, UNKNOWN, "r")
    assert statements(judge.answers([tenant(unknown)], [run(unknown, "other")])) == [7]


def test_a_run_that_nobody_asked_for() -> None:
    stray = run(call(Wish.RUN, None))
    assert statements(judge.answers([tenant()], [stray])) == [7]


def test_what_callers_were_told_is_told_of_the_run_of_their_call() -> None:
    refused, lost = call(Wish.ADD, REFUSED), call(Wish.REGENERATE, None)
    found = judge.told([tenant(refused, lost)], [run(refused, about="came")])
    assert [(a.run_id, a.person_id, a.status, a.kind) for a in found] == [
        ("r", "came", REFUSED, "research"),
        ("", None, None, "context"),
    ]


def test_a_call_that_reached_nobody_counts_as_refused() -> None:
    unsent = call(Wish.RUN, None)
    unsent.sent = False
    assert [a.status for a in judge.told([tenant(unsent)], [run(unsent)])] == [503]


def test_people_that_are_where_they_should_be() -> None:
    added = call(Wish.ADD, 201, "r", person_id="p")
    lost = call(Wish.ADD, None)
    deleted = call(Wish.DELETE, 200, person_id="d")
    who = tenant(added, lost, deleted, people=("p", "d"))
    who.people["d"].delete_sent = True
    runs = [run(added), run(lost, "r2", about="q")]
    assert statements(judge.people([who], {"p": "u", "q": "u"}, runs)) == []


def test_a_person_of_a_refused_call_stays_behind() -> None:
    refused = call(Wish.ADD, REFUSED)
    found = judge.people([tenant(refused)], {"p": "u"}, [run(refused)])
    assert statements(found) == [7]


def test_an_added_person_is_gone() -> None:
    added = call(Wish.ADD, 201, "r", person_id="p")
    assert statements(judge.people([tenant(added, people=("p",))], {}, [run(added)])) == [7]


def test_deletions_that_were_and_were_not_done() -> None:
    added = call(Wish.ADD, 201, "r", person_id="p")
    for status, stored, wrong in (
        (200, {"p": "u"}, [7]),
        (200, {}, []),
        (REFUSED, {"p": "u"}, []),
        (REFUSED, {}, [7]),
        (UNKNOWN, {}, []),
        (UNKNOWN, {"p": "u"}, []),
    ):
        who = tenant(added, call(Wish.DELETE, status, person_id="p"), people=("p",))
        who.people["p"].delete_sent = True
        assert statements(judge.people([who], stored, [run(added)])) == wrong, (status, stored)


def test_the_words_are_those_of_the_newest_regeneration() -> None:
    first = call(Wish.REGENERATE, ACCEPTED, "r1", text="first")
    refused = call(Wish.REGENERATE, REFUSED, text="refused")
    runs = [
        run(first, "r1", "failed", about="first"),
        run(refused, "r2", "rolled_back", about="refused", minute=1),
    ]
    who = tenant(first, refused)
    assert statements(judge.words(who, runs, "first")) == []
    assert statements(judge.words(who, runs, "refused")) == [6]
    assert statements(judge.words(who, runs, None)) == [6]


def grant(status: int | None, reason: str = "why") -> Call:
    return call(Wish.GRANT, status, text=reason, amount=5)


def entry(kind: str, amount: int, run_id: str | None = None, reason: str | None = None) -> Json:
    return {"kind": kind, "amount": amount, "runId": run_id, "reason": reason}


GRANTED = entry("grant", 5, reason="why")


def test_an_account_that_adds_up() -> None:
    entries = [
        GRANTED,
        entry("charge", -1, "done"),
        entry("charge", -1, "failed"),
        entry("refund", 1, "failed"),
    ]
    states = {"done": "complete", "failed": "failed", "undone": "rolled_back"}
    balance = {"balance": 4, "held": 0}
    assert statements(judge.accounts(tenant(grant(201)), entries, balance, states)) == []


def test_grants_are_posted_as_was_told() -> None:
    none, five = {"balance": 0, "held": 0}, {"balance": 5, "held": 0}
    for status, entries, balance, wrong in (
        (201, [], none, [7]),
        (201, [GRANTED, GRANTED], {"balance": 10, "held": 0}, [7]),
        (503, [GRANTED], five, [7]),
        (504, [GRANTED], five, []),
        (504, [], none, []),
        (None, [GRANTED, GRANTED], {"balance": 10, "held": 0}, [7]),
    ):
        found = judge.accounts(tenant(grant(status)), entries, balance, {})
        assert statements(found) == wrong, (status, entries)


def test_a_grant_that_nobody_gave() -> None:
    balance = {"balance": 0, "held": 0}
    assert statements(judge.accounts(tenant(), [GRANTED], balance, {})) == [3]


def test_runs_cost_what_their_end_says() -> None:
    charge, refund = entry("charge", -1, "r"), entry("refund", 1, "r")
    for entries, states, balance, wrong in (
        ([charge], {"r": "failed"}, 5, [4]),
        ([], {"r": "complete"}, 4, [4]),
        ([charge, refund], {"r": "complete"}, 4, [4]),
        ([charge], {}, 5, [4]),
    ):
        amounts = {"balance": balance, "held": 0}
        found = judge.accounts(tenant(grant(201)), [GRANTED, *entries], amounts, states)
        assert statements(found) == wrong, (entries, states)


def test_a_balance_that_is_not_what_was_granted_less_what_was_spent() -> None:
    who = tenant(grant(201))
    assert statements(judge.accounts(who, [GRANTED], {"balance": 4, "held": 0}, {})) == [3]
    assert statements(judge.accounts(who, [GRANTED], {"balance": 5, "held": 1}, {})) == [3]
