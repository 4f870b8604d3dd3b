"""What is said about a server's settings."""

import pytest

from engine.store.redis.store import durability_faults, durability_settings

KEEPS = {"appendonly": "yes", "appendfsync": "always", "maxmemory-policy": "noeviction"}


def test_a_server_that_keeps_everything_has_no_fault():
    """The settings of the embedded server and of the shipped configuration are enough."""
    assert set(durability_settings()) == set(KEEPS)
    assert durability_faults(KEEPS) == ()


@pytest.mark.parametrize(
    ("name", "weak"),
    [("appendonly", "no"), ("appendfsync", "everysec"), ("maxmemory-policy", "allkeys-lru")],
)
def test_each_weak_setting_is_named_with_its_remedy(name, weak):
    """A fault says what is set, what is lost by it and what to do."""
    (fault,) = durability_faults({**KEEPS, name: weak})
    assert fault.startswith(f"{name} is '{weak}'")
    assert f"CONFIG SET {name} {KEEPS[name]}" in fault


def test_what_cannot_be_read_is_not_trusted():
    """A server that hides its settings promises nothing."""
    assert [fault.split()[0] for fault in durability_faults({})] == list(KEEPS)
