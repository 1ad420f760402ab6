"""Rows 19 to 36 of the fault list: what the stored numbers are, and whose they are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from openjpeg.utils import encode_array
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence as DicomSequence
from pydicom.uid import UID, RLELossless

from pipeline.dicom.read import read_scan
from pipeline.domain.scan import Scan
from pipeline.errors import InputRefused
from tests.series import (
    CALCIUM_MM3,
    Read,
    Refuse,
    box_hu,
    calcium_mm3,
    dup,
    flag_codes,
    good_series,
    set_stored,
    set_text,
    stored,
    write_series,
)

CODECS = Path(__file__).parents[2].parent / "shared" / "data" / "codecs"
Break = Callable[[list[Dataset]], None]


def on_all(change: Callable[[Dataset], None]) -> Break:
    """Break every slice."""

    def change_all(series: list[Dataset]) -> None:
        for d in series:
            change(d)

    return change_all


def on_one(change: Callable[[Dataset], None]) -> Break:
    """Break one slice."""
    return lambda series: change(series[9])


def put(**values: object) -> Callable[[Dataset], None]:
    """Set elements of a slice."""

    def change(d: Dataset) -> None:
        for keyword, value in values.items():
            setattr(d, keyword, value)

    return change


def text(keyword: str, value: str) -> Callable[[Dataset], None]:
    """Set an element to a text that may be malformed."""
    return lambda d: set_text(d, keyword, value)


def drop(*keywords: str) -> Callable[[Dataset], None]:
    """Take elements from a slice."""

    def change(d: Dataset) -> None:
        for keyword in keywords:
            delattr(d, keyword)

    return change


def as_signed(d: Dataset) -> None:
    """Store HU themselves, signed in 16 bits."""
    set_stored(d, (stored(d).astype(np.int16) - 1024).astype(np.int16))
    put(BitsStored=16, HighBit=15, PixelRepresentation=1, RescaleIntercept="0")(d)


def signed_called_unsigned(d: Dataset) -> None:
    as_signed(d)
    d.PixelRepresentation = 0


def without_intercept(d: Dataset) -> None:
    d.RescaleIntercept = "0"


def intercept_twice(d: Dataset) -> None:
    """Real tissue has many values: noise keeps this from looking like padding."""
    as_signed(d)
    noise = np.random.default_rng(int(d.InstanceNumber)).normal(0, 40, (d.Rows, d.Columns))
    hu = np.frombuffer(d.PixelData, np.int16).reshape(d.Rows, d.Columns) + noise
    set_stored(d, hu.astype(np.int16))
    d.RescaleIntercept = "-1024"


def with_lookup_table(d: Dataset) -> None:
    drop("RescaleSlope", "RescaleIntercept")(d)
    d.ModalityLUTSequence = DicomSequence([Dataset()])


def as_colour(d: Dataset) -> None:
    d.SamplesPerPixel, d.PhotometricInterpretation = 3, "RGB"


def cut_pixels(d: Dataset) -> None:
    d.PixelData = d.PixelData[:-100]


def double_pixels(d: Dataset) -> None:
    d.PixelData = d.PixelData * 2


def as_syntax(uid: str) -> Callable[[Dataset], None]:
    """Claim a transfer syntax for some bytes."""

    def change(d: Dataset) -> None:
        d.file_meta.TransferSyntaxUID = UID(uid)
        d.PixelData = encapsulate([d.PixelData])
        d["PixelData"].VR = "OB"
        d["PixelData"].is_undefined_length = True

    return change


REFUSED: list[tuple[str, Break, str]] = [
    ("19_no_rescale", on_all(drop("RescaleSlope", "RescaleIntercept")), "NO_RESCALE"),
    ("19_no_intercept_on_one", on_one(drop("RescaleIntercept")), "NO_RESCALE"),
    ("21_intercept_of_one_wrong", on_one(put(RescaleIntercept="0")), "HU_IMPLAUSIBLE"),
    ("21_slope_of_one_wrong", on_one(put(RescaleSlope="1.2")), "HU_IMPLAUSIBLE"),
    ("21_pixels_of_one_wrong", on_one(lambda d: set_stored(d, stored(d) + 1024)), "HU_IMPLAUSIBLE"),
    ("21_slope_nan", on_one(text("RescaleSlope", "NaN")), "HU_IMPLAUSIBLE"),
    ("21_slope_zero", on_all(put(RescaleSlope="0")), "HU_IMPLAUSIBLE"),
    ("21_slope_negative", on_all(put(RescaleSlope="-1")), "HU_IMPLAUSIBLE"),
    ("21_slope_infinite", on_all(text("RescaleSlope", "1e400")), "HU_IMPLAUSIBLE"),
    ("21_intercept_underscore", on_all(text("RescaleIntercept", "-1_024")), "HU_IMPLAUSIBLE"),
    ("21_slope_twice", on_all(text("RescaleSlope", "1\\1")), "HU_IMPLAUSIBLE"),
    ("21_intercept_comma", on_all(text("RescaleIntercept", "0,5")), "HU_IMPLAUSIBLE"),
    ("22_signed_called_unsigned", on_all(signed_called_unsigned), "HU_IMPLAUSIBLE"),
    ("22_intercept_left_out", on_all(without_intercept), "HU_IMPLAUSIBLE"),
    ("22_intercept_twice", on_all(intercept_twice), "HU_IMPLAUSIBLE"),
    ("25_eight_bits", on_all(put(BitsStored=8, HighBit=7)), "NOT_CT_HU"),
    ("25_monochrome1", on_all(put(PhotometricInterpretation="MONOCHROME1")), "NOT_CT_HU"),
    ("25_lookup_table", on_all(with_lookup_table), "NOT_CT_HU"),
    ("25_rgb", on_all(as_colour), "NOT_CT_HU"),
    ("25_sign_not_said", on_all(drop("PixelRepresentation")), "NOT_CT_HU"),
    ("25_atomic_number", on_all(put(RescaleType="Z_EFF")), "NOT_CT_HU"),
    ("26_truncated", on_one(cut_pixels), "TRUNCATED"),
    ("26_two_frames_of_bytes", on_one(double_pixels), "TRUNCATED"),
    ("26_no_pixels", on_one(drop("PixelData")), "TRUNCATED"),
    ("29_jpeg_53", on_all(as_syntax("1.2.840.10008.1.2.4.53")), "UNSUPPORTED_CODEC"),
    ("30_patient_id", on_one(put(PatientID="P-2")), "MIXED_PATIENTS"),
    ("30_patient_name", on_one(put(PatientName="Box^Paul")), "MIXED_PATIENTS"),
    ("30_patient_sex", on_one(put(PatientSex="M")), "MIXED_PATIENTS"),
    ("30_birth_date", on_one(put(PatientBirthDate="20070306")), "MIXED_PATIENTS"),
    ("35_mip", on_all(put(ImageType=["DERIVED", "SECONDARY", "AXIAL", "MIP"])), "NOT_PRIMARY"),
    ("35_iodine", on_all(put(ImageType=["DERIVED", "PRIMARY", "AXIAL", "IODINE_MAP"])), "NOT_PRIMARY"),
]


@pytest.mark.parametrize(("change", "code"), [r[1:] for r in REFUSED], ids=[r[0] for r in REFUSED])
def test_fault_is_refused(refuse: Refuse, change: Break, code: str) -> None:
    series = good_series()
    change(series)
    assert refuse(series) == code


def test_fault_29_vendor_syntax_is_refused(tmp_path: Path) -> None:
    folder = write_series(good_series(), tmp_path / "series")
    for file in folder.iterdir():  # same length, one digit more than any registered
        file.write_bytes(file.read_bytes().replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.99999.1.2.77"))
    with pytest.raises(InputRefused, match=r"1\.2\.840\.99999\.1\.2\.77") as caught:
        read_scan(folder)
    assert caught.value.code == "UNSUPPORTED_CODEC"


def test_fault_19_an_empty_intercept_counts_as_missing(refuse: Refuse) -> None:
    series = good_series()
    on_all(text("RescaleIntercept", ""))(series)
    assert refuse(series) == "NO_RESCALE"


def test_fault_20_slope_and_intercept_of_each_slice_are_its_own(read: Read) -> None:
    series = good_series()
    for n, d in enumerate(series):
        slope, intercept = round(0.5 + 0.05 * n, 2), -1024.0 - 3 * n
        hu = stored(d).astype(float) - 1024
        set_stored(d, np.rint((hu - intercept) / slope).astype(np.uint16))
        d.RescaleSlope, d.RescaleIntercept = str(slope), str(intercept)
    scan = read(series)
    assert scan.volume.hu.dtype == np.float32
    assert np.abs(scan.volume.hu - box_hu()).max() <= 0.55  # half of the largest slope, rounding
    assert calcium_mm3(scan) == pytest.approx(CALCIUM_MM3)


def test_signed_pixels_without_intercept_are_read(read: Read) -> None:
    series = good_series()
    on_all(as_signed)(series)
    assert np.array_equal(read(series).volume.hu, box_hu())


def test_unused_high_bits_are_removed(read: Read) -> None:
    series = good_series()
    on_all(lambda d: set_stored(d, stored(d) | 0x5000))(series)
    assert np.array_equal(read(series).volume.hu, box_hu())


@pytest.mark.parametrize(("outside", "declared"), [(-2000, True), (-3024, False)])
def test_fault_23_padding_is_taken_as_air(read: Read, outside: int, declared: bool) -> None:
    series = good_series()
    on_all(as_signed)(series)
    for d in series:
        pixels = stored(d).view(np.int16)
        pixels[:4], pixels[-4:] = outside, outside
        set_stored(d, pixels)
        if declared:
            d.add_new("PixelPaddingValue", "SS", outside)
    scan = read(series)
    expected = box_hu()
    expected[:, :4], expected[:, -4:] = -1024, -1024
    assert np.array_equal(scan.volume.hu, expected)
    assert flag_codes(scan) == {"PADDING"}


def test_padding_value_among_tissue_is_not_obeyed(read: Read) -> None:
    series = good_series()
    on_all(lambda d: d.add_new("PixelPaddingValue", "US", 1024 + 50))(series)
    scan = read(series)
    assert np.array_equal(scan.volume.hu, box_hu())
    assert flag_codes(scan) == {"PADDING_IGNORED"}


def test_fault_24_saturation_is_flagged_and_kept(read: Read) -> None:
    series = good_series()
    for d in series[3:7]:
        pixels = stored(d)
        pixels[10:16, 25:30] = 4095
        set_stored(d, pixels)
    scan = read(series)
    assert flag_codes(scan) == {"SATURATED"}
    assert np.count_nonzero(scan.volume.hu == 3071) == 4 * 6 * 5


def test_fault_26_file_cut_in_its_pixels_is_refused(tmp_path: Path) -> None:
    folder = write_series(good_series(), tmp_path / "series")
    victim = folder / "im005"
    victim.write_bytes(victim.read_bytes()[:-300])
    with pytest.raises(InputRefused, match=r"\(instance 6\) \(series [0-9.]+\)") as caught:
        read_scan(folder)
    assert caught.value.code == "TRUNCATED"


def test_fault_26_two_compressed_frames_for_one_are_refused(refuse: Refuse) -> None:
    series = good_series()
    d = series[4]
    d.compress(RLELossless, generate_instance_uid=False)
    fragment = d.PixelData[16:-8] if d.PixelData.endswith(b"\xfe\xff\xdd\xe0\0\0\0\0") else d.PixelData[16:]
    d.PixelData = encapsulate([fragment, fragment])
    assert refuse(series) == "TRUNCATED"


def test_fault_27_lossy_pixels_are_flagged(read: Read) -> None:
    series = good_series()
    on_all(put(LossyImageCompression="01"))(series)
    scan = read(series)
    assert np.array_equal(scan.volume.hu, box_hu())
    assert flag_codes(scan) == {"LOSSY"}


def test_fault_35_monoenergetic_images_are_flagged(read: Read) -> None:
    series = good_series()
    on_all(put(ImageType=["DERIVED", "PRIMARY", "AXIAL", "MONOENERGETIC"]))(series)
    scan = read(series)
    assert np.array_equal(scan.volume.hu, box_hu())
    assert flag_codes(scan) == {"NOT_PRIMARY"}


def test_fault_35_modified_hu_are_flagged(read: Read) -> None:
    series = good_series()
    on_all(put(RescaleType="HU_MOD"))(series)
    assert flag_codes(read(series)) == {"NOT_PRIMARY"}


def test_a_name_written_with_and_without_empty_parts_is_one_patient(read: Read) -> None:
    series = good_series()
    on_one(put(PatientName="Box^Paula^^"))(series)
    assert np.array_equal(read(series).volume.hu, box_hu())


def test_fault_36_contrast_agent_is_flagged(read: Read) -> None:
    series = good_series()
    on_all(put(ContrastBolusAgent="Iohexol 300"))(series)
    scan = read(series)
    assert np.array_equal(scan.volume.hu, box_hu())
    assert flag_codes(scan) == {"CONTRAST"}
    assert scan.acquisition.contrast_agent is True


def test_another_thickness_inside_the_series_is_flagged_and_unknown(read: Read) -> None:
    series = good_series()
    on_one(put(SliceThickness="2.9"))(series)
    scan = read(series)
    assert flag_codes(scan) == {"MIXED_ACQUISITION"}
    assert scan.acquisition.slice_thickness_mm is None


LOSSLESS = ["1.2", "1.2.1", "1.2.2", "1.2.1.99", "1.2.5", "1.2.4.57", "1.2.4.70", "1.2.4.80", "1.2.4.90"]
LOSSY = ["1.2.4.81", "1.2.4.91"]
needs_codecs = pytest.mark.skipif(not CODECS.is_dir(), reason="the codec samples are not beside the project")


def codec_file(suffix: str) -> Path:
    return next(CODECS.glob(f"*_1.2.840.10008.{suffix}.dcm"))


def read_copies(suffix: str, folder: Path) -> Scan:
    """Three slices, all of them the sample of one syntax."""
    copies = []
    for k in range(3):
        d = dup(dcmread(codec_file(suffix)))
        d.SOPInstanceUID = f"1.2.3.{k}"
        d.ImagePositionPatient = [*d.ImagePositionPatient[:2], 3.0 * k]
        copies.append(d)
    return read_scan(write_series(copies, folder))


@needs_codecs
@pytest.mark.parametrize("suffix", LOSSLESS + LOSSY)
def test_fault_28_codec_gives_the_pixels_of_the_plain_file(suffix: str, tmp_path: Path) -> None:
    plain, scan = (read_copies(s, tmp_path / s) for s in ("1.2.1", suffix))
    difference_hu = np.abs(scan.volume.hu.astype(int) - plain.volume.hu)
    if suffix in LOSSLESS:
        assert difference_hu.max() == 0
        assert "LOSSY" not in flag_codes(scan)
    else:
        assert np.median(difference_hu) <= 15  # below the noise of the slice
        assert "LOSSY" in flag_codes(scan)


@pytest.mark.parametrize("lossy", [True, False])
def test_fault_27_loss_is_seen_in_the_codestream_where_the_header_is_silent(read: Read, lossy: bool) -> None:
    series = good_series()
    for d in series:
        options = {"compression_ratios": [4.0]} if lossy else {}
        frame = bytes(encode_array(stored(d), bits_stored=12, **options))
        as_syntax("1.2.840.10008.1.2.4.91")(d)
        d.PixelData = encapsulate([frame])
    assert flag_codes(read(series)) == ({"LOSSY"} if lossy else set())


def test_fault_27_stated_ratio_counts_as_loss(read: Read) -> None:
    series = good_series()
    on_all(put(LossyImageCompressionRatio="3.8"))(series)
    assert flag_codes(read(series)) == {"LOSSY"}


def test_one_slice_of_another_sign_is_refused(refuse: Refuse) -> None:
    series = good_series()
    series[0].PixelRepresentation = 1
    assert refuse(series) == "MIXED_SERIES"


@needs_codecs
@pytest.mark.parametrize(
    ("suffix", "code"),
    [("1.2.4.50", "NOT_CT_HU"), ("1.2.4.51", "UNSUPPORTED_CODEC")]
    + [(s, "UNSUPPORTED_CODEC") for s in ("1.2.4.53", "1.2.4.55")],
)
def test_fault_29_codec_without_decoder_is_named(suffix: str, code: str, tmp_path: Path) -> None:
    with pytest.raises(InputRefused, match=r"JPEG|bits") as caught:
        read_copies(suffix, tmp_path)
    assert caught.value.code == code


@needs_codecs
@pytest.mark.parametrize("suffix", [s for s in LOSSLESS if s.startswith("1.2.4") or s == "1.2.5"])
def test_fault_41_damaged_codestream_is_refused(suffix: str, tmp_path: Path) -> None:
    d = dcmread(codec_file(suffix))
    series = []
    for k in range(3):
        copy = dup(d)
        copy.SOPInstanceUID = f"1.2.3.{k}"
        copy.ImagePositionPatient = [*d.ImagePositionPatient[:2], 3.0 * k]
        copy.PixelData = encapsulate([b"\xff\xd8 not a codestream"])
        series.append(copy)
    with pytest.raises(InputRefused) as caught:
        read_scan(write_series(series, tmp_path))
    assert caught.value.code == "DECODER_FAILED"
