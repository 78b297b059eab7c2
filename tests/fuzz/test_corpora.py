"""What fuzzing found, and what it came by: every input that was kept goes through its target again."""

from __future__ import annotations

import pytest

from fuzz import targets


@pytest.mark.slow
@pytest.mark.timeout(60)
@pytest.mark.parametrize("name", targets.NAMES)
def test_every_kept_input_is_taken_or_refused_with_an_error_that_is_told(name: str) -> None:
    run = targets.load(name)
    kept = targets.corpus(name)
    assert kept, "a target without a corpus shows nothing"
    for path in kept:
        try:
            run(path.read_bytes())
        except Exception as error:
            raise AssertionError(f"scripts/fuzz.py {name} --input {path}") from error
