"""The plan of a run of faults: repeatable, bounded, and with every fault on every process."""

from collections import Counter
from itertools import pairwise

import pytest

from tests.faults.plan import LINKS, PROCESSES, Kind, plan

MINUTES = 5
SEEDS = range(40)


def test_a_seed_makes_one_plan() -> None:
    assert plan(7, 300) == plan(7, 300)
    assert len({plan(seed, 300) for seed in SEEDS}) == len(SEEDS)


@pytest.mark.parametrize("duration_s", [0, 20, 300])
def test_all_is_over_in_time_and_in_order(duration_s: float) -> None:
    for seed in SEEDS:
        faults = plan(seed, duration_s)
        assert all(fault.ends_s <= duration_s for fault in faults)
        assert all(one.at_s <= other.at_s for one, other in pairwise(faults))


def test_no_process_is_hit_twice_at_once() -> None:
    for seed in SEEDS:
        free_at_s = dict.fromkeys(PROCESSES, 0.0)
        for fault in plan(seed, 300):
            assert free_at_s[fault.process] <= fault.at_s
            free_at_s[fault.process] = fault.ends_s


def test_everything_happens_to_everybody() -> None:
    hits = {(fault.kind, fault.process) for seed in SEEDS for fault in plan(seed, 300)}
    assert hits == {(kind, process) for kind in Kind for process in PROCESSES}
    cut = {link for seed in SEEDS for fault in plan(seed, 300) for link in fault.links}
    assert cut == set(LINKS)


def test_links_are_cut_of_the_isolated_process_only() -> None:
    for seed in SEEDS:
        for fault in plan(seed, 300):
            isolated = fault.kind in (Kind.SEVER, Kind.STALL)
            assert bool(fault.links) is isolated
            assert all(fault.process in (link.process, link.target) for link in fault.links)


def test_kills_are_five_or_six_a_minute() -> None:
    kinds = Counter(fault.kind for seed in SEEDS for fault in plan(seed, 60 * MINUTES))
    assert 5 <= kinds[Kind.KILL] / len(SEEDS) / MINUTES <= 6.5
