"""The wrong variants fit the code as it is; that each is caught is what `make mutants` shows."""

from pathlib import Path

import pytest

from tests.mutants.catalogue import MUTANTS, Mutant

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_it_changes_the_code_in_one_place(mutant: Mutant) -> None:
    text = (ROOT / mutant.file).read_text()
    assert text.count(mutant.old) == 1, "write it anew: the code has moved on"
    changed = text.replace(mutant.old, mutant.new)
    compile(changed, mutant.file, "exec")


def test_each_is_another() -> None:
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS)


@pytest.mark.parametrize("test", {mutant.test for mutant in MUTANTS if mutant.test})
def test_the_tests_that_catch_them_are_there(test: str) -> None:
    assert (ROOT / test.partition("::")[0]).exists()
