"""A case file is read as it was written, or refused with the line and the key."""

from __future__ import annotations

import datetime as dt
import os
from dataclasses import fields
from pathlib import Path

import pytest

from pipeline.case_file.read import CaseFile, read_case
from pipeline.case_file.tree import LARGEST_BYTES, MOST_NODES
from pipeline.domain.case import Day, Examination, LabValue, Score, Treatment
from pipeline.errors import InputRefused

WHOLE = """\
scans:
  - date: 2019-04-11
  - date: "2020-03-10"
treatments:
  - {name: no, start: 2019-05-01, stop: 2019-05-01}
  - name: alendronate
    start: 2018-12-24
    dose: 10
    unit: mg
    route: oral
    interval: daily
examinations:
  - name: radiograph
    date: 2019-11-11
    finding: clear, no opacity in the soft parts
scores:
  - {name: CMAS, date: 2020-03-01, value: 48, range: [0, 52]}
  - {name: CMAS, date: 2019-04-01, value: 31.5, range: [0, 52]}
laboratory:
  - {name: CK, date: 2019-04-12, value: 1.2e3, unit: U/L}
"""


def read(text: str | bytes, folder: Path) -> CaseFile:
    file = folder / "Paula Box.yaml"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_case(file)


def refusal(text: str | bytes, folder: Path) -> InputRefused:
    with pytest.raises(InputRefused) as caught:
        read(text, folder)
    assert caught.value.exit_code == 3
    assert "\n" not in str(caught.value)
    assert "Paula" not in str(caught.value)
    return caught.value


def test_every_key_is_read_and_lists_are_put_in_order_of_time(tmp_path: Path) -> None:
    told = read(WHOLE, tmp_path)
    assert [one.date for one in told.scans] == [dt.date(2019, 4, 11), dt.date(2020, 3, 10)]
    day = Day(dt.date(2019, 5, 1))
    assert told.case.treatments == (
        Treatment("alendronate", Day(dt.date(2018, 12, 24)), None, 10.0, "mg", "oral", "daily"),
        Treatment("no", day, day),  # the word, and not the Boolean of YAML 1.1
    )
    radiograph = Examination("radiograph", Day(dt.date(2019, 11, 11)), "clear, no opacity in the soft parts")
    assert told.case.examinations == (radiograph,)
    assert told.case.scores == (
        Score("CMAS", Day(dt.date(2019, 4, 1)), 31.5, (0.0, 52.0)),
        Score("CMAS", Day(dt.date(2020, 3, 1)), 48.0, (0.0, 52.0)),
    )
    assert told.case.laboratory == (LabValue("CK", Day(dt.date(2019, 4, 12)), 1200.0, "U/L"),)


def test_windows_line_ends_and_a_byte_order_mark_change_nothing(tmp_path: Path) -> None:
    other = b"\xef\xbb\xbf" + WHOLE.replace("\n", "\r\n").encode()
    assert read(other, tmp_path) == read(WHOLE, tmp_path)


def test_lists_that_are_missing_or_empty_hold_nothing(tmp_path: Path) -> None:
    assert read("scans:\ntreatments: []\nscores: ~\n", tmp_path) == CaseFile()


def test_an_empty_stop_leaves_a_treatment_open(tmp_path: Path) -> None:
    told = read("treatments:\n - {name: a, start: 2019-01-01, stop: }\n", tmp_path)
    assert told.case.treatments[0].stop is None


def changed(old: str, new: str) -> str:
    assert WHOLE.count(old) == 1, old
    return WHOLE.replace(old, new)


@pytest.mark.parametrize(
    ("text", "code", "place"),
    [
        (changed("2019-11-11", "2019-02-30"), "BAD_DATE", "line 14, examinations[0].date:"),
        (changed("2019-11-11", "11.11.2019"), "BAD_DATE", "line 14, examinations[0].date:"),
        (changed("2019-11-11", "20191111"), "BAD_DATE", "line 14, examinations[0].date:"),
        (changed("2019-11-11", "2019-11-11T10:00:00"), "BAD_DATE", "line 14, examinations[0].date:"),
        (changed("2019-11-11", "0019-11-11"), "BAD_DATE", "line 14, examinations[0].date:"),
        (changed("2019-11-11", "[2019-11-11]"), "BAD_CASE", "line 14, examinations[0].date:"),
        (changed("    date: 2019-11-11\n", ""), "BAD_CASE", "line 13, examinations[0].date: it is missing"),
        (changed('"2020-03-10"', "2018-03-10"), "DATES_REVERSED", "line 3, scans[1].date:"),
        (changed("stop: 2019-05-01", "stop: 2019-04-30"), "DATES_REVERSED", "line 5, treatments[0].stop:"),
        (changed("dose: 10", "dose: 10 mg"), "BAD_CASE", "line 8, treatments[1].dose:"),
        (changed("dose: 10", "dose: '10'"), "BAD_CASE", "line 8, treatments[1].dose:"),
        (changed("dose: 10", "dose: .inf"), "BAD_CASE", "line 8, treatments[1].dose:"),
        (changed("dose: 10", "dose: 1e400"), "BAD_CASE", "line 8, treatments[1].dose:"),
        (changed("dose: 10", "dose: 0x1F"), "BAD_CASE", "line 8, treatments[1].dose:"),
        (changed("dose: 10", "dose: 1:30"), "BAD_CASE", "line 8, treatments[1].dose:"),
        (changed("dose: 10", "dose: yes"), "BAD_CASE", "line 8, treatments[1].dose:"),
        (changed("dose: 10", "dose: 0"), "BAD_CASE", "line 8, treatments[1].dose:"),
        (changed("    dose: 10\n", ""), "BAD_CASE", "line 8, treatments[1].dose: it is missing"),
        (changed("    unit: mg\n", ""), "BAD_CASE", "line 8, treatments[1].unit: it is missing"),
        (changed("dose: 10", "doses: 10"), "BAD_CASE", "line 8, treatments[1].doses: unknown key"),
        (changed("dose: 10", "name: b"), "BAD_CASE", "line 8, name: it stands in line 6 already"),
        (changed("scores:", "score:"), "BAD_CASE", "line 16, score: unknown key"),
        (changed("value: 48", "value: 53"), "BAD_CASE", "line 17, scores[0].value:"),
        (changed("48, range: [0, 52]", "48, range: [0, 50]"), "BAD_CASE", "line 18, scores[1].range:"),
        (changed("48, range: [0, 52]", "48, range: [52, 0]"), "BAD_CASE", "line 17, scores[0].range:"),
        (changed("48, range: [0, 52]", "48, range: 52"), "BAD_CASE", "line 17, scores[0].range:"),
        (changed("date: 2020-03-01", "date: 2019-04-01"), "BAD_CASE", "line 18, scores[1].date:"),
        (changed(", unit: U/L", ""), "BAD_CASE", "line 20, laboratory[0].unit: it is missing"),
        (changed("clear, no opacity in", "|\n      x"), "BAD_CASE", "line 15, examinations[0].finding:"),
        (changed("clear, no opacity", "x" * 80), "BAD_CASE", "line 15, examinations[0].finding:"),
        (changed("clear, no opacity", "<img src=x>"), "BAD_CASE", "line 15, examinations[0].finding:"),
        (changed("clear, no opacity", "=1+1"), "BAD_CASE", "line 15, examinations[0].finding:"),
        (changed("route: oral", 'route: "\\e[2J"'), "BAD_CASE", "line 10, treatments[1].route:"),
        (changed("route: oral", 'route: "a\\u202eb"'), "BAD_CASE", "line 10, treatments[1].route:"),
        (changed("route: oral", 'route: " "'), "BAD_CASE", "line 10, treatments[1].route:"),
        (changed("route: oral", "route: oral\x07"), "BAD_CASE", "line 10:"),
        (changed("route: oral", "route: [oral"), "BAD_CASE", "line 11"),
        (changed("route: oral", "route: !!str oral"), "BAD_CASE", "line 10: tags are not read"),
        (WHOLE.encode() + b"# caf\xe9\n", "BAD_CASE", "line 21: expected UTF-8"),
        (WHOLE + "---\nscans: []\n", "BAD_CASE", "line 21: expected one document"),
        ("# nothing\n", "BAD_CASE", "it is empty"),
        ("scans\n", "BAD_CASE", "line 1: expected scans"),
        ("scans:\n  date: 2019-01-01\n", "BAD_CASE", "line 1, scans: expected a list"),
        ("scans:\n  - 2019-01-01\n", "BAD_CASE", "line 2, scans[0]: expected date"),
        ("? [a]\n: 1\n", "BAD_CASE", "line 1: expected a word as key"),
        ("scans: &a [*a]\n", "RESOURCE_LIMIT", "line 1: anchors and aliases"),
        ("[" * 5000, "RESOURCE_LIMIT", "line 1: nested too deeply"),
        ("scans: [" + "a," * MOST_NODES + "]\n", "RESOURCE_LIMIT", "line 1: nested too deeply or too much"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_refused_with_its_line_and_key(
    text: str | bytes, code: str, place: str, tmp_path: Path
) -> None:
    found = refusal(text, tmp_path)
    assert found.code == code
    assert place in found.reason


def test_a_key_is_named_without_signs_that_a_terminal_obeys(tmp_path: Path) -> None:
    assert "line 1, ??2J:" in refusal('"\\e[2J": 1\n', tmp_path).reason


def test_a_laugh_of_a_billion_is_refused_by_its_first_anchor(tmp_path: Path) -> None:
    levels = [f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]" for n in range(1, 10)]
    found = refusal("l0: &l0 [lol]\n" + "\n".join(levels) + "\n", tmp_path)
    assert (found.code, "line 1:" in found.reason) == ("RESOURCE_LIMIT", True)


def test_a_file_beyond_the_limit_is_refused_unread(tmp_path: Path) -> None:
    assert refusal(b"#" * (LARGEST_BYTES + 1), tmp_path).code == "RESOURCE_LIMIT"
    assert read(WHOLE + "#" * (LARGEST_BYTES - len(WHOLE)), tmp_path).scans


def test_a_path_that_is_no_file_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name, code in (("none", "NOT_FOUND"), (".", "UNREADABLE"), ("pipe", "UNREADABLE")):
        with pytest.raises(InputRefused) as caught:
            read_case(tmp_path / name)
        assert caught.value.code == code


def test_the_case_of_the_sample_data_is_the_published_one() -> None:
    told = read_case(Path(__file__).parents[2] / "sample_data" / "case.yaml")
    (treatment,), (radiograph,) = told.case.treatments, told.case.examinations
    assert (treatment.name, treatment.dose, treatment.unit) == ("alendronate", 10.0, "mg")
    assert treatment.start.date == told.scans[0].date
    assert radiograph.finding == "clear"
    assert radiograph.day.date is not None
    assert (radiograph.day.date - told.scans[0].date).days == pytest.approx(7 * 30.44, abs=2)
    assert told.case.scores == ()  # none was published
    assert told.case.laboratory == ()


def test_the_example_of_the_documentation_is_read_and_shows_every_key(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "case.md").read_text("utf-8")
    example = page.split("```yaml file=case.yaml\n")[1].split("```")[0]
    case = read(example, tmp_path).case
    entries = (*case.treatments, *case.examinations, *case.scores, *case.laboratory)
    for kind in {type(one) for one in entries}:
        for field in fields(kind):
            assert any(getattr(one, field.name) is not None for one in entries if type(one) is kind), field
    line = page.split("```text\ncalcinosis: ")[1].split("\n")[0]
    assert line == str(refusal(example.replace("2019-06-30", "2018-01-01"), tmp_path))
