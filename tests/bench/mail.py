"""`./run bench mail`: what a kept connection is worth, against a real Postfix with TLS and login.

Here: the measurement and its table. Not here: whether mail arrives (`tests/integration/mail`). Both ways take turns in
one run, so that a noisy machine disturbs both. The ratio is that of the least disturbed rounds: other work on the
machine slows a kept connection, which waits for nothing, far more than a new one. Exit code 1 where it is below 5.
"""

import asyncio
import os
import platform
import sys
import tempfile
import time
from itertools import count
from pathlib import Path
from statistics import median

import msgspec
import pytest
from rich.console import Console
from rich.table import Table

from notifiers.base import Message
from notifiers.email import Email, EmailSettings
from tests.integration.mail.certificate import Certificate
from tests.integration.mail.postfix import BOUNCES, PASSWORD, SUBMISSION, USER, postfix
from tests.integration.namespace import needs, private_network

ROUNDS = 5
MAILS = 200
"""Each way in each round: 1,000 in all."""
WANTED = 5.0
MAIL = Message(
    id="ukur",
    channel="email",
    to="sekda@pinrang.example",
    text="SIAGA: dugaan, contoh sintetis untuk pengukuran.\n" * 20,
    html="<p>SIAGA: dugaan, contoh sintetis untuk pengukuran.</p>" * 20,
    subject="[SIAGA] Kab. Pinrang: contoh sintetis",
    date="Wed, 27 Nov 2024 10:15:00 +0800",
    headers={"From": "Siaga <siaga@desk.example>"},
)
_number = count()


def mail() -> Message:
    """Return a mail that was not sent before."""
    number = next(_number)
    return msgspec.structs.replace(MAIL, id=f"ukur{number}", reference=f"<ukur{number}@siaga.example>")


async def kept(email: Email) -> float:
    """Return the mails a second over the one connection of the notifier."""
    began = time.perf_counter()
    for _ in range(MAILS):
        await email.send(mail())
    return MAILS / (time.perf_counter() - began)


async def anew(settings: EmailSettings) -> float:
    """Return the mails a second where each has a connection, a TLS handshake and a login of its own."""
    began = time.perf_counter()
    for _ in range(MAILS):
        email = Email(settings)
        await email.send(mail())
        await email.close()
    return MAILS / (time.perf_counter() - began)


async def measure(settings: EmailSettings) -> tuple[list[float], list[float]]:
    """Return the rates of both ways, a pair a round."""
    email = Email(settings)
    try:
        rates = [(await kept(email), await anew(settings)) for _ in range(ROUNDS)]
    finally:
        await email.close()
    return [rate for rate, _ in rates], [rate for _, rate in rates]


def main() -> int:
    needs("postfix", "saslpasswd2")
    with tempfile.TemporaryDirectory() as folder, private_network():
        certificate = Certificate(Path(folder))
        with postfix(certificate.path, certificate.key):
            settings = EmailSettings(
                host="127.0.0.1",
                port=SUBMISSION,
                ca_file=certificate.file,
                user=USER,
                password=PASSWORD,
                sender=BOUNCES,
                connections=1,
            )
            keeping, connecting = asyncio.run(measure(settings))
    ratio = max(keeping) / max(connecting)
    table = Table(
        title=f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, Postfix"
    )
    for heading in (
        f"{ROUNDS * MAILS:,} e-mails, STARTTLS and login",
        "a second (median)",
        "lowest - highest",
    ):
        table.add_column(heading)
    for name, rates in (("one kept connection", keeping), ("a connection for each", connecting)):
        table.add_row(name, f"{median(rates):,.0f}", f"{min(rates):,.0f} - {max(rates):,.0f}")
    console = Console(highlight=False)
    console.print(table)
    console.print(f"keeping is {ratio:.1f} times faster; at least {WANTED:.0f} is promised")
    return 0 if ratio >= WANTED else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except pytest.skip.Exception as missing:
        sys.exit(f"siaga: {missing}")
