"""Every setting of an installation, built once at start and passed down.

Here: the sections, their defaults and units, and how the three sources are laid over each other: the file
`config/siaga.yaml`, then the environment (`SIAGA_HTTP__PORT=9000`), then `--set http.port=9000`. Not here: rules,
policies, regions and the directory, which are data with loaders of their own.
Settings are frozen; there is no global. All three sources are text and are typed by the fields below, so that a value
means the same wherever it stands. A name says its unit (`_seconds`, `_days`, `_bytes`).
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    Field,
    Secret,
    ValidationError,
    field_validator,
    model_validator,
)

from engine.errors import ConfigurationError
from engine.settings_sections import (
    BackupSection,
    BudgetSection,
    FilePath,
    GatewaySettings,
    RetentionSection,
    SituationSection,
)
from engine.settings_sections import SettingsSection as _Section
from engine.settings_sections import listed as _listed
from engine.settings_sources import from_environment, from_file, from_overrides, nested

DEFAULT_FILE = Path("config/siaga.yaml")

Role = Literal["intake", "evaluator", "escalator", "dispatcher", "auditor"]
ROLES: tuple[Role, ...] = ("intake", "evaluator", "escalator", "dispatcher", "auditor")


_SERVERS = ("redis://", "rediss://", "unix://", "redis+sentinel://", "rediss+sentinel://")


class ServerUrl(Secret[str]):
    """A URL that shows everything but its password."""

    def _display(self) -> str:
        head, at, tail = self._secret_value.rpartition("@")
        if not at:
            return self._secret_value
        scheme, _, login = head.rpartition("//")
        return f"{scheme}//{login.partition(':')[0]}:**********@{tail}"


class Paths(_Section):
    """Where the installation's data lies. Relative paths count from its home."""

    rules: FilePath = Path("rules")
    """Folder of the rule files and their tests."""
    policies: FilePath = Path("config/policies.yaml")
    """The escalation policies."""
    calendar: FilePath = Path("config/calendar.yaml")
    """The stages of the election; an installation without this file has none."""
    directory: FilePath = Path("config/directory.csv")
    """What `siaga directory import` reads when no file is named, and what an empty store starts with."""
    regions: FilePath = Path("config/regions.csv")
    """The table of regions."""
    desks: FilePath = Path("config/desks.yaml")
    """Which desks are activated from and until when; an installation without this file has none."""
    expected: FilePath = Path("config/expected.yaml")
    """Named lists of who must report, for rules that wait for reports; an installation without it has none."""
    tables: FilePath = Path("config/tables")
    """Folder of the tables of reference figures that rules may name; one without any needs none."""
    kinds: FilePath = Path("config/kinds.yaml")
    """The kinds of events and their names."""
    gateways: FilePath = Path("config/gateways.yaml")
    """The gateways; an installation without this file has those of the settings alone."""
    templates: FilePath = Path("templates")
    """Folder of the texts and templates of messages and pages."""
    var: FilePath = Path("var")
    """Folder of everything that Siaga itself writes: embedded server, key, outbox."""

    @property
    def guides(self) -> Path:
        """Folder of the procedures (SOP) that rules name: `docs` beside that of the rules."""
        return self.rules.parent / "docs"


class Http(_Section):
    """The service's own port."""

    host: str = "127.0.0.1"
    """Address to listen on."""
    port: int = Field(default=8080, ge=0, le=65_535)
    """TCP port to listen on; 0 takes a free one."""
    base_url: str | None = Field(default=None, pattern=r"^https?://[^\s?#]+[^\s?#/]$")
    """How people reach this service from outside, for links in messages; none: http://host:port."""
    max_body_bytes: int = Field(default=4_194_304, ge=1_024)
    """Largest body of one request, in bytes; a larger one is answered 413."""
    max_events: int = Field(default=5_000, ge=1)
    """Most events in one request; what is beyond is rejected."""
    max_connections: int = Field(default=2_000, ge=16)
    """Most connections at once; fewer where the process may not open so many files, of which 256 stay free."""
    trusted_proxies: Annotated[tuple[str, ...], BeforeValidator(_listed)] = ("127.0.0.1", "::1")
    """Addresses and networks whose `X-Forwarded-For` is believed: proxies of your own; empty: none."""
    max_requests_per_minute: int = Field(default=60_000, ge=1)
    """Most requests of one token in a minute, all at once or evenly; what is beyond is answered 429."""

    @field_validator("trusted_proxies")
    @classmethod
    def _are_networks(cls, addresses: tuple[str, ...]) -> tuple[str, ...]:
        for address in addresses:
            try:
                ip_network(address)
            except ValueError:
                raise ValueError(
                    f"{address} is neither an address nor a network such as 10.0.0.0/24"
                ) from None
        return addresses


class Redis(_Section):
    """The store. Without a URL an embedded server runs in the var folder."""

    url: ServerUrl | None = None
    """redis://, rediss:// or unix:// URL of a server, or redis+sentinel://host:26379,host:26379/service for the primary
    that Sentinels name; none: the embedded one."""
    accept_weaker_durability: bool = False
    """Start also on a server that may lose what it accepted; the start says what is promised then."""
    wait_replicas: int = Field(default=0, ge=0)
    """Replicas that must hold an event before it is answered 202."""

    @field_validator("url")
    @classmethod
    def _names_a_server(cls, url: ServerUrl | None) -> ServerUrl | None:
        if url is not None and not url.get_secret_value().startswith(_SERVERS):
            raise ValueError(
                "write it as redis://host:6379, rediss://host:6379, unix:///path/of/the.sock or "
                "redis+sentinel://host:26379,host:26379/service"
            )
        return url


class ClockSection(_Section):
    """What drives time."""

    mode: Literal["real", "lock_step"] = "real"
    """`real`: wall time. `lock_step`: time stands until it is advanced, for replays and tests."""
    start: AwareDatetime | None = None
    """Where a lock-step clock begins in an empty store (RFC 3339 with offset); none: 2024-01-01T00:00:00Z."""


class IntakeSection(_Section):
    """What becomes of events at the door."""

    dedup_days: int = Field(default=60, ge=1, le=3_650)
    """Days for which a repeated event is recognised; an event that occurred before that is quarantined."""
    future_tolerance_seconds: int = Field(default=120, ge=0)
    """An event that occurred later than this after its receipt is quarantined, in seconds."""
    max_event_bytes: int = Field(default=65_536, ge=1_024)
    """Largest single event, in bytes; a larger one is rejected."""
    events_per_minute: int = Field(default=600, ge=1)
    """Events that a token may bring in a minute, ten times that at once; a token may have a rate of its own."""
    bytes_per_minute: int = Field(default=1_048_576, ge=1_024)
    """Bytes of events that a token may bring in a minute, ten times that at once; a token may have its own."""
    awas_per_ten_minutes: int = Field(default=20, ge=1)
    """Events that may open an awas alert alone, by token in ten minutes, exercises apart; a token may have its own."""
    max_waiting: int = Field(default=1_000_000, ge=1)
    """Events that may wait to be judged; while more wait, and while the store is 90 % full, events are answered 503."""
    quarantine_entries: int = Field(default=2_000, ge=1)
    """Records that one token may have in quarantine; what else it sends that is no event is refused."""
    quarantine_bytes: int = Field(default=8_388_608, ge=1_024)
    """Bytes of documents that one token may have in quarantine."""


class ReloadSection(_Section):
    """How changed rules and policies come into force."""

    four_eyes: bool = True
    """An account of this machine (`siaga reload`) and watched files need another person's approval. Off: they put rules
    in force alone, and the audit says so each time."""
    auto: bool = False
    """Propose valid changes of the files by themselves; with `four_eyes` off they follow at once: for trials only."""
    max_told: int = Field(default=50, ge=0)
    """Rules that would tell more people than this at once need an explicit yes with the number."""


class Messages(_Section):
    """What stands on every message."""

    sender: str = "Siaga Desk Pilkada <siaga@desk.example>"
    """The From of e-mails."""
    duty_desk: str | None = Field(default=None, max_length=200)
    """How people reach the duty desk, in one line of text; none: messages and pages do not say."""


class Contacts(_Section):
    """Changes of the contacts of people."""

    objection_hours: int = Field(default=24, ge=24, le=168)
    """A new contact whose code came back counts after this, if none of the person's other contacts objects; a second
    person's approval makes it count at once. A contact that was removed comes back by an objection within this time."""


class LinkSettings(_Section):
    """The links by which officials answer."""

    key_file: FilePath | None = None
    """File of the secret key, made at first start; none: secret.key in paths.var. SIAGA_KEY overrides it."""


class Console(_Section):
    """The pages that one signs in to."""

    idle_minutes: int = Field(default=60, ge=1, le=1_440)
    """A session without any use ends after this; an open page that follows what happens is use."""
    session_hours: int = Field(default=12, ge=1, le=168)
    """A session ends after this in any case: a shift, and some time to hand over."""


class ArchiveSection(_Section):
    """Where applied events are kept for good, so that the stream may forget them."""

    enabled: bool = True
    """Archive applied events and then trim the stream; without it the stream keeps everything."""
    directory: FilePath | None = None
    """Folder of the archive's day files; none: archive in paths.var."""
    stream_days: int = Field(default=30, ge=0, le=3_650)
    """Archived events stay in the stream at most so long; 0: as long as a window or a late report may need them."""


class Ops(_Section):
    """What the people who run the service watch."""

    heartbeat_url: str | None = Field(default=None, pattern=r"^https?://[^\s]+$")
    """Address that gets a POST every minute while no alert or message is lost and nothing waits longer than the bounds
    below; none: only the metric tells."""
    max_event_age_seconds: int = Field(default=120, ge=1)
    """The heartbeat is withheld, and /healthz says failing, while an event has waited longer than this to be judged."""
    max_message_age_seconds: int = Field(default=120, ge=1)
    """The heartbeat is withheld while a message has been due for longer than this."""
    max_step_age_seconds: int = Field(default=120, ge=1)
    """The heartbeat is withheld while the timer of an alert has been due for longer than this."""


class Log(_Section):
    """What the service says while it runs, on standard error."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """The least important line that is written."""
    format: Literal["auto", "json", "console"] = "auto"
    """`json` for machines, `console` for people; `auto`: console on a terminal."""


class Settings(_Section):
    """All settings of one installation."""

    namespace: str = Field(default="siaga", pattern=r"^[a-z][a-z0-9-]{0,31}$")
    """Prefix of all keys in the store; two installations on one server differ here."""
    roles: Annotated[tuple[Role, ...], BeforeValidator(_listed)] = Field(default=ROLES, min_length=1)
    """The loops that this process runs; others run elsewhere around the same server."""
    paths: Paths = Paths()
    http: Http = Http()
    redis: Redis = Redis()
    clock: ClockSection = ClockSection()
    intake: IntakeSection = IntakeSection()
    reload: ReloadSection = ReloadSection()
    gateways: GatewaySettings = GatewaySettings()
    messages: Messages = Messages()
    budgets: BudgetSection = BudgetSection()
    contacts: Contacts = Contacts()
    links: LinkSettings = LinkSettings()
    console: Console = Console()
    archive: ArchiveSection = ArchiveSection()
    retention: RetentionSection = RetentionSection()
    backup: BackupSection = BackupSection()
    ops: Ops = Ops()
    situation: SituationSection = SituationSection()
    log: Log = Log()

    @model_validator(mode="after")
    def _roles_apart_share_a_server(self) -> Self:
        if set(self.roles) != set(ROLES) and self.redis.url is None:
            raise ValueError("roles can only run apart around a common server: set redis.url")
        return self

    @property
    def base_url(self) -> str:
        """Return how people reach the service, without a slash at the end."""
        return self.http.base_url or f"http://{self.http.host}:{self.http.port}"

    @property
    def outbox_directory(self) -> Path:
        """Return the folder into which the outbox writes."""
        return self.gateways.outbox.directory or self.paths.var / "outbox"

    @property
    def archive_directory(self) -> Path | None:
        """Return the folder of the archive; None where there is to be none."""
        return (self.archive.directory or self.paths.var / "archive") if self.archive.enabled else None

    @property
    def key_file(self) -> Path:
        """Return the file of the key of links."""
        return self.links.key_file or self.paths.var / "secret.key"

    @property
    def redis_directory(self) -> Path:
        """Return the folder of the embedded server."""
        return self.paths.var / "redis"


Origins = Mapping[str, str]
"""Where the value of a dotted setting was read: `config/siaga.yaml:12`, `SIAGA_HTTP__PORT` or `--set`."""


def load(
    file: Path = DEFAULT_FILE, environment: Mapping[str, str] = {}, overrides: Sequence[str] = ()
) -> Settings:
    """Build the settings; raise `ConfigurationError` with one line for each thing that is wrong."""
    return load_with_origins(file, environment, overrides)[0]


def load_with_origins(
    file: Path = DEFAULT_FILE, environment: Mapping[str, str] = {}, overrides: Sequence[str] = ()
) -> tuple[Settings, Origins]:
    """Build the settings and say where each value that is not a default came from."""
    texts: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for source in (from_file(file), from_environment(environment, names()), from_overrides(overrides)):
        for path, value, origin in source:
            texts[path] = value
            origins[path] = origin
    try:
        home = _home(file)
        return Settings.model_validate(nested(texts, names()), context={"home": home}), origins
    except ValidationError as error:
        raise ConfigurationError("\n".join(_said(error, origins, file))) from None


def names(model: type[BaseModel] = Settings, prefix: str = "") -> Iterator[str]:
    """Yield the dotted name of every setting."""
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, _Section):
            yield from names(kind, f"{prefix}{name}.")
        else:
            yield prefix + name


def value_of(settings: Settings, name: str) -> object:
    """Return the value of a dotted setting; secrets stay in their masks."""
    value: object = settings
    for part in name.split("."):
        value = getattr(value, part)
    return value


def _home(file: Path) -> Path:
    """Return the folder from which relative paths count: the one above `config/`, or the file's own."""
    folder = file.absolute().parent
    return folder.parent if folder.name == "config" else folder


def _said(error: ValidationError, origins: Origins, file: Path) -> Iterator[str]:
    """Say each error of the model in one line, beginning with where the value stands."""
    known = list(names())
    for finding in error.errors(include_url=False, include_input=False):
        name = ".".join(str(part) for part in finding["loc"] if isinstance(part, str))
        inside = next((origin for path, origin in origins.items() if path.startswith(name + ".")), None)
        where = origins.get(name) or inside or str(file)
        if finding["type"] == "extra_forbidden":
            near = difflib.get_close_matches(name, known, 1)
            hint = f"; did you mean {near[0]}?" if near else "; `siaga config show` lists all"
            yield f"{where}: {name} is not a setting{hint}"
        elif finding["type"] == "model_type":
            yield f"{where}: {name} is a section; write its settings below it"
        else:
            message = finding["msg"].removeprefix("Value error, ")
            yield f"{where}: {name + ': ' if name else ''}{message[:1].lower()}{message[1:]}"
