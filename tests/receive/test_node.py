"""What a node takes, from whom, and what it tells the sender."""

from __future__ import annotations

import shutil
import stat
import subprocess
import sys
from collections import namedtuple
from importlib import import_module
from pathlib import Path

import pytest

from pipeline.errors import OutputError, UsageError
from tests.receive.peers import Running, association, box_study, running_node, send, until

OK, NO_RESOURCES, NO_MATCH, NOT_UNDERSTOOD = 0x0000, 0xA700, 0xA900, 0xC000


def test_what_is_sent_lies_in_the_store_under_names_that_say_nothing(node: Running) -> None:
    images = box_study()
    assert set(send(node, images)) == {OK}
    assert len(node.images()) == len(images)
    shown = " ".join([*node.lines, *(str(one) for one in node.out.rglob("*"))])
    for text in ("P-1", "Paula", str(images[0].StudyInstanceUID), str(images[0].SOPInstanceUID)):
        assert text not in shown
    assert node.on_the_way() == []


def test_only_their_owner_may_read_images_state_and_results(node: Running) -> None:
    send(node, box_study()[:2])
    for path in node.out.rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_an_echo_is_answered(node: Running) -> None:
    with association(node) as one:
        assert int(one.send_c_echo().Status) == OK


def test_an_echo_of_another_program_is_answered(node: Running) -> None:
    echoscu = shutil.which("echoscu", path="/usr/bin:/usr/local/bin:/opt/homebrew/bin")
    if echoscu is None:
        pytest.skip("echoscu is not installed (Debian: dcmtk)")
    called = [echoscu, "-aec", "CALCINOSIS", "-aet", "SCANNER", "127.0.0.1", str(node.port)]
    assert subprocess.run(called, timeout=20, check=False).returncode == 0


@pytest.mark.parametrize("titles", [("STRANGER", "CALCINOSIS"), ("SCANNER", "ANOTHER")])
def test_a_foreign_title_is_refused_and_told_why(node: Running, titles: tuple[str, str]) -> None:
    with association(node, title=titles[0], called=titles[1]) as one:
        assert one.is_rejected
        assert not one.is_established
        answer = one.acceptor.primitive
        assert (answer.result, answer.diagnostic) == (1, 3 if titles[0] == "STRANGER" else 7)
    until(lambda: node.told("association refused"))


def test_where_nobody_is_named_nobody_may_send(tmp_path: Path) -> None:
    with running_node(tmp_path / "out", allow=[]) as node, association(node) as one:
        assert one.is_rejected


def test_where_results_go_to_may_send_too(tmp_path: Path) -> None:
    with (
        running_node(tmp_path / "out", allow=[], send_to=["ARCHIVE@127.0.0.1:9"]) as node,
        association(node, title="ARCHIVE") as one,
    ):
        assert one.is_established


def test_a_connection_from_another_network_is_closed(tmp_path: Path) -> None:
    with running_node(tmp_path / "out", allow_from=["10.0.0.0/8"]) as node, association(node) as one:
        assert not one.is_established


def test_two_associations_are_served_at_once_and_one_too_many_is_refused(tmp_path: Path) -> None:
    first, second = box_study("P-1", seed="one"), box_study("P-2", seed="two")
    with running_node(tmp_path / "out", associations=2) as node:
        with association(node) as one, association(node) as other:
            for image, other_image in zip(first, second, strict=True):
                assert int(one.send_c_store(image).Status) == OK
                assert int(other.send_c_store(other_image).Status) == OK
            with association(node) as third:
                assert third.is_rejected
        assert [len(list(one.iterdir())) for one in (node.out / "images").iterdir()] == [12, 12]


def test_the_same_image_again_is_one_file_and_another_one_of_its_uid_is_kept_apart(node: Running) -> None:
    image, *_ = box_study()
    assert send(node, [image, image]) == [OK, OK]
    assert len(node.images()) == 1
    image.RescaleIntercept = "-1000"
    assert send(node, [image]) == [OK]
    assert len(node.images()) == 2
    assert node.told("UID_CONFLICT") == 1


def test_an_object_that_is_too_large_is_refused_and_the_next_one_taken(tmp_path: Path) -> None:
    small, large = box_study()[:2]
    large.Rows, large.Columns = 1024, 1024
    large.PixelData = bytes(2 * 1024 * 1024)
    with running_node(tmp_path / "out", object_mb=1) as node:
        assert send(node, [large, small]) == [NO_RESOURCES, OK]
        assert len(node.images()) == 1
        assert node.on_the_way() == []


def test_too_many_images_of_a_study_are_refused(tmp_path: Path) -> None:
    with running_node(tmp_path / "out", study_images=2) as node:
        assert send(node, box_study()[:3]) == [OK, OK, NO_RESOURCES]


def test_a_full_store_takes_nothing_more(tmp_path: Path) -> None:
    with running_node(tmp_path / "out", store_gb=5e-6) as node:
        assert send(node, box_study()[:3]) == [OK, NO_RESOURCES, NO_RESOURCES]
        assert node.told("STORE_FULL") == 2


def test_a_disk_that_is_nearly_full_takes_nothing_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**12, 10**12, 10**9))
    with running_node(tmp_path / "out", free_gb=2) as node:
        assert send(node, box_study()[:2]) == [NO_RESOURCES, NO_RESOURCES]
        assert node.images() == []


def test_a_class_that_is_no_ct_is_not_agreed_on(node: Running) -> None:
    image, *_ = box_study()
    image.SOPClassUID = image.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.4"
    with association(node) as one, pytest.raises(ValueError, match="has been accepted"):
        one.send_c_store(image)
    assert node.images() == []


def test_an_object_that_is_not_what_was_said_is_refused(node: Running) -> None:
    one, other, third = box_study()[:3]
    del one.StudyInstanceUID
    del other.SeriesInstanceUID
    third.PatientID = "../../../x"
    assert send(node, [one, other, third]) == [NO_MATCH, NO_MATCH, OK]
    assert {path.name for path in node.out.parent.iterdir()} == {"out"}
    assert len(node.images()) == 1


def test_a_study_uid_of_two_patients_is_two_studies(node: Running) -> None:
    one, other = box_study()[:2]
    other.PatientID = "P-2"
    send(node, [one, other])
    assert len(list((node.out / "images").iterdir())) == 2


def test_images_without_uids_that_are_uids_are_refused(node: Running) -> None:
    image, *_ = box_study()
    image.add_new("StudyInstanceUID", "LO", "../../etc")
    image["StudyInstanceUID"].VR = "UI"
    assert send(node, [image]) == [NO_MATCH]


def test_a_second_node_in_the_same_folder_is_refused(node: Running) -> None:
    with pytest.raises(OutputError, match="another node"), running_node(node.out):
        pass


def test_a_port_that_is_taken_is_named(node: Running, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="port"), running_node(tmp_path / "other", port=node.port):
        pass


def test_another_salt_is_refused_since_no_patient_would_be_known_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running_node(tmp_path / "out"):
        pass
    monkeypatch.setenv("CALCINOSIS_CONFIG_DIR", str(tmp_path / "other"))
    with pytest.raises(UsageError, match="salt"), running_node(tmp_path / "out"):
        pass


def test_a_stop_ends_what_is_open(node: Running) -> None:
    with association(node) as one:
        assert int(one.send_c_store(box_study()[0]).Status) == OK
        node.stop.set()
        until(lambda: not one.is_established, "for the end of the association")
    assert len(node.images()) == 1


def test_without_the_extra_the_command_says_which_one_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = import_module("pipeline.cli.receive")
    monkeypatch.setattr(module, "find_spec", lambda _: None)
    with pytest.raises(UsageError, match="pacs"):
        module.receive(tmp_path / "out")


def test_help_needs_nothing_of_the_network() -> None:
    asked = "import sys, pipeline.cli, pipeline.cli.receive; print('pynetdicom' in sys.modules)"
    told = subprocess.run(
        [sys.executable, "-c", asked], capture_output=True, text=True, timeout=60, check=True
    )
    assert told.stdout.strip() == "False"
