"""Random groups are small: folds remember how they stood often enough that all laws go through what is remembered."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from engine.core.judging import fold


@pytest.fixture(scope="module", autouse=True)
def mindful() -> Iterator[None]:
    """Remember after every second point."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fold, "REMEMBERED_EVERY", 2)
        yield
