"""Case files: what was exported is proved anywhere; whatever is changed in it is found."""

import json

import msgspec
import pytest

from engine.cli.case import history_lines
from engine.cli.policy_staff.check import CheckLanguage
from engine.core.alerting.alert import Rendered
from engine.records.case_file import CaseFileError, public_key, read, write
from tests.unit.alerting.cases import Course, policy

SEED, OTHER = b"1" * 32, b"2" * 32


def case_file(seed: bytes = SEED) -> bytes:
    course = Course(policy()).until(40)
    messages = tuple(course.notifications.values())
    return write("siaga", course.alert, messages, course.history, mark="a" * 40, at=course.now, seed=seed)


def fault(file: bytes, key: str = "") -> str:
    with pytest.raises(CaseFileError) as raised:
        read(file, key)
    return raised.value.fault


def test_a_file_is_read_back_as_it_was():
    contents = read(case_file(), public_key(SEED))
    assert contents.alert.id == contents.history[0].alert
    assert len(contents.history) == contents.alert.history
    assert contents.notifications != ()


def test_it_says_in_words_by_which_credential_each_entry_was():
    course = Course(policy()).until(40)
    said = {entry.by: {"id": "kata", "en": "words"} for entry in course.history}
    file = write(
        "siaga", course.alert, (), course.history, credentials=said, mark="", at=course.now, seed=SEED
    )
    assert read(file, public_key(SEED)).credentials == said
    lines = list(history_lines(read(file), CheckLanguage.id))
    assert len(lines) == len(course.history) > 0
    assert all(line.endswith("[kata]") for line in lines)


def test_no_address_and_no_text_is_in_it():
    course = Course(policy()).until(40)
    message = next(iter(course.notifications.values()))
    rendered = Rendered(to="+628110000001", text="Kepada Yth. Sekda", subject="Rahasia")
    told = msgspec.structs.replace(message, rendered=rendered)
    file = write("siaga", course.alert, [told], course.history, mark="", at=0, seed=SEED)
    assert not any(word in file for word in (b"628110000001", b"Yth", b"Rahasia"))
    assert read(file).notifications[0].rendered.text.startswith("blake2b:")


def test_a_changed_byte_anywhere_in_the_case_is_found():
    file = case_file()
    begins, ends = file.index(b'"case":') + 7, file.index(b',"key":')
    for place in range(begins, ends, 97):
        changed = file[:place] + bytes([file[place] ^ 1]) + file[place + 1 :]
        assert fault(changed) in ("bad_signature", "not_a_case_file")


def test_a_file_that_somebody_else_signed_is_found_by_its_key():
    assert fault(case_file(OTHER), public_key(SEED)) == "other_key"
    assert read(case_file(OTHER)).namespace == "siaga"


def test_a_history_that_lacks_an_entry_is_found_though_it_is_signed():
    course = Course(policy()).until(40)
    shortened = [*course.history[:2], *course.history[3:]]
    file = write("siaga", course.alert, (), shortened, mark="", at=0, seed=SEED)
    assert fault(file) == "history_changed"


@pytest.mark.parametrize(
    "file", [b"", b"{}", b"[]", json.dumps({"case": 1, "key": "x", "signature": "?"}).encode()]
)
def test_what_is_no_case_file_says_so(file):
    assert fault(file) == "not_a_case_file"
