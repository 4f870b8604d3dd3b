"""While no Siaga stands behind it the proxy says 502, and its logs still hold no link."""

from pathlib import Path

import httpx
import pytest

from tests.integration.namespace import needs
from tests.integration.proxy.proxies import KINDS, NAME, proxy

TOKEN = "tidakBolehTercatat"


@pytest.mark.usefixtures("own_network")
@pytest.mark.parametrize("kind", KINDS)
def test_no_log_holds_a_link_of_a_request_that_failed(kind: str, tmp_path: Path):
    needs(kind)
    with proxy(tmp_path, kind):
        with httpx.Client(base_url="https://127.0.0.1", verify=False, timeout=30) as client:  # noqa: S501
            named = {"sni_hostname": NAME}
            answer = client.get(f"/a/{TOKEN}", headers={"Host": NAME}, extensions=named)
        assert answer.status_code == 502
    logs = list((tmp_path / "log").iterdir())
    assert logs
    assert [file.name for file in logs if TOKEN in file.read_text()] == []
