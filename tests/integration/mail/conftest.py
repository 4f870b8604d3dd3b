"""What tests of mail share: a certificate, and a Postfix in a network of its own."""

import pytest

from tests.integration.mail.certificate import Certificate
from tests.integration.mail.postfix import postfix
from tests.integration.namespace import needs


@pytest.fixture(scope="session")
def certificate(tmp_path_factory) -> Certificate:
    return Certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def server(own_network, certificate):
    """A Postfix; its mailboxes fill up over the tests of a module."""
    needs("postfix", "saslpasswd2")
    with postfix(certificate.path, certificate.key) as server:
        yield server
