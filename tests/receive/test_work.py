"""What is run for a study, and what becomes of it; the run itself is played."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from pipeline.config import ReceiveSettings
from pipeline.receive import work
from pipeline.receive.child import ChildLimits, Ending, run_command
from pipeline.receive.identify import Arrival
from pipeline.receive.state import State, Study
from pipeline.receive.store import Limits, Store
from pipeline.receive.telling import Teller
from pipeline.receive.work import Desk, forget_old, resume, work_on_next

FIRST, SECOND, THIRD = "1" * 16, "2" * 16, "3" * 16
PATIENT = "a" * 16
DAYS = {FIRST: dt.date(2019, 4, 11), SECOND: dt.date(2020, 3, 10), THIRD: dt.date(2021, 3, 10)}


class Office:
    """A desk at which runs end as the test says: by command and study, else done."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, **receive: object) -> None:
        self.now_s = 1000.0
        self.lines: list[str] = []
        self.runs: list[tuple[str, ...]] = []
        self.endings: dict[tuple[str, ...], Ending] = {}
        self.state = State(folder / "node.sqlite")
        store = Store(folder, Limits(10**6, 10**9, 0, 100), self.state)
        settings = ReceiveSettings.model_validate(receive)
        file = folder / "settings.json"
        stop = threading.Event()
        self.desk = Desk(
            folder, settings, file, store, self.state, Teller(self.lines.append), stop, lambda: self.now_s
        )
        monkeypatch.setattr(work, "run_command", self._run)

    def _run(self, arguments: Sequence[str | Path], *_: object) -> Ending:
        command, folders = str(arguments[0]), arguments[1 : list(arguments).index("-o")]
        run = (command, *(Path(one).name for one in folders))
        self.runs.append(run)
        return self.endings.get(run, Ending("done"))

    def add(self, key: str, **known: object) -> None:
        """A complete study."""
        fields = {"patient": PATIENT, "birth": "b", "sex": "F", "date": DAYS.get(key), **known}
        self.state.add(Arrival(study=key, image=key, sop_instance_uid="1.2", **fields), "c", 1, self.now_s)  # type: ignore[arg-type]
        self.state.move(key, "waiting", of=("receiving",))

    def work(self) -> None:
        while work_on_next(self.desk):
            pass

    def study(self, key: str) -> Study:
        found = self.state.study(key)
        assert found is not None
        return found


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Office:
    return Office(tmp_path, monkeypatch, tries=2)


def test_a_first_date_is_measured_and_a_later_one_compared_with_it(office: Office) -> None:
    office.add(FIRST)
    office.work()
    office.add(SECOND)
    office.work()
    assert office.runs == [("measure", FIRST), ("compare", FIRST, SECOND)]
    assert office.desk.results(office.study(SECOND)).name == f"2020-03-10_{SECOND}"


def test_dates_that_wait_together_are_taken_in_order(office: Office) -> None:
    for key in (THIRD, SECOND, FIRST):
        office.add(key)
    office.work()
    assert office.runs == [("measure", FIRST), ("compare", FIRST, SECOND), ("compare", FIRST, SECOND, THIRD)]


def test_an_earlier_date_that_comes_later_has_the_later_one_compared_with_it(office: Office) -> None:
    office.add(SECOND)
    office.work()
    office.add(FIRST)
    office.work()
    assert office.runs == [("measure", SECOND), ("measure", FIRST), ("compare", FIRST, SECOND)]


@pytest.mark.parametrize("other", [{"birth": "x"}, {"sex": "M"}])
def test_another_birth_date_or_sex_under_one_identifier_is_not_compared(
    office: Office, other: dict[str, str]
) -> None:
    office.add(FIRST, **other)
    office.add(SECOND)
    office.work()
    assert office.runs == [("measure", FIRST), ("measure", SECOND)]
    assert sum("PATIENT_MISMATCH" in line for line in office.lines) == 1


def test_a_comparison_that_is_refused_leaves_the_measurement(office: Office) -> None:
    office.endings["compare", FIRST, SECOND] = Ending("refused", "SAME_SCAN")
    office.add(FIRST)
    office.add(SECOND)
    office.work()
    assert office.runs[1:] == [("compare", FIRST, SECOND), ("measure", SECOND)]
    assert office.study(SECOND).state == "done"
    assert sum("not compared" in line and "SAME_SCAN" in line for line in office.lines) == 1


def test_a_refused_date_is_kept_with_its_code_and_compared_with_none(office: Office) -> None:
    office.endings["measure", FIRST] = Ending("refused", "MISSING_SLICES")
    office.add(FIRST)
    office.add(SECOND)
    office.work()
    assert (office.study(FIRST).state, office.study(FIRST).code) == ("refused", "MISSING_SLICES")
    assert office.runs[1:] == [("measure", SECOND)]


def test_studies_of_nobody_or_of_no_day_are_measured_alone(office: Office) -> None:
    office.add(FIRST, patient=None)
    office.add(SECOND, patient=None)
    office.add(THIRD, date=None)
    office.work()
    assert {run[0] for run in office.runs} == {"measure"}
    assert office.desk.results(office.study(FIRST)).parent.name == f"unknown-{FIRST}"
    assert office.desk.results(office.study(THIRD)).name == f"undated_{THIRD}"


def test_the_first_date_and_the_latest_are_compared_where_there_are_many(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    office = Office(tmp_path, monkeypatch, most_dates=3)
    keys = [f"{n:016x}" for n in range(5)]
    for n, key in enumerate(keys):
        office.add(key, date=dt.date(2015 + n, 1, 1))
    office.work()
    assert office.runs[-1] == ("compare", keys[0], keys[3], keys[4])


def test_what_could_not_be_written_is_tried_again_later(office: Office) -> None:
    office.endings["measure", FIRST] = Ending("not_written", "OUTPUT")
    office.add(FIRST)
    office.work()
    assert (office.study(FIRST).state, office.study(FIRST).attempts) == ("waiting", 0)
    office.endings.clear()
    office.work()
    assert len(office.runs) == 1
    office.now_s += 61
    office.work()
    assert office.study(FIRST).state == "done"


def test_a_study_that_ends_the_node_is_begun_again_once(office: Office) -> None:
    office.add(FIRST)
    for expected in ("waiting", "failed"):
        study = office.state.next_waiting(office.now_s)
        assert study is not None
        office.state.move(FIRST, "working", of=("waiting",))
        office.state.count_attempt(FIRST, 1)
        resume(office.desk)  # as at the next start
        assert office.study(FIRST).state == expected
    assert office.study(FIRST).code == "TRIES"


def test_a_study_for_which_an_image_came_while_it_was_measured_is_measured_again(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(arguments: object, limits: object, stop: object) -> Ending:
        office.state.add(Arrival(FIRST, PATIENT, "b", "F", DAYS[FIRST], "late", "1.3"), "c", 1, 2000.0)
        return Ending("done")

    office.add(FIRST)
    monkeypatch.setattr(work, "run_command", run)
    work_on_next(office.desk)
    assert office.study(FIRST).state == "receiving"


def test_images_are_deleted_when_they_were_kept_long_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    office = Office(tmp_path, monkeypatch, keep_days=30)
    office.add(FIRST)
    office.work()
    office.now_s += 30 * 86_400 - 1
    assert forget_old(office.desk) == 0
    office.now_s += 1
    assert forget_old(office.desk) == 1
    assert not office.study(FIRST).kept
    office.add(SECOND)
    office.work()
    assert office.runs == [("measure", FIRST), ("measure", SECOND)]


LIMITS = ChildLimits(seconds=60, memory_bytes=8 * 2**30)


def test_a_run_that_is_refused_has_the_code_of_the_refusal(tmp_path: Path) -> None:
    ending = run_command(["measure", tmp_path, "-o", tmp_path / "out"], LIMITS, threading.Event())
    assert ending == Ending("refused", "NO_CT")


def test_a_run_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    limits = ChildLimits(seconds=0.0, memory_bytes=8 * 2**30)
    ending = run_command(["measure", tmp_path, "-o", tmp_path / "out"], limits, threading.Event())
    assert ending == Ending("failed", "TIMEOUT")


def test_a_run_that_wants_too_much_memory_fails_by_itself(tmp_path: Path) -> None:
    limits = ChildLimits(seconds=60, memory_bytes=2**20)
    ending = run_command(["measure", tmp_path, "-o", tmp_path / "out"], limits, threading.Event())
    assert ending.state == "failed"


def test_a_run_is_broken_off_when_the_node_stops(tmp_path: Path) -> None:
    stop = threading.Event()
    stop.set()
    assert run_command(["measure", tmp_path, "-o", tmp_path / "out"], LIMITS, stop) == Ending("stopped")
