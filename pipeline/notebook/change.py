"""Two dates beside each other, linked through the bones."""

from __future__ import annotations

from html import escape
from typing import Any

import numpy as np

from pipeline.domain.change import Comparison, Track
from pipeline.domain.geometry import Float3
from pipeline.errors import UsageError
from pipeline.notebook.montage import montage
from pipeline.notebook.optional import is_installed, need
from pipeline.notebook.viewer import NO_WIDGETS, Controls, Planes
from pipeline.report.wording import date_text, track_notes, track_title
from pipeline.steps.registration.bone import Fit
from pipeline.steps.registration.bones import WHOLE, ShownBones
from pipeline.steps.registration.travel import Passage


def show_change(comparison: Comparison, *, first: int = 0, last: int = -1) -> Any:
    """Look at two dates of a comparison at once: the place shown on one is shown on the other.

    Places are carried by the bones around them, as in the comparison itself.

    Parameters
    ----------
    comparison : Comparison
        Of two or more dates.
    first, last : int
        The two time points; the first and the last if not given.

    Returns
    -------
    ipywidgets.Widget or Picture
        A still picture, and a line that says so, where ipywidgets is not installed.

    Raises
    ------
    UsageError
        Where the time points are not two of the comparison in their order.
    """
    count = len(comparison.analyses)
    first, last = (n + count if n < 0 else n for n in (first, last))
    if not 0 <= first < last < count:
        raise UsageError(f"expected two of the time points 0 to {count - 1} in their order")
    if not is_installed("ipywidgets"):
        print(NO_WIDGETS)
        return montage(comparison)
    return ChangeViewer(comparison, (first, last)).widget


def passages(comparison: Comparison, earlier: int, later: int) -> tuple[Passage, Passage]:
    """The way of places from one date to another, and back."""
    fits = {
        one.bone: Fit(one.transform, one.residual_mm, one.accepted)
        for one in comparison.registrations
        if (one.from_index, one.to_index) == (earlier, later)
    }
    shown = [
        ShownBones(one.skeleton, one.landmarks_mm)
        for one in (comparison.analyses[earlier], comparison.analyses[later])
    ]
    there = Passage.of(shown[0].surfaces, fits, WHOLE)
    back = Passage.of(shown[1].surfaces, {name: fit.inverse() for name, fit in fits.items()}, WHOLE)
    return there, back


class ChangeViewer:
    """Two dates of a comparison, each in three planes."""

    def __init__(self, comparison: Comparison, dates: tuple[int, int]) -> None:
        widgets = need("ipywidgets", "sliders")
        self.comparison, self.dates = comparison, dates
        self._ways = passages(comparison, *dates)
        tracks = [(track_title(one), one) for one in comparison.tracks]
        self.controls = Controls(tracks, self.redraw)
        self.halves = [self._half(n) for n in (0, 1)]
        self.words, self.linked = widgets.HTML(), widgets.HTML()
        self.controls.picker.observe(lambda change: self.choose(change["new"]), names="value")
        titles = [
            widgets.HTML(f"<b>t{date} · {escape(date_text(comparison.time_points[date]))}</b>")
            for date in dates
        ]
        rows = [row for n in (0, 1) for row in (titles[n], self.halves[n].widget)]
        self.widget = widgets.VBox([self.controls.widget, *rows, self.linked, self.words])
        if comparison.tracks:
            self.controls.picker.value = comparison.tracks[0]
        else:
            self.redraw()

    def _half(self, number: int) -> Planes:
        analysis = self.comparison.analyses[self.dates[number]]
        return Planes(analysis, lambda: self.controls.shown, lambda: self.follow(number))

    def redraw(self) -> None:
        """Draw all planes again."""
        for half in self.halves:
            half.redraw()

    def follow(self, moved: int) -> None:
        """Bring the other date to the place that one was moved to."""
        place = np.asarray([self.halves[moved].place_lps_mm])
        way = self._ways[moved]
        why = way.why_lost(place)
        self.linked.value = "" if why is None else f"Not linked here: {escape(why)}."
        if why is None:
            x, y, z = way.carry(place)[0]
            self.halves[1 - moved].go_to((float(x), float(y), float(z)))

    def choose(self, track: Track | None) -> None:
        """Go to a track on both dates and say what became of it."""
        if track is None:
            self.words.value = ""
            return
        self.words.value = escape(f"{track_title(track)}. {track_notes(track)}")
        places: list[Float3 | None] = [track.position_lps_mm[date] for date in self.dates]
        for half, place in zip(self.halves, places, strict=True):
            if place is not None:
                half.go_to(place)
