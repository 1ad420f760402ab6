"""Three linked planes with sliders, windows, masks and a list of all that was found; needs no network."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.domain.analysis import Analysis
from pipeline.domain.geometry import Float3, Index3
from pipeline.domain.lesion import Excluded, Lesion
from pipeline.domain.wording import volume_text
from pipeline.notebook.montage import montage
from pipeline.notebook.optional import INSTALL, is_installed, need
from pipeline.notebook.pictures import WINDOWS, Painted, Shown
from pipeline.report.panels import PLANES, Plane
from pipeline.report.wording import place_text, signed

if TYPE_CHECKING:
    from collections.abc import Callable

NO_WIDGETS = f"ipywidgets is not installed, so this is a still picture; for sliders: {INSTALL}"
NOTHING = "(choose what to look at)"
LAYERS = ("lesions", "excluded", "skeleton")
LAYER_WORDS = {"lesions": "lesions", "excluded": "left out", "skeleton": "bones"}
Finding = Lesion | Excluded


def show(analysis: Analysis) -> Any:
    """Look at an analysis: three planes with sliders, masks on and off, a list of all that was found.

    Choosing a lesion, or something that was left out, leads to it and says what is known of it. Orange is a
    lesion, brown an indeterminate one, pink what was left out, blue bone.

    Parameters
    ----------
    analysis : Analysis
        From `analyse`.

    Returns
    -------
    ipywidgets.Widget or Picture
        A still picture, and a line that says so, where ipywidgets is not installed.
    """
    if not is_installed("ipywidgets"):
        print(NO_WIDGETS)
        return montage(analysis)
    return Viewer(analysis).widget


class Controls:
    """Window, masks and a list of findings, with one callback for all changes of what is laid over slices."""

    def __init__(self, findings: list[tuple[str, Any]], redraw: Callable[[], None]) -> None:
        widgets = need("ipywidgets", "sliders")
        self.window = widgets.Dropdown(options=list(WINDOWS), value="bone", description="window")
        self.layers = {
            name: widgets.Checkbox(
                value=name != "skeleton",
                description=LAYER_WORDS[name],
                indent=False,
                layout={"width": "auto"},
            )
            for name in LAYERS
        }
        self.picker = widgets.Dropdown(
            options=[(NOTHING, None), *findings], description="look at", layout={"width": "420px"}
        )
        for one in (self.window, *self.layers.values()):
            one.observe(lambda _: redraw(), names="value")
        boxes = widgets.HBox(list(self.layers.values()))
        self.widget = widgets.HBox([self.picker, self.window, boxes], layout={"flex_flow": "row wrap"})

    @property
    def shown(self) -> Shown:
        """What is to be laid over slices now."""
        layers = {name: bool(box.value) for name, box in self.layers.items()}
        return Shown(WINDOWS[self.window.value], **layers)


class Planes:
    """Three slices of one scan through one place, each with its slider."""

    def __init__(self, analysis: Analysis, controls: Callable[[], Shown], moved: Callable[[], None]) -> None:
        widgets = need("ipywidgets", "sliders")
        self.painted = Painted(analysis)
        self._controls, self._moved, self._quiet = controls, moved, False
        self.sliders = {plane.name: self._slider(plane) for plane in PLANES}
        self.pictures = {plane.name: widgets.Image(format="png") for plane in PLANES}
        self.captions = {plane.name: widgets.HTML() for plane in PLANES}
        columns = [
            widgets.VBox([self.captions[p.name], self.pictures[p.name], self.sliders[p.name]]) for p in PLANES
        ]
        self.widget = widgets.HBox(columns, layout={"flex_flow": "row wrap"})

    def _slider(self, plane: Plane) -> Any:
        reach = self.painted.box[plane.axis]
        slider = need("ipywidgets", "sliders").IntSlider(
            value=(reach.start + reach.stop - 1) // 2,
            min=reach.start,
            max=reach.stop - 1,
            readout=False,
            layout={"width": "340px"},
        )
        slider.observe(lambda _: self._slid(), names="value")
        return slider

    @property
    def at(self) -> Index3:
        """k, j, i of the place that is shown."""
        k, j, i = (int(self.sliders[plane.name].value) for plane in PLANES)
        return k, j, i

    @property
    def place_lps_mm(self) -> Float3:
        """The same place in the patient."""
        x, y, z = self.painted.analysis.geometry.to_lps_mm(self.at)
        return float(x), float(y), float(z)

    def go_to(self, place_lps_mm: Float3) -> None:
        """Show the slices through a place, or the last ones on the way to it."""
        index = np.rint(self.painted.analysis.geometry.to_index(place_lps_mm)).astype(int)
        self._quiet = True
        for plane in PLANES:
            slider = self.sliders[plane.name]
            slider.value = int(np.clip(index[plane.axis], slider.min, slider.max))
        self._quiet = False
        self.redraw()

    def _slid(self) -> None:
        if not self._quiet:
            self.redraw()
            self._moved()

    def redraw(self) -> None:
        """Draw all three: the crosshair of each tells where the others are."""
        shown = self._controls()
        for plane in PLANES:
            self.pictures[plane.name].value = self.painted.slice_png(plane, self.at, shown)
            mm = signed(self.place_lps_mm[plane.across])
            self.captions[plane.name].value = f"<b>{plane.name}</b> {plane.coordinate} = {mm} mm"


class Viewer:
    """One analysis to be looked at."""

    def __init__(self, analysis: Analysis) -> None:
        widgets = need("ipywidgets", "sliders")
        self.analysis = analysis
        self.controls = Controls(_findings(analysis), self.redraw)
        self.planes = Planes(analysis, lambda: self.controls.shown, lambda: None)
        self.words = widgets.HTML(layout={"max_width": "1060px"})
        self.controls.picker.observe(lambda change: self.choose(change["new"]), names="value")
        self.widget = widgets.VBox([self.controls.widget, self.planes.widget, self.words])
        if analysis.lesions:
            self.controls.picker.value = analysis.lesions[0]
        else:
            self.redraw()

    def redraw(self) -> None:
        """Draw all planes again."""
        self.planes.redraw()

    def choose(self, finding: Finding | None) -> None:
        """Go to a finding and say what is known of it."""
        if finding is None:
            self.words.value = ""
            return
        self.words.value = escape(words_of(finding))
        self.planes.go_to(place_of(finding))


def place_of(finding: Finding) -> Float3:
    """A voxel of it that lies next to its middle."""
    points = finding.mask.points_lps_mm()
    nearest = points[np.linalg.norm(points - points.mean(axis=0), axis=1).argmin()]
    return float(nearest[0]), float(nearest[1]), float(nearest[2])


def words_of(finding: Finding) -> str:
    """What is known of it, in a sentence."""
    if isinstance(finding, Lesion):
        why = f" Indeterminate: {finding.why_indeterminate}." if finding.why_indeterminate else ""
        return f"Lesion {finding.id}. {finding.description}{why}"
    return f"Left out as {finding.kind.replace('_', ' ')}: {finding.reason}; peak {finding.peak_hu:.0f} HU."


def _findings(analysis: Analysis) -> list[tuple[str, Any]]:
    """What the list offers: lesions by number, then all that was left out."""
    lesions = [(label_of(one), one) for one in analysis.lesions]
    return [*lesions, *((label_of(one), one) for one in analysis.excluded)]


def label_of(finding: Finding) -> str:
    """A line of the list."""
    if isinstance(finding, Excluded):
        kind = finding.kind.replace("_", " ")
        return f"left out {finding.id} · {kind} · {volume_text(finding.volume_mm3)}"
    parts = (f"lesion {finding.id}", volume_text(finding.size.volume_mm3.value), place_text(finding))
    return " · ".join(part for part in parts if part)
