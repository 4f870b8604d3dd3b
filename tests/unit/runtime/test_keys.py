"""Keys: the first makes what is new, those after it are accepted, and what is no key is said with its place."""

import base64
import stat
from pathlib import Path

import pytest

from engine.errors import ConfigurationError
from engine.runtime.keys import ENVIRONMENT, Keys, secret_keys

NEW, OLD, OLDER = (bytes([number]) * 32 for number in (1, 2, 3))


def written(*keys: bytes, between: str = "\n") -> str:
    """The text of a file or variable with these keys."""
    return between.join(base64.b64encode(key).decode() for key in keys)


def test_a_key_is_made_once(tmp_path: Path):
    """For its owner alone; the next start reads the same."""
    file = tmp_path / "var/secret.key"
    made = secret_keys(file, {})
    assert (len(made.current), made.previous) == (32, ())
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert secret_keys(file, {}) == made


def test_the_first_key_is_the_key_and_the_others_are_accepted(tmp_path: Path):
    """One a line in the file, with spaces in the variable, which goes before the file."""
    file = tmp_path / "secret.key"
    file.write_text(written(NEW, OLD, OLDER) + "\n")
    file.chmod(0o600)
    assert secret_keys(file, {}) == Keys(NEW, (OLD, OLDER))
    assert secret_keys(file, {}).accepted == (NEW, OLD, OLDER)
    assert secret_keys(file, {ENVIRONMENT: written(OLDER, NEW, between=" ")}) == Keys(OLDER, (NEW,))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "secret.key holds no key"),
        ("!", "secret.key: key 1 is not base64"),
        (written(NEW, b"short"), "secret.key: key 2 has 5 bytes; it needs 32"),
        ("\u00e9", "secret.key: key 1 is not base64"),
    ],
)
def test_what_is_no_key_is_said(tmp_path: Path, text: str, said: str):
    """Nothing is made in its place: links that are out would be lost without a word."""
    file = tmp_path / "secret.key"
    file.write_text(text)
    file.chmod(0o600)
    with pytest.raises(ConfigurationError, match=said):
        secret_keys(file, {})
    assert file.read_text() == text
