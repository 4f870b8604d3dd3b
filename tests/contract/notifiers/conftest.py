"""What tests of notifiers share: a certificate for servers at 127.0.0.1."""

import pytest

from tests.integration.mail.certificate import Certificate


@pytest.fixture(scope="session")
def certificate(tmp_path_factory) -> Certificate:
    return Certificate(tmp_path_factory.mktemp("tls"))
