"""When a study is complete."""

from __future__ import annotations

from collections.abc import Collection

from pipeline.config import ReceiveSettings
from pipeline.receive.state import State, Study


def is_complete(study: Study, now_s: float, settings: ReceiveSettings, *, is_open: bool) -> bool:
    """Whether nothing more of a study is expected.

    Parameters
    ----------
    now_s : float
        By the same clock as the time of the last image. One that was set back counts as no time passed.
    is_open : bool
        Whether an association is open that has brought images of it.
    """
    quiet_s = now_s - study.last_image_s
    return quiet_s >= (settings.patience_seconds if is_open else settings.quiet_seconds)


def complete_studies(
    state: State, now_s: float, settings: ReceiveSettings, open_studies: Collection[str]
) -> list[Study]:
    """Hand over the studies that are complete by now to be worked on, and say which.

    One whose last image seems to come from the future, since the clock was set back, starts its wait anew.
    """
    found = []
    for study in state.receiving():
        if study.last_image_s > now_s:
            state.touch(study.key, now_s)
        elif is_complete(study, now_s, settings, is_open=study.key in open_studies) and state.move(
            study.key, "waiting", of=("receiving",)
        ):
            found.append(study)
    return found
