"""One CT series as a scan in HU: the only way in for DICOM images."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np

from pipeline.dicom.acquisition import describe
from pipeline.dicom.choose import Choice, choose_series
from pipeline.dicom.decoders import CHILDREN
from pipeline.dicom.discover import Inventory, Series, naming, refuse_other_file, take_inventory
from pipeline.dicom.flags import header_flags
from pipeline.dicom.headers import SliceHeader
from pipeline.dicom.hounsfield import HounsfieldWriter, check_rescale, holds_int16
from pipeline.dicom.identity import config_folder, load_salt
from pipeline.dicom.phases import choose_acquisition
from pipeline.dicom.pixels import NATIVE, Stored, check_format, check_size, is_lossy, read_stored
from pipeline.dicom.repeats import drop_copies, drop_repeats
from pipeline.dicom.source import describe_source
from pipeline.dicom.stack import MIN_SLICES, Stack, at_one_position, build_stack, check_agreement
from pipeline.dicom.tree import Tree, open_tree
from pipeline.domain.image import CTVolume
from pipeline.domain.orientation import axis_order
from pipeline.domain.scan import KernelPreference, QualityFlag, Scan
from pipeline.errors import InputRefused

FRAMES_AHEAD = 2 * CHILDREN
"""Decoded slices that may wait for their turn: enough to keep all children busy."""

UIDS_MISSING = QualityFlag(
    "UIDS_MISSING",
    "info",
    "an image, its series or its study has no valid UID: no SEG and SR are written",
)

PASSED_OVER = frozenset(
    (
        "BAD_GEOMETRY",
        "DUPLICATE_POSITION",
        "GANTRY_TILT",
        "MISSING_SLICES",
        "MIXED_SERIES",
        "NOT_A_VOLUME",
        "NOT_CT_HU",
        "NOT_PRIMARY",
        "NO_RESCALE",
        "UNEVEN_SPACING",
        "UNSUPPORTED_CODEC",
    )
)
"""Reasons to take the next series. Doubts whose the images are, and attacks, refuse the input."""


def read_scan(path: Path, *, series_uid: str | None = None, kernel: KernelPreference = "soft_tissue") -> Scan:
    """Read one CT series from a folder, a zip or a file.

    Slices are ordered by their positions; axes are flipped and swapped, never resampled, to be the
    nearest to head, back and left. HU are int16 where slope is 1 and intercept whole on all slices,
    else float32; values below -1024 (padding) become -1024.

    Parameters
    ----------
    series_uid : str, optional
        The series to read; without it, `choose_series` decides.
    kernel : str
        Of what kernel the series should be, where there are several.

    Raises
    ------
    InputRefused
        With the code of what cannot be trusted; see ``docs/dicom.md``.
    """
    with open_tree(Path(path)) as tree:
        inventory = take_inventory(tree)
        refuse_other_file(Path(path), inventory)
        choice, flags = choose_usable(tree, inventory, series_uid, kernel=kernel)
        scan = read_series(tree, choice.series, inventory)
    return replace(scan, flags=(*flags, *scan.flags)) if flags else scan


def choose_usable(
    tree: Tree, inventory: Inventory, uid: str | None, *, kernel: KernelPreference = "soft_tissue"
) -> tuple[Choice, tuple[QualityFlag, ...]]:
    """Choose a series; one that its headers refuse gives way to the next, if there is one, and is named.

    Raises
    ------
    InputRefused
        As `choose_series` does; where no series is usable, the first of their refusals stands.
    """
    if uid is not None:
        return choose_series(inventory, uid, kernel=kernel), ()
    return _first_usable(inventory, lambda series: _refusal_by_headers(tree, series, inventory), kernel)


def choose_by_headers(inventory: Inventory, *, kernel: KernelPreference = "soft_tissue") -> Choice:
    """Choose a series as `choose_usable` does, without ever reading pixels.

    Where two slices claim one identity or one place, the series is not passed over: reading it will tell.

    Raises
    ------
    InputRefused
        As `choose_usable` does.
    """
    choice, _ = _first_usable(inventory, _refusal_without_pixels, kernel)
    return choice


def _first_usable(
    inventory: Inventory, refusal_of: Callable[[Series], InputRefused | None], kernel: KernelPreference
) -> tuple[Choice, tuple[QualityFlag, ...]]:
    choice = choose_series(inventory, kernel=kernel)
    others = [s for s in inventory.series if s.slice_count >= MIN_SLICES]
    if len(others) < 2:
        return choice, ()
    flags: list[QualityFlag] = []
    refused: dict[Series, InputRefused] = {}
    while (refusal := refusal_of(choice.series)) is not None:
        refused[choice.series] = refusal
        if len(refused) == len(others):
            raise next(iter(refused.values()))
        message = f"a series that would have been measured first was refused: {refusal.code}"
        flags.append(QualityFlag("SERIES_PASSED_OVER", "warning", message))
        choice = choose_series(inventory, kernel=kernel, passed_over=frozenset(refused))
    return choice, (*flags, QualityFlag("SERIES_CHOSEN", "info", f"the series was chosen: {choice.why}"))


def _refusal_by_headers(tree: Tree, series: Series, inventory: Inventory) -> InputRefused | None:
    try:
        with naming(f"series {series.uid or 'without UID'}"):
            arrange(tree, series, inventory)
    except InputRefused as refusal:
        if refusal.code in PASSED_OVER:
            return refusal
        raise
    return None


def _refusal_without_pixels(series: Series) -> InputRefused | None:
    one_each = list({s.sop_instance_uid: s for s in series.slices}.values())
    multi_frame = len({s.name for s in one_each}) < len(one_each)
    try:
        check_size(one_each)
        check_agreement(one_each)
        for header in one_each:
            check_format(header.pixels, multi_frame=multi_frame)
            check_rescale(header)
        one_phase, _ = choose_acquisition(one_each)
        if not at_one_position(one_phase):
            build_stack(one_phase)
    except InputRefused as refusal:
        if refusal.code in PASSED_OVER:
            return refusal
        raise
    return None


def read_series(tree: Tree, series: Series, inventory: Inventory) -> Scan:
    """Read a chosen series of an inventory, from the tree it was found in; a refusal names the series."""
    with naming(f"series {series.uid or 'without UID'}"):
        stack, flags = arrange(tree, series, inventory)
        volume, pixel_flags = _read_volume(tree, stack)
        source = describe_source(tree, stack)
    acquisition = describe(list(stack.slices), volume, load_salt(config_folder()))
    no_uids = () if source is not None else (UIDS_MISSING,)
    return Scan(volume, acquisition, (*flags, *pixel_flags, *no_uids), source)


def arrange(tree: Tree, series: Series, inventory: Inventory) -> tuple[Stack, tuple[QualityFlag, ...]]:
    """Put the slices of a series in order, with what their headers give rise to.

    Pixels are read only where two slices claim one identity or one place.

    Raises
    ------
    InputRefused
        With the code of what cannot be trusted.
    """
    slices = list(series.slices)
    check_size(slices)
    check_agreement(slices)
    multi_frame = len({s.name for s in slices}) < len(slices)
    for header in slices:
        check_format(header.pixels, multi_frame=multi_frame)
        check_rescale(header)

    def stored_of(header: SliceHeader) -> Stored:
        return _stored(tree, header)

    slices, copy_flags = drop_copies(slices, stored_of)
    slices, phase_flags = choose_acquisition(slices)
    slices, repeat_flags = drop_repeats(slices, stored_of)
    stack = build_stack(slices)
    flags = header_flags(stack, inventory, codestream_lossy=_is_lossy(tree, stack.slices[0]))
    return stack, (*copy_flags, *phase_flags, *repeat_flags, *flags)


def _read_volume(tree: Tree, stack: Stack) -> tuple[CTVolume, tuple[QualityFlag, ...]]:
    """Fill one array slice by slice, through a view that has the order of the source."""
    order = axis_order(stack.affine)
    shape = (len(stack.slices), stack.rows, stack.columns)
    geometry = order.geometry(shape, stack.affine)
    hu = np.empty(geometry.shape, dtype=np.int16 if holds_int16(stack.slices) else np.float32)
    writer = HounsfieldWriter(order.to_source(hu))
    for n, (header, stored) in enumerate(_all_stored(tree, stack.slices)):
        writer.write(n, stored, header)
    hu.setflags(write=False)
    return CTVolume(hu, geometry), writer.finish()


def _all_stored(tree: Tree, slices: Sequence[SliceHeader]) -> Iterator[tuple[SliceHeader, Stored]]:
    """Stored numbers of each slice in order; compressed ones are decoded a few ahead."""
    if all(s.pixels.transfer_syntax_uid in NATIVE for s in slices):
        yield from ((header, _stored(tree, header)) for header in slices)
        return
    executor = ThreadPoolExecutor(CHILDREN, thread_name_prefix="decode")
    ahead: deque[tuple[SliceHeader, Future[Stored]]] = deque()
    try:
        for header in slices:
            ahead.append((header, executor.submit(_stored, tree, header)))
            if len(ahead) > FRAMES_AHEAD:
                first, future = ahead.popleft()
                yield first, future.result()
        for first, future in ahead:
            yield first, future.result()
    finally:
        executor.shutdown(cancel_futures=True)


def _is_lossy(tree: Tree, header: SliceHeader) -> bool:
    try:
        with tree.open(header.name) as stream:
            return is_lossy(stream, header)
    except OSError as error:
        raise InputRefused("UNREADABLE", "a slice cannot be read: permission or device error") from error


def _stored(tree: Tree, header: SliceHeader) -> Stored:
    number = "?" if header.instance_number is None else header.instance_number
    try:
        with tree.open(header.name) as stream, naming(f"instance {number}"):
            return read_stored(stream, header)
    except OSError as error:
        raise InputRefused("UNREADABLE", "a slice cannot be read: permission or device error") from error
