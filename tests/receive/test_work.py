"""What is run for a study, and what becomes of it; the run itself is played."""

from __future__ import annotations

import datetime as dt
import errno
import threading
from pathlib import Path

import pytest

from pipeline.batch.attempt import Outcome
from pipeline.batch.order import ORDER, read_order
from pipeline.config import ReceiveSettings, Settings
from pipeline.receive import work
from pipeline.receive.identify import Arrival
from pipeline.receive.state import State, Study
from pipeline.receive.store import Limits, Store
from pipeline.receive.telling import Teller
from pipeline.receive.work import Desk, forget_old, sweep, take_up, way_of, work_on_next

FIRST, SECOND, THIRD = "1" * 16, "2" * 16, "3" * 16
PATIENT = "a" * 16
DAYS = {FIRST: dt.date(2019, 4, 11), SECOND: dt.date(2020, 3, 10), THIRD: dt.date(2021, 3, 10)}


class Office:
    """A desk at which runs end as the test says: by command and study, else done."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, **receive: object) -> None:
        self.now_s = 1000.0
        self.lines: list[str] = []
        self.runs: list[tuple[str, ...]] = []
        self.endings: dict[tuple[str, ...], Outcome] = {}
        self.state = State(folder / "node.sqlite")
        store = Store(folder, Limits(10**6, 10**9, 0, 100), self.state)
        settings = ReceiveSettings.model_validate(receive)
        way, stop = way_of(Settings()), threading.Event()
        self.desk = Desk(
            folder, settings, way, store, self.state, Teller(self.lines.append), stop, lambda: self.now_s
        )
        monkeypatch.setattr(work, "run_child", self.run)

    def run(self, stage: Path, *_: object, **__: object) -> Outcome:
        folders = tuple(one.path.name for one in read_order(stage / ORDER).job.scans)
        run = ("compare" if len(folders) > 1 else "measure", *folders)
        self.runs.append(run)
        (stage / "1" / "results" / "t0").mkdir(parents=True)
        return self.endings.get(run, Outcome("done", folder="1/results"))

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
    office.endings["compare", FIRST, SECOND] = Outcome("refused", "SAME_SCAN")
    office.add(FIRST)
    office.add(SECOND)
    office.work()
    assert office.runs[1:] == [("compare", FIRST, SECOND), ("measure", SECOND)]
    assert office.study(SECOND).state == "done"
    assert sum("not compared" in line and "SAME_SCAN" in line for line in office.lines) == 1


def test_a_refused_date_is_kept_with_its_code_and_compared_with_none(office: Office) -> None:
    office.endings["measure", FIRST] = Outcome("refused", "MISSING_SLICES")
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
    office.endings["measure", FIRST] = Outcome("failed", "NO_OUTPUT", exit_code=5)
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
        take_up(office.desk)  # as at the next start
        assert office.study(FIRST).state == expected
    assert office.study(FIRST).code == "TRIES"


def test_a_study_for_which_an_image_came_while_it_was_measured_is_measured_again(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(stage: Path, *_: object, **__: object) -> Outcome:
        office.state.add(Arrival(FIRST, PATIENT, "b", "F", DAYS[FIRST], "late", "1.3"), "c", 1, 2000.0)
        return office.run(stage)

    office.add(FIRST)
    monkeypatch.setattr(work, "run_child", run)
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


def test_results_take_the_place_of_earlier_ones_and_leave_nothing_beside_them(office: Office) -> None:
    office.add(FIRST)
    office.work()
    final = office.desk.results(office.study(FIRST))
    (final / "t0" / "left.csv").touch()
    office.add(FIRST)
    office.work()
    assert [one.name for one in final.parent.iterdir()] == [final.name]
    assert not list(final.rglob("left.csv"))


@pytest.mark.parametrize("is_there", [True, False])
def test_a_stop_between_two_renames_is_made_good(tmp_path: Path, is_there: bool) -> None:
    (tmp_path / ".2019-04-11_1.old").mkdir()
    (tmp_path / ".2020-03-10_2.part").mkdir()
    if is_there:
        (tmp_path / "2019-04-11_1").mkdir()
    sweep(tmp_path)
    assert [one.name for one in tmp_path.iterdir()] == ["2019-04-11_1"]


def test_results_that_cannot_be_given_their_name_are_made_again_later(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(results: Path, final: Path) -> None:
        raise OSError(errno.ENOSPC, "full")

    with monkeypatch.context() as patch:
        patch.setattr(work, "_publish", full)
        office.add(FIRST)
        office.work()
    assert (office.study(FIRST).state, office.study(FIRST).code) == ("waiting", "NO_OUTPUT")
    office.now_s += 61
    office.work()
    assert office.study(FIRST).state == "done"


def test_a_run_that_is_stopped_waits_for_the_next_start_and_does_not_count(office: Office) -> None:
    office.endings["measure", FIRST] = Outcome("failed", "STOPPED")
    office.add(FIRST)
    work_on_next(office.desk)
    assert (office.study(FIRST).state, office.study(FIRST).attempts) == ("waiting", 0)


def test_a_run_that_dies_is_a_failure_with_its_code(office: Office) -> None:
    office.endings["measure", FIRST] = Outcome("failed", "OUT_OF_MEMORY", exit_code=-9)
    office.add(FIRST)
    office.work()
    assert (office.study(FIRST).state, office.study(FIRST).code) == ("failed", "OUT_OF_MEMORY")
