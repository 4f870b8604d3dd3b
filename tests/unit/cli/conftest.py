"""A command sets the log of its process up; each test of one leaves the log as it found it."""

import logging

import pytest
import structlog


@pytest.fixture(autouse=True)
def log_as_found():
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()
