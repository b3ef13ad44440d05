"""The wrong variants: what is changed where, and who is to notice."""

from dataclasses import dataclass

RESEARCH, CONTEXT, CREDITS = "services/research", "services/context", "services/credits"
SAGA_TESTS = "tests/saga"


@dataclass(frozen=True, slots=True)
class Mutant:
    """`old`, which occurs exactly once in `file`, becomes `new`.

    `test` is the test that catches it; without one the simulation must.
    """

    name: str
    file: str
    old: str
    new: str
    test: str | None = None


MUTANTS = (
    # Money.
    Mutant(
        "the capture is sent together with the hold",
        f"{RESEARCH}/handlers.py",
        "                unit.emit(hold, trace=run.traceparent)\n",
        "                unit.emit(hold, trace=run.traceparent)\n"
        "                from libs.contracts.credits import CreditCaptureRequested\n\n"
        "                capture = CreditCaptureRequested(run_id=run.id, account_id=run.user_id)\n"
        "                unit.emit(capture, trace=run.traceparent)\n",
    ),
    Mutant(
        "a return does not look at the hold's state",
        f"{CREDITS}/domain.py",
        "    if hold.state is HoldState.HELD:\n        return Decision(\n"
        "            replace(account, held=account.held - hold.amount),\n",
        "    if hold.amount:\n        return Decision(\n"
        "            replace(account, held=max(0, account.held - hold.amount)),\n",
    ),
    Mutant(
        "a return that comes first leaves no tombstone",
        f"{CREDITS}/domain.py",
        "        return Decision(account, Hold(command.run_id, account.id, 0, HoldState.VOIDED))\n",
        "        return Decision(account, None)\n",
    ),
    Mutant(
        "a decline is answered and not recorded",
        f"{CREDITS}/handlers.py",
        "        if decision.hold and decision.hold != holds.get(command.run_id):\n",
        "        if decision.hold and decision.hold != holds.get(command.run_id) and (\n"
        '            decision.hold.state != "declined"\n        ):\n',
    ),
    Mutant(
        "a hold is not keyed by its run",
        f"{CREDITS}/domain.py",
        "    if hold is not None or command.not_after < now:\n",
        "    if command.not_after < now:\n",
    ),
    Mutant(
        "a refund is paid as often as it is asked for",
        f"{CREDITS}/domain.py",
        "    if hold.state is HoldState.CHARGED:\n"
        "        after = replace(account, posted=account.posted + hold.amount)\n",
        "    if hold.state in (HoldState.CHARGED, HoldState.REFUNDED):\n"
        "        after = replace(account, posted=account.posted + hold.amount)\n",
    ),
    Mutant(
        "a failed run is paid for",
        f"{RESEARCH}/domain.py",
        "            charge_failed and self.state is RunState.FAILED\n",
        "            self.state is RunState.FAILED\n",
    ),
    Mutant(
        "a grant is posted as often as it is sent",
        f"{CREDITS}/handlers.py",
        "    if await unit.store.transfer_exists(grant_id):\n        return accounts[account_id]\n",
        "    if await unit.store.transfer_exists(grant_id):\n        grant_id += ids()\n",
    ),
    Mutant(
        "a grant is confirmed and not posted",
        f"{CREDITS}/handlers.py",
        "    await unit.store.save([decision.account], [], [decision.transfer], unit.now)\n",
        "",
    ),
    Mutant(
        "accounts are read and not locked",
        f"{CREDITS}/store.py",
        "ORDER BY id FOR UPDATE\n",
        "ORDER BY id\n",
        "tests/integration/credits/test_concurrency.py",
    ),
    # Runs and people.
    Mutant(
        "the compare-and-swap of a person is a look before, and a write",
        f"{RESEARCH}/store.py",
        "    WHERE people.id = wanted.id AND people.status <> 'running'\n",
        "    WHERE people.id = wanted.id\n",
        "tests/integration/messaging/test_concurrency_swaps.py",
    ),
    Mutant(
        "a repeat is not answered",
        f"{RESEARCH}/handlers.py",
        "                await self._answer_again(unit, known[request.run_id], received)\n",
        "                continue\n",
        f"{SAGA_TESTS}/test_research_saga.py::test_a_repeat_is_answered_with_the_recorded_outcome",
    ),
    Mutant(
        "the token of a claim is not checked",
        "libs/work/run.py",
        "        return self.state is RunState.WORKING and self.token == token\n",
        "        return self.state is RunState.WORKING\n",
    ),
    Mutant(
        "the reaper stops at ended runs",
        f"{RESEARCH}/saga.py",
        "            if run.state is RunState.QUEUED or not run.open:\n",
        "            if run.state is RunState.QUEUED:\n",
    ),
    Mutant(
        "a person stays whose first run was undone",
        f"{RESEARCH}/saga.py",
        "    return None if run.creates_person else run.prior_status\n",
        "    return run.prior_status\n",
    ),
    Mutant(
        "anybody's person may be researched",
        f"{RESEARCH}/domain.py",
        "    if person is None or person.user_id != user_id:\n",
        "    if person is None:\n",
    ),
    Mutant(
        "a command that was given up on is not refused for good",
        "libs/work/api.py",
        "                await unit.store.insert_runs([known])\n",
        "",
    ),
    Mutant(
        "a command is taken up however late it comes",
        f"{RESEARCH}/handlers.py",
        "            elif request.not_after >= unit.now:\n",
        "            else:\n",
        f"{SAGA_TESTS}/test_research_saga.py::test_an_expired_command_does_nothing",
    ),
    Mutant(
        "a failed run takes its person with it",
        f"{RESEARCH}/saga.py",
        "    lambda _: PersonStatus.FAILED,\n",
        "    lambda _: None,\n",
    ),
    Mutant(
        "anybody may delete anybody's person",
        f"{RESEARCH}/handlers.py",
        "    if found is None or found.user_id != user_id:\n",
        "    if found is None:\n",
    ),
    Mutant(
        "who adds a person is shown another",
        f"{RESEARCH}/saga.py",
        "            person = arrived.get(run.person_id)\n",
        "            person = next(iter(arrived.values()), None)\n",
    ),
    Mutant(
        "attempts have no bound",
        "libs/work/owner.py",
        "        if run.attempt >= self._settings.attempts or requeued is None:\n",
        "        if requeued is None:\n",
    ),
    # Contexts.
    Mutant(
        "the words of an undone regeneration stay",
        f"{CONTEXT}/domain.py",
        "        after = after.with_freeform(run.prior_freeform)\n",
        "        pass\n",
    ),
    Mutant(
        "the window is checked outside of the statement that takes the slot",
        f"{CONTEXT}/store.py",
        "    WHERE user_profiles.last_context_regenerated_at IS NULL\n"
        "        OR user_profiles.last_context_regenerated_at <= :opens\n",
        "    WHERE true OR user_profiles.last_context_regenerated_at <= :opens\n",
        "tests/integration/messaging/test_concurrency_swaps.py",
    ),
    Mutant(
        "users without a profile do not wait for each other",
        f"{CONTEXT}/handlers.py",
        "        await unit.store.lock_users(users)\n",
        "",
        "tests/integration/context/test_new_users.py",
    ),
    Mutant(
        "a failed regeneration keeps the slot",
        f"{CONTEXT}/saga.py",
        "RunState.FAILED, returned_slot)",
        "RunState.FAILED, lambda profile, _run, _now: profile)",
    ),
    Mutant(
        "a field that was not found this time is emptied",
        f"{CONTEXT}/domain.py",
        "            if not value:\n                continue\n",
        "",
    ),
    # Messages.
    Mutant(
        "the inbox lets everything in",
        "libs/messaging/router.py",
        "            if not route.once_by_key:\n",
        "            if False:\n",
        "tests/unit/messaging",
    ),
    Mutant(
        "replies and events leave before the commit",
        "libs/messaging/unit.py",
        "        self.outlet.put(unit.outgoing)\n",
        "            self.outlet.put(unit.outgoing)\n",
    ),
    Mutant(
        "a row leaves the outbox before its message is published",
        "libs/messaging/relay.py",
        "        acks = await self._bus.publish(messages)\n",
        "        self._published += [message.id for message in messages if message.durable]\n"
        "        acks = await self._bus.publish(messages)\n",
    ),
    Mutant(
        "offsets are committed before the batch is handled",
        "libs/messaging/feed.py",
        "            self.progress.begun(records)\n",
        "            self.progress.begun(records)\n"
        "            if self._offsets:\n"
        "                self._offsets.handled(consumer, records, assignment)\n",
        "tests/integration/messaging/test_concurrency_offsets.py",
    ),
)
