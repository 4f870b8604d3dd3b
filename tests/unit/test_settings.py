"""Settings come from a file, the environment and the command line; whatever is wrong is said with its place."""

from pathlib import Path

import pytest

from engine import settings
from engine.errors import ConfigurationError
from engine.settings import Settings

ROOT = Path(__file__).parents[2]


@pytest.fixture
def installation(tmp_path: Path):
    """Write a settings file into a fresh installation and return its path."""

    def write(text: str) -> Path:
        file = tmp_path / "config" / "siaga.yaml"
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
        return file

    return write


def refused(file: Path, environment=None, overrides=()) -> list[str]:
    with pytest.raises(ConfigurationError) as refusal:
        settings.load(file, environment or {}, overrides)
    return [line.removeprefix(f"{file}:") for line in str(refusal.value).splitlines()]


def test_the_shipped_file_holds_every_setting_with_its_default():
    """Deleting any line of config/siaga.yaml changes nothing, and no setting is missing from it."""
    file = ROOT / "config" / "siaga.yaml"
    loaded, origins = settings.load_with_origins(file)
    assert sorted(origins) == sorted(settings.names())
    bare = Settings.model_validate(
        {name: {} for name in ("paths", "gateways", "links")} | {"gateways": {"outbox": {}}},
        context={"home": ROOT},
    )
    assert loaded == bare


def test_every_setting_says_what_it_means():
    """Each field has a docstring, since `config show` and the documentation are made of them."""

    def silent(model):
        for name, field in model.model_fields.items():
            if hasattr(field.annotation, "model_fields"):
                yield from silent(field.annotation)
            elif not field.description:
                yield f"{model.__name__}.{name}"

    assert list(silent(Settings)) == []


def test_the_command_line_goes_before_the_environment_and_that_before_the_file(installation):
    file = installation("http: {port: 1, host: file.example}\nlog: {level: error}\n")
    loaded = settings.load(
        file, {"SIAGA_HTTP__PORT": "2", "SIAGA_HTTP__HOST": "env.example"}, ["http.port=3"]
    )
    assert (loaded.http.port, loaded.http.host, loaded.log.level) == (3, "env.example", "error")


def test_origins_name_the_line_the_variable_and_the_option(installation):
    file = installation("http:\n  port: 1\n")
    _, origins = settings.load_with_origins(file, {"SIAGA_NAMESPACE": "uji"}, ["log.level=debug"])
    assert origins == {
        "http.port": f"{file}:2",
        "namespace": "SIAGA_NAMESPACE",
        "log.level": "--set log.level",
    }


def test_all_mistakes_are_said_at_once_with_file_and_line(installation):
    file = installation("http:\n  prot: 5\n  port: many\nredis: 5\nlog: {level: loud}\n")
    assert sorted(refused(file)) == [
        "2: http.prot is not a setting; did you mean http.port?",
        "3: http.port: input should be a valid integer, unable to parse string as an integer",
        "4: redis is a section; write its settings below it",
        "5: log.level: input should be 'debug', 'info', 'warning' or 'error'",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("http:\n  port: 1\n  port: 2\n", "3: http.port stands here twice"),
        ("- a\n", "1: the file must be a map of settings"),
        ("http: {port: 1\n", "2: expected ',' or '}', but got '<stream end>'"),
        ("http: *nobody\n", "1: found undefined alias"),
    ],
)
def test_a_file_that_is_no_map_of_settings_is_refused_with_its_line(installation, text, said):
    assert refused(installation(text))[0].startswith(said.split("'")[0])


def test_unknown_names_in_environment_and_options_are_mistakes(installation):
    file = installation("")
    assert refused(file, {"SIAGA_HTTP__PROT": "1"}) == [
        "SIAGA_HTTP__PROT: http.prot is not a setting; did you mean http.port?"
    ]
    assert refused(file, {}, ["nonsense.name=1"]) == [
        "--set nonsense.name: nonsense is not a setting; `siaga config show` lists all"
    ]
    assert refused(file, {}, ["http.port"]) == ["--set http.port: write it as --set http.port=9000"]


def test_secrets_in_the_environment_are_not_taken_for_settings(installation):
    loaded = settings.load(installation(""), {"SIAGA_KEY": "abc", "SIAGA_SMTP_PASSWORD": "rahasia"})
    assert loaded == settings.load(installation(""))


def test_a_missing_file_names_the_remedy(tmp_path):
    assert refused(tmp_path / "none.yaml") == [
        " cannot be read (No such file or directory); name another with --config"
    ]


def test_relative_paths_count_from_the_folder_above_config(installation, tmp_path):
    loaded = settings.load(installation("paths: {rules: aturan}\n"))
    assert loaded.paths.rules == tmp_path / "aturan"
    assert loaded.paths.regions == tmp_path / "config" / "regions.csv"
    assert loaded.outbox_directory == tmp_path / "var" / "outbox"
    assert loaded.key_file == tmp_path / "var" / "secret.key"


def test_what_siaga_writes_moves_with_the_var_folder(installation, tmp_path):
    loaded = settings.load(installation("paths: {var: /elsewhere}\n"))
    places = (loaded.outbox_directory, loaded.key_file, loaded.redis_directory)
    assert places == (Path("/elsewhere/outbox"), Path("/elsewhere/secret.key"), Path("/elsewhere/redis"))


def test_empty_text_in_the_environment_means_none(installation):
    loaded = settings.load(
        installation("http: {base_url: https://siaga.example}\n"), {"SIAGA_HTTP__BASE_URL": ""}
    )
    assert loaded.http.base_url is None
    assert loaded.base_url == "http://127.0.0.1:8080"


def test_roles_are_a_list_in_the_file_and_text_with_commas_elsewhere(installation):
    file = installation("roles: [evaluator, auditor]\nredis: {url: redis://h}\n")
    assert settings.load(file).roles == ("evaluator", "auditor")
    assert settings.load(file, {"SIAGA_ROLES": "escalator, dispatcher"}).roles == ("escalator", "dispatcher")


def test_roles_apart_need_a_common_server(installation):
    assert refused(installation("roles: [auditor]\n"))[0].endswith(
        "roles can only run apart around a common server: set redis.url"
    )


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://siaga:geheim@db.example:6379/0", "redis://siaga:**********@db.example:6379/0"),
        ("redis://:geheim@db.example", "redis://:**********@db.example"),
        ("unix:///run/redis.sock", "unix:///run/redis.sock"),
    ],
)
def test_no_print_of_the_settings_shows_a_secret(installation, url, shown):
    file = installation(f"redis: {{url: '{url}'}}\ngateways: {{smtp: {{password: geheim}}}}\n")
    loaded = settings.load(file)
    assert str(loaded.redis.url) == shown
    assert loaded.redis.url.get_secret_value() == url
    printed = str(loaded) + repr(loaded) + loaded.model_dump_json()
    assert "geheim" not in printed


def test_a_mistake_in_a_secret_does_not_print_it(installation):
    file = installation("gateways:\n  smtp:\n    password: [geheim]\n")
    assert "geheim" not in "".join(refused(file))


@pytest.mark.parametrize("url", ["db.example:6379", "http://db.example", "redis:/db"])
def test_an_address_that_is_none_of_a_server_is_refused_before_anything_starts(installation, url):
    file = installation(f"redis: {{url: '{url}'}}\n")
    assert refused(file)[0].startswith("1: redis.url: write it as redis://host:6379")


def test_settings_are_frozen(installation):
    loaded = settings.load(installation(""))
    with pytest.raises(ValueError, match="frozen"):
        loaded.http.port = 1
