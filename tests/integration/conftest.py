"""What tests against real servers share: a network of their own."""

import pytest

from tests.integration.namespace import needs, private_network


@pytest.fixture(scope="module")
def own_network():
    """Run the tests of a module in a private network, where they are root; else skip them."""
    needs()
    with private_network():
        yield
