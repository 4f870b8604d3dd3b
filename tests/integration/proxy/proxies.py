"""A real nginx or Caddy in front of a real `siaga run` on another address, put in place as docs/setup.md says.

Here: typing the commands of the document, with its folders moved into one of the test. The proxy reaches Siaga at
127.0.0.2 from 127.0.0.2, as if it stood on another machine; people come to the proxy from 127.0.0.11 and so on.
"""

import json
import os
import re
import shlex
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from engine.clock import WallClock
from engine.core.judging.instant import MINUTE, format_instant
from tests.integration.mail.certificate import Certificate
from tests.integration.namespace import program, until

ROOT = Path(__file__).parents[3]
NAME = "siaga.uji.example"
SIAGA = "127.0.0.2"
PORT = 8080
KINDS = ("nginx", "caddy")


def inner_address() -> None:
    """Let what connects to Siaga's address come from that address, which no other connection comes from."""
    route = ["ip", "route", "add", "local", SIAGA, "dev", "lo", "table", "local", "src", SIAGA]
    subprocess.run(route, check=True)


def typed(folder: Path, kind: str) -> None:
    """Type the commands of docs/setup.md that put a proxy's file in place, for a Siaga on another machine."""
    text = (ROOT / "docs/setup.md").read_text()
    section = re.search(r"^## 4\. .*?(?=^## )", text, re.MULTILINE | re.DOTALL).group()
    lines = [
        line for block in re.findall(r"```\n(.*?)```", section, re.DOTALL) for line in block.splitlines()
    ]
    moved = {"/opt/siaga": str(ROOT), "/etc/": f"{folder}/", "NAME": NAME, "ADDRESS": SIAGA}
    done = 0
    for line in lines:
        words = shlex.split(line)
        if words[0] not in ("cp", "sed") or f"/{kind}/" not in line:
            continue
        for old, new in moved.items():
            words = [word.replace(old, new) for word in words]
        subprocess.run(words, check=True)
        done += 1
    assert done >= 3, f"docs/setup.md does not say how {kind} is put in place: {lines}"


@contextmanager
def proxy(folder: Path, kind: str) -> Iterator[Certificate]:
    """Run the proxy as it was put in place, with a certificate that the test made."""
    for name in ("nginx/conf.d", "caddy", "ssl/siaga", "log"):
        (folder / name).mkdir(parents=True)
    typed(folder, kind)
    certificate = Certificate(folder / "ssl/siaga", NAME)
    certificate.path.rename(folder / "ssl/siaga/fullchain.pem")
    certificate.key.rename(folder / "ssl/siaga/privkey.pem")
    file = folder / {"nginx": "nginx/conf.d/siaga.conf", "caddy": "caddy/Caddyfile"}[kind]
    moved = file.read_text().replace("/etc/ssl", f"{folder}/ssl").replace("/var/log/nginx", f"{folder}/log")
    file.write_text(moved)
    log = folder / "log/proxy.log"
    with program(_command(folder, kind), log=log, port=443, env=os.environ | {"HOME": str(folder)}):
        yield certificate


def _command(folder: Path, kind: str) -> list[str]:
    if kind == "caddy":
        return ["caddy", "run", "--config", str(folder / "caddy/Caddyfile"), "--adapter", "caddyfile"]
    whole = folder / "nginx/nginx.conf"  # what Debian brings, as far as it matters
    whole.write_text(
        f"user root; daemon off; pid {folder}/nginx.pid; error_log {folder}/log/nginx.log;\n"
        f"events {{}}\nhttp {{ client_body_temp_path {folder}/body; proxy_temp_path {folder}/temp;\n"
        f"include {folder}/nginx/conf.d/*.conf; }}\n"
    )
    command = ["nginx", "-c", str(whole), "-e", f"{folder}/log/nginx.log"]
    subprocess.run([*command, "-t"], check=True, capture_output=True)
    return command


class Service:
    """A running Siaga behind a running proxy."""

    def __init__(self, folder: Path, options: list[str], certificate: Certificate) -> None:
        self.folder = folder
        self._options = options
        self._trust = ssl.create_default_context(cafile=folder / "ssl/siaga/fullchain.pem")
        self.certificate = certificate
        self.token = self.siaga("token", "create", "--right", "submit", "--desk=*").strip()

    def siaga(self, *words: str, base_url: str = f"https://{NAME}", **environment: str) -> str:
        """Run a command upon the installation and return what it prints; it may end with 1."""
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "engine.cli",
                *words,
                *self._options,
                "--set",
                f"http.base_url={base_url}",
            ],
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT)} | environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode in (0, 1), done.stderr
        return done.stdout

    def ask(self, person: str, method: str, path: str, **options) -> httpx.Response:
        """Ask by the proxy, from a person's address."""
        transport = httpx.HTTPTransport(local_address=person, verify=self._trust)
        named = {"sni_hostname": NAME}
        with httpx.Client(transport=transport, base_url="https://127.0.0.1", timeout=30) as client:
            headers = options.pop("headers", {}) | {"Host": NAME}
            return client.request(method, path, headers=headers, extensions=named, **options)

    def link(self) -> str:
        """Report a death, and return the path of the first answer link that goes out."""
        outbox = self.folder / "var/outbox"
        now = WallClock().now()
        event = {
            "id": f"uji-{now}",
            "kind": "conflict.death",
            "severity": 4,
            "region": "73.15",
            "occurred_at": format_instant(now - MINUTE, "Asia/Makassar"),
            "source": {"desk": "73.15", "channel": "desk"},
            "metrics": {"dead": 1},
        }
        headers = {"Authorization": f"Bearer {self.token}"}
        sent = self.ask("127.0.0.10", "POST", "/v1/events", content=json.dumps(event), headers=headers)
        assert sent.status_code == 202, sent.text
        pattern = re.compile(re.escape(f"https://{NAME}") + r"(/a/[\w-]+)")

        def found() -> str | None:
            files = [file for file in outbox.rglob("*") if file.is_file()] if outbox.is_dir() else []
            return next((hit.group(1) for file in files if (hit := pattern.search(file.read_text()))), None)

        return until(found)


@contextmanager
def behind_a_proxy(folder: Path, kind: str) -> Iterator[Service]:
    """Run Siaga on its address, and the proxy in front of it."""
    given = {
        "paths.var": folder / "var",
        "http.host": SIAGA,
        "http.port": PORT,
        "http.trusted_proxies": SIAGA,
        "http.base_url": f"https://{NAME}",
        "log.format": "json",
    }
    options = [part for name, value in given.items() for part in ("--set", f"{name}={value}")]
    log = folder / "siaga.log"
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "engine.cli", "run", *options]
    with program(command, log=log, cwd=ROOT, env=environment) as running:
        until(lambda: '"listening"' in log.read_text() or running.poll() is not None)
        assert running.poll() is None, log.read_text()
        with proxy(folder, kind) as certificate:
            yield Service(folder, options, certificate)
