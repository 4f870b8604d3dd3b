"""A Kannel of the tests: bearerbox, smsbox, and Kannel's own simulator of an SMS centre.

Here: their configuration and start, and what the centre got and brings. Not here: the network that they run in
(`tests.integration.namespace`), which matters since the centre's port is open to every address.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import quote_plus

from tests.integration.namespace import listens, program, until

USER, PASSWORD = "siaga", "rahasia-uji"
ADMIN, BOXES, CENTRE, SENDSMS = 13000, 13001, 10000, 13013
UNREACHABLE = "+62899"
"""Numbers that begin so are routed nowhere."""
FAKESMSC = Path("/usr/lib/kannel/test/fakesmsc")

_CONFIGURATION = f"""\
group = core
admin-port = {ADMIN}
admin-password = uji
admin-interface = 127.0.0.1
smsbox-port = {BOXES}
smsbox-interface = 127.0.0.1
box-allow-ip = 127.0.0.1
store-type = file
store-location = kannel.store
dlr-storage = internal

group = smsc
smsc = fake
smsc-id = PUSAT
port = {CENTRE}
connect-allow-ip = 127.0.0.1
denied-prefix = "{UNREACHABLE}"

group = smsbox
bearerbox-host = 127.0.0.1
bearerbox-port = {BOXES}
sendsms-port = {SENDSMS}
sendsms-interface = 127.0.0.1

group = sendsms-user
username = {USER}
password = {PASSWORD}
max-messages = 5

group = sms-service
keyword = default
catch-all = true
max-messages = 0
get-url = "http://127.0.0.1:{{port}}/v1/gateways/kannel/inbound?from=%p&text=%b&id=%I&secret={{secret}}"
"""


class Kannel:
    """A running Kannel; `number` is its long number."""

    number = "1500"
    url = f"http://127.0.0.1:{SENDSMS}"

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._folder, self._stack = folder, stack
        self._centres = 0

    def start(self, port: int, secret: str) -> None:
        """Start it so that it brings texts to a port of the loopback."""
        configuration = self._folder / "kannel.conf"
        configuration.write_text(_CONFIGURATION.format(port=port, secret=secret))
        self._run(["bearerbox", "-v", "1", configuration], ADMIN)
        until(lambda: listens(CENTRE) and listens(BOXES))
        self._run(["smsbox", "-v", "1", configuration], SENDSMS)

    @contextmanager
    def centre(self, *texts: tuple[str, str]) -> Iterator[Path]:
        """Connect an SMS centre; it brings these (number, text) and takes all messages. Gives what it writes."""
        self._centres += 1
        log = self._folder / f"centre-{self._centres}.log"
        lines = [f"{sender} {self.number} data {quote_plus(text)}" for sender, text in texts]
        nothing = ["-m", "0", "1 1 text -"] if not lines else ["-i", "0.1", "-m", str(len(lines))]
        command = [FAKESMSC, "-H", "127.0.0.1", "-r", str(CENTRE), *nothing, *lines]
        with program(command, log=log, cwd=self._folder):
            yield log

    def _run(self, command: list, port: int) -> None:
        log = self._folder / f"{command[0]}.log"
        self._stack.enter_context(program(command, log=log, port=port, cwd=self._folder))


@contextmanager
def kannel(folder: Path) -> Iterator[Kannel]:
    """Keep a Kannel in a folder until the block ends."""
    with ExitStack() as stack:
        yield Kannel(folder, stack)
