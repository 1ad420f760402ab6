"""What lies on disk after any end, and what the node knows of it."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.errors import InputRefused, OutputError
from pipeline.receive.identify import Arrival, identify
from pipeline.receive.state import Letter, State
from pipeline.receive.store import Limits, Store
from tests.receive.peers import box_study
from tests.series import write_series

SALT = bytes(32)
ROOMY = Limits(object_bytes=10**6, store_bytes=10**8, free_bytes=0, study_images=100)


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    one = State(tmp_path / "node.sqlite")
    yield one
    one.close()


@pytest.fixture
def store(tmp_path: Path, state: State) -> Store:
    return Store(tmp_path, ROOMY, state)


@pytest.fixture
def files(store: Store) -> list[Path]:
    """Three images of one study, on their way."""
    write_series(box_study()[:3], store.incoming)
    return sorted(store.incoming.iterdir())


def keep(store: Store, file: Path, *, content: str = "a" * 16, now_s: float = 1000.0) -> Arrival:
    arrival = identify(file, SALT)
    store.keep(file, arrival, content, now_s)
    return arrival


def test_keys_follow_from_header_and_salt_alone(files: list[Path]) -> None:
    one, other = identify(files[0], SALT), identify(files[1], SALT)
    assert (one.study, one.patient, one.birth) == (other.study, other.patient, other.birth)
    assert one.image != other.image
    assert (one.date, one.sex) == (dt.date(2020, 4, 11), "F")
    assert identify(files[0], bytes([1] * 32)).study != one.study


def test_the_patient_has_the_key_that_results_show(files: list[Path]) -> None:
    from pipeline.dicom.identity import keyed_hash

    assert identify(files[0], SALT).patient == keyed_hash("P-1", SALT, kind="patient")


def test_a_study_of_nobody_has_a_key_but_no_patient(store: Store) -> None:
    image, *_ = box_study("")
    file, *_ = sorted(write_series([image], store.incoming).iterdir())
    arrival = identify(file, SALT)
    assert arrival.patient is None
    assert len(arrival.study) == 16


def test_images_are_counted_and_weighed(store: Store, state: State, files: list[Path]) -> None:
    sizes = sum(file.stat().st_size for file in files)
    study, *_ = [keep(store, file).study for file in files]
    known = state.study(study)
    assert known is not None
    assert (known.images, known.state, state.total_bytes()) == (3, "receiving", sizes)


def test_a_finished_study_is_received_again_when_another_image_comes(
    store: Store, state: State, files: list[Path]
) -> None:
    study = keep(store, files[0]).study
    state.move(study, "done", of=("receiving",))
    keep(store, files[1], now_s=2000.0)
    known = state.study(study)
    assert known is not None
    assert (known.state, known.last_image_s) == ("receiving", 2000.0)


def test_the_same_image_again_does_not_have_a_study_done_again_unless_it_failed(
    store: Store, state: State, files: list[Path]
) -> None:
    again = shutil.copy(files[0], files[0].with_name("again"))
    study = keep(store, files[0]).study
    for before, after in (("done", "done"), ("refused", "refused"), ("failed", "receiving")):
        state.move(study, before, of=("receiving", "done", "refused"))
        keep(store, again)
        known = state.study(study)
        assert known is not None
        assert known.state == after


def test_images_of_a_study_that_is_not_finished_are_not_deleted(
    store: Store, state: State, files: list[Path]
) -> None:
    study = keep(store, files[0]).study
    assert not store.forget(study)
    state.move(study, "done", of=("receiving",))
    assert store.forget(study)
    assert not store.folder(study).exists()
    assert state.total_bytes() == 0


def test_a_store_that_is_full_says_so_and_takes_again_once_there_is_room(
    tmp_path: Path, state: State, files: list[Path]
) -> None:
    tight = Store(tmp_path, Limits(10**6, files[0].stat().st_size + 1, 0, 100), state)
    study = keep(tight, files[0]).study
    with pytest.raises(InputRefused, match="STORE_FULL"):
        keep(tight, files[1])
    state.move(study, "done", of=("receiving",))
    tight.forget(study)
    keep(tight, files[1])


def test_files_that_the_state_does_not_know_are_received_anew(
    tmp_path: Path, store: Store, files: list[Path]
) -> None:
    study = keep(store, files[0]).study
    keep(store, files[1])
    (tmp_path / "fresh").mkdir()
    fresh = State(tmp_path / "fresh" / "node.sqlite")  # as if the first one had been lost
    assert Store(tmp_path, ROOMY, fresh).agree(SALT) == 1
    known = fresh.study(study)
    assert known is not None
    assert (known.images, known.state, known.date) == (2, "receiving", dt.date(2020, 4, 11))
    assert Store(tmp_path, ROOMY, fresh).agree(SALT) == 0
    fresh.close()


def test_images_left_by_a_stop_while_they_were_deleted_are_deleted(
    tmp_path: Path, store: Store, state: State, files: list[Path]
) -> None:
    study = keep(store, files[0]).study
    state.move(study, "done", of=("receiving",))
    state.forget_images(study)
    Store(tmp_path, ROOMY, state).agree(SALT)
    assert not store.folder(study).exists()
    known = state.study(study)
    assert known is not None
    assert known.state == "done"


def test_what_broken_senders_left_is_swept_once_it_is_old(store: Store, files: list[Path]) -> None:
    assert store.sweep(3600) == 0
    assert store.sweep(0) == 3


def test_a_state_that_is_no_state_is_refused(tmp_path: Path) -> None:
    (tmp_path / "node.sqlite").write_bytes(b"something else " * 100)
    with pytest.raises(OutputError):
        State(tmp_path / "node.sqlite")


def test_an_object_is_posted_once_to_each_place_and_not_again_once_sent(state: State) -> None:
    letter = Letter("1.2", "A@h:1", "p/a.dcm", "s", 0)
    assert state.post(letter)
    assert not state.post(letter)
    assert state.post(Letter("1.2", "B@h:1", "p/a.dcm", "s", 0))
    state.sent(letter)
    assert [one.destination for one in state.due(0)] == ["B@h:1"]
    assert not state.post(letter)


def test_what_was_put_off_is_due_later(state: State) -> None:
    letter = Letter("1.2", "A@h:1", "p/a.dcm", "s", 0)
    state.post(letter)
    state.put_off(letter, 100.0)
    assert state.due(99.0) == []
    (later,) = state.due(100.0)
    assert later.tries == 1
    assert state.unsent() == 1
