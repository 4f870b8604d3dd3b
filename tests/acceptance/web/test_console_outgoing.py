"""The page of outgoing messages: what waits, what failed, whom to call, and that the states add up."""

import re

from engine.core.alerting.command import Attempted, Reported
from tests.credentials import OPERATOR

PATH = "/console/outgoing"


async def failing(api, alert: str) -> str:
    """Let every message to one person who must act fail for good, also by the other contact; return their id."""
    case = await api.siaga.desk.case(alert)
    person = next(n.person for n in case.notifications.values() if not n.informing)
    for _ in range(2):
        case = await api.siaga.desk.case(alert)
        for n in [n for n in case.notifications.values() if n.person == person and not n.final]:
            if n.state == "sent":
                failed = Reported(notification=n.id, outcome="failed", reason="undelivered")
            else:
                failed = Attempted(notification=n.id, outcome="permanent", reason="recipient_refused")
            await api.siaga.desk.change(alert, failed, "report", by=OPERATOR)
    return person


async def test_states_add_up_to_what_was_planned(api):
    alert = await api.open_alert()
    await api.sign_in("operate")
    page = (await api.client.get(PATH)).text
    planned = int(re.search(r"Semua (\d+) pesan", page).group(1))
    shown = [int(number) for number in re.findall(r"<dd>(\d+)</dd>", page)]
    assert (sum(shown), planned) == (planned, len((await api.siaga.desk.case(alert)).notifications))
    assert "Tidak ada pesan yang gagal" in page


async def test_whom_no_message_reaches_must_be_called(api):
    alert = await api.open_alert()
    await failing(api, alert)
    await api.sign_in("operate")
    page = (await api.client.get(PATH)).text
    assert "1 orang hanya dapat dihubungi lewat telepon" in page
    assert f"/console/alerts/{alert}" in page
    assert "dilaporkan tidak sampai" in page


async def test_a_region_sees_its_own_messages_only(api):
    await api.open_alert()
    await api.sign_in("operate", region="73")
    assert "Semua 0 pesan" in (await api.client.get(PATH)).text


async def test_no_number_or_address_stands_there(api):
    await api.open_alert()
    await api.sign_in("operate")
    page = (await api.client.get(PATH)).text
    contents = (await api.siaga.books.directory()).contents
    assert not [c.value for p in contents.people for c in p.contacts if c.value in page]
