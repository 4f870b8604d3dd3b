"""A Postfix of the tests, as an organisation runs one: STARTTLS and TLS at once, login by Cyrus SASL, maildirs.

Here: its configuration, from nothing but defaults, in a folder of its own, and its start. Not here: the network that it
runs in (`tests.integration.namespace`). Nothing of the machine's own Postfix is read or written.
"""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.integration.namespace import listens, program, until

USER, PASSWORD = "siaga", "rahasia-uji"
SUBMISSION, SUBMISSIONS, WITHOUT_DSN = 587, 465, 2587
BOUNCES = "pentalan@desk.example"
"""The envelope's sender; its maildir is `bounces`."""
GREYLISTED = "tunda@pinrang.example"
GONE = "sekda@gone.example"
"""Accepted, and found to be nobody's afterwards."""

_MAIN = """\
compatibility_level = 3.6
queue_directory = {home}/queue
data_directory = {home}/data
maillog_file = {home}/log
maillog_file_prefixes = {home}
myhostname = surat.example
mydestination =
local_recipient_maps =
alias_maps =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
in_flow_delay = 0
virtual_mailbox_domains = pinrang.example, desk.example
virtual_mailbox_base = {home}/boxes
virtual_mailbox_maps = inline:{{ sekda@pinrang.example=sekda/, tunda@pinrang.example=tunda/,
    pentalan@desk.example=bounces/ }}, regexp:{{ {{ !/@(pinrang|desk)\\.example$$/ everybody/ }} }}
default_transport = virtual:
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{uid}
relay_domains = gone.example
transport_maps = inline:{{ gone.example=gone: }}
smtpd_tls_security_level = may
smtpd_tls_cert_file = {certificate}
smtpd_tls_key_file = {key}
smtpd_tls_auth_only = yes
smtpd_sasl_auth_enable = yes
smtpd_sasl_local_domain = surat.example
cyrus_sasl_config_path = {home}/sasl
smtpd_relay_restrictions = permit_sasl_authenticated, reject
smtpd_recipient_restrictions = check_recipient_access inline:{{ {{ tunda@pinrang.example = 450 4.2.0 greylisted }} }},
    permit_sasl_authenticated, reject
"""

_MASTER = """\
127.0.0.1:587 inet  n - n - - smtpd
127.0.0.1:465 inet  n - n - - smtpd -o smtpd_tls_wrappermode=yes
127.0.0.1:2587 inet n - n - - smtpd -o smtpd_discard_ehlo_keywords=dsn
cleanup   unix      n - n - 0 cleanup
qmgr      unix      n - n 300 1 qmgr
tlsmgr    unix      - - n 1000? 1 tlsmgr
rewrite   unix      - - n - - trivial-rewrite
bounce    unix      - - n - 0 bounce
defer     unix      - - n - 0 bounce
trace     unix      - - n - 0 bounce
anvil     unix      - - n - 1 anvil
error     unix      - - n - - error
retry     unix      - - n - - error
virtual   unix      - n n - - virtual
gone      unix      - n n - - pipe user=nobody argv=/bin/sh -c {exit 67}
postlog   unix-dgram n - n - 1 postlogd
"""

_SASL = """\
pwcheck_method: auxprop
auxprop_plugin: sasldb
mech_list: PLAIN LOGIN
sasldb_path: {home}/sasl/users
"""
_NOBODY = 65534


class Postfix:
    """A running server; `boxes` holds a maildir for each mailbox, and `everybody` for mail to other domains."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.boxes = home / "boxes"
        self.bounces = self.boxes / "bounces"

    def mails(self, box: str) -> set[Path]:
        """Return what was delivered to a mailbox; the names tell no order within a second."""
        return set((self.boxes / box / "new").glob("*"))

    def arrived(self, box: str, before: set[Path] = frozenset(), number: int = 1) -> list[bytes]:
        """Wait until so many mails lie in a mailbox that did not before, and return them."""
        until(lambda: len(self.mails(box) - before) >= number)
        return [mail.read_bytes() for mail in self.mails(box) - before]

    def log(self) -> str:
        """Return what the server wrote."""
        return (self.home / "log").read_text(errors="replace")


@contextmanager
def postfix(certificate: Path, key: Path) -> Iterator[Postfix]:
    """Run a Postfix until the block ends; needs root, a private network, and `postfix` and `saslpasswd2`."""
    home = Path(tempfile.mkdtemp(prefix="siaga-postfix-"))
    try:
        _write(home, certificate, key)
        server = Postfix(home)
        with program(["postfix", "-c", home / "etc", "start-fg"], log=home / "output", port=SUBMISSION):
            until(lambda: listens(SUBMISSIONS))
            try:
                yield server
            finally:  # its processes are in a session of their own
                subprocess.run(["postfix", "-c", home / "etc", "stop"], check=True, capture_output=True)
    finally:
        shutil.rmtree(home)


def _write(home: Path, certificate: Path, key: Path) -> None:
    home.chmod(0o755)  # its processes run as several users
    for folder in ("etc", "queue", "data", "boxes", "sasl"):
        (home / folder).mkdir()
    for name in (certificate, key):
        shutil.copy(name, home / "etc" / name.name)
    values = {
        "home": home,
        "uid": _NOBODY,
        "certificate": home / "etc" / certificate.name,
        "key": home / "etc" / key.name,
    }
    (home / "etc" / "main.cf").write_text(_MAIN.format_map(values))
    (home / "etc" / "master.cf").write_text(_MASTER)
    (home / "sasl" / "smtpd.conf").write_text(_SASL.format_map(values))
    made = ["saslpasswd2", "-c", "-p", "-f", home / "sasl" / "users", "-u", "surat.example", USER]
    subprocess.run(made, input=PASSWORD.encode(), check=True)
    shutil.chown(home / "sasl" / "users", "postfix")
    shutil.chown(home / "data", "postfix")
    shutil.chown(home / "boxes", _NOBODY, _NOBODY)
