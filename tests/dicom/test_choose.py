"""Of several series one is chosen by the rule, and said; ties are refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydicom.dataset import Dataset

from pipeline.dicom.choose import choose_series
from pipeline.dicom.discover import discover
from pipeline.dicom.kernels import kernel_kind
from pipeline.dicom.read import read_scan
from pipeline.domain.scan import KernelPreference
from pipeline.errors import InputRefused
from tests.dicom.test_discover import another_series
from tests.series import flag_codes, good_series, write_series


def chosen(folder: Path, *parts: list[Dataset], kernel: KernelPreference = "soft_tissue") -> tuple[str, str]:
    """UID of the series chosen, and why."""
    inventory = discover(write_series([d for part in parts for d in part], folder))
    choice = choose_series(inventory, kernel=kernel)
    return choice.series.uid, choice.why


def test_the_thinnest_that_is_long_enough_is_chosen(tmp_path: Path) -> None:
    thick = another_series("1.2.1", count=10, step_mm=5.0)
    thin = another_series("1.2.2", count=45, step_mm=1.0)
    short_and_thinner = another_series("1.2.3", count=40, step_mm=0.5)
    uid, why = chosen(tmp_path, thick, thin, short_and_thinner)
    assert uid == "1.2.2"
    assert why == "of 3 CT series, 2 at least 80% as long as the longest, 1 within 0.5 mm of the thinnest"


@pytest.mark.parametrize(("kernel", "uid"), [("soft_tissue", "1.2.1"), ("bone", "1.2.2"), ("any", "1.2.2")])
def test_among_series_equally_thin_the_kernel_decides_as_wanted(
    kernel: KernelPreference, uid: str, tmp_path: Path
) -> None:
    soft = another_series("1.2.1", count=24, step_mm=1.25, kernel="STANDARD")
    bone = another_series("1.2.2", count=30, step_mm=1.0, kernel="BONEPLUS")
    assert chosen(tmp_path, soft, bone, kernel=kernel)[0] == uid


def test_a_series_without_contrast_agent_goes_before_one_with(tmp_path: Path) -> None:
    native, venous = another_series("1.2.1"), another_series("1.2.2", count=13)
    for d in venous:
        d.ContrastBolusAgent = "Iohexol"
    uid, why = chosen(tmp_path, native, venous)
    assert (uid, why) == ("1.2.1", "of 2 CT series, 1 without contrast agent")


def test_two_phases_that_differ_by_a_slice_are_a_tie(tmp_path: Path) -> None:
    phases = another_series("1.2.1", count=40, step_mm=1.0), another_series("1.2.2", count=41, step_mm=1.0)
    with pytest.raises(InputRefused) as caught:
        chosen(tmp_path, *phases)
    assert caught.value.code == "AMBIGUOUS_SERIES"
    assert "1.2.1 (40 slices" in str(caught.value)


def test_slices_with_gaps_are_not_thin(tmp_path: Path) -> None:
    gapped = another_series("1.2.1", count=6, step_mm=10.0)
    for d in gapped:
        d.SliceThickness = "1"
    assert chosen(tmp_path, gapped, another_series("1.2.2", count=12, step_mm=5.0))[0] == "1.2.2"


def test_a_series_of_another_body_part_gives_way_to_one_of_the_pelvis(tmp_path: Path) -> None:
    legs = another_series("1.2.1", count=24, part="LEG")
    pelvis = another_series("1.2.2", count=8, part="PELVIS")
    assert chosen(tmp_path, legs, pelvis)[0] == "1.2.2"


def test_the_body_part_is_a_hint_only(tmp_path: Path) -> None:
    long, short = (
        another_series("1.2.1", count=24, part="CHEST"),
        another_series("1.2.2", count=8, part="LEG"),
    )
    assert chosen(tmp_path, long, short)[0] == "1.2.1"


def test_the_choice_is_said_and_a_series_named_by_the_user_stands(tmp_path: Path) -> None:
    folder = write_series([*good_series(), *another_series("1.2.9", count=6)], tmp_path / "s")
    assert flag_codes(read_scan(folder)) == {"SERIES_CHOSEN"}
    named = read_scan(folder, series_uid="1.2.9")
    assert (named.volume.geometry.shape[0], named.flags) == (6, ())


def test_a_series_that_cannot_be_measured_gives_way_to_the_next(tmp_path: Path) -> None:
    broken = another_series("1.2.9", count=36, step_mm=1.0)
    del broken[9]
    folder = write_series([*good_series(), *broken], tmp_path / "s")
    scan = read_scan(folder)
    assert scan.volume.geometry.spacing_mm[0] == 3.0
    assert flag_codes(scan) == {"SERIES_CHOSEN", "SERIES_PASSED_OVER"}
    with pytest.raises(InputRefused) as caught:
        read_scan(folder, series_uid="1.2.9")
    assert caught.value.code == "MISSING_SLICES"


def test_where_no_series_can_be_measured_the_refusal_of_the_first_stands(tmp_path: Path) -> None:
    thin, thick = another_series("1.2.9", count=36, step_mm=1.0), good_series()
    del thin[9]
    for d in thick:
        del d.RescaleSlope
    with pytest.raises(InputRefused) as caught:
        read_scan(write_series([*thin, *thick], tmp_path / "s"))
    assert caught.value.code == "MISSING_SLICES"


def test_a_doubt_whose_images_they_are_is_not_passed_over(tmp_path: Path) -> None:
    thin = another_series("1.2.9", count=36, step_mm=1.0)
    thin[9].PatientName = "Box^Paul"
    with pytest.raises(InputRefused) as caught:
        read_scan(write_series([*good_series(), *thin], tmp_path / "s"))
    assert caught.value.code == "MIXED_PATIENTS"


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("soft", ["STANDARD", "SOFT", "DETAIL", "B30f", "B31s", "Br40d", "Br36f\\3", "I30f\\2", "Qr40"]),
        ("soft", ["A", "B", "C", "FC01", "FC13", "FC17-H", "B_SOFT_B", " b30f "]),
        ("sharp", ["BONE", "BONEPLUS", "LUNG", "EDGE", "B60f", "B70s", "Br64d", "Bl57f", "U90u", "Hr68"]),
        ("sharp", ["D", "L", "YA", "YB", "YC", "FC30", "FC51", "FC81", "B_SHARP_C", "HD BONE"]),
        ("unknown", ["", "X", "11", "KERNEL", "FC"]),
    ],
)
def test_kernels_are_known_by_their_makers_names(kind: str, names: list[str]) -> None:
    assert {name: kernel_kind(name) for name in names} == dict.fromkeys(names, kind)
