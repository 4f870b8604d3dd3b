"""Schemathesis finds nothing in the API; long, and skipped without its environment (`./run fuzz` makes it)."""

import pytest

from tests.fuzz.api import PROGRAM, main

EXAMPLES = 5


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.skipif(not PROGRAM.exists(), reason="no .venv-fuzz: ./run fuzz or ./run test --all makes it")
def test_the_api_keeps_its_schema_and_never_fails():
    assert main(["--examples", str(EXAMPLES)]) == 0
