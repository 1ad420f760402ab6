"""Three thousand damaged series: none crashes the reader, holds it up, or gives a wrong volume unflagged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipeline.dicom import decoders
from pipeline.dicom.read import read_scan
from tests.fuzz.corpus import SLICES, corpus, put
from tests.fuzz.run import fuzz
from tests.series import box_hu, flag_codes

SEEDS, COUNT = range(1, 7), 500


def test_corpus_is_read_without_loss_in_every_syntax(tmp_path: Path) -> None:
    for name, files in corpus(tmp_path / "corpus").items():
        scan = read_scan(put(files, tmp_path / name))
        assert np.array_equal(scan.volume.hu, box_hu()[SLICES]), name
        assert flag_codes(scan) == ({"LOSSY"} if name == "jpeg_ls_near" else set())


@pytest.mark.parametrize("seed", SEEDS)
def test_damaged_series_end_in_the_right_numbers_or_a_named_refusal(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoders, "FRAME_LIMIT_S", 2.0)
    tally = fuzz(COUNT, seed, tmp_path)
    assert tally.is_good, "\n".join(tally.lines())
    assert sum(tally.refused.values()) > COUNT / 4
