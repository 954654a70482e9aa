"""The sample recordings that ship with the project, and how they are made again."""

from __future__ import annotations

from pathlib import Path

from gvlm_resources.simulator.catalogue import Level
from gvlm_resources.simulator.recorder import RecordingPlan, record
from gvlm_resources.simulator.truth import Truth

# Coarser than the recorder's default: a sample stays under 8 MB, as a recorder at about 1 Mbit/s would write it.
_SAMPLE_CRF = 29

SAMPLES = (
    # A fight that ends in a death, a new start, and another fight.
    RecordingPlan("freedoom-fight", Level("freedoom2", "MAP04"), "explorer", 1, 3, tics=1575, crf=_SAMPLE_CRF),
    # A player that stands about, looks around and shoots twice.
    RecordingPlan("freedoom-quiet", Level("freedoom1", "E1M1"), "idler", 1, 1, tics=1400, crf=_SAMPLE_CRF),
    # A way through a base, with doors to open, things and weapons to gather, and a secret.
    RecordingPlan("freedoom-exploration", Level("freedoom1", "E1M2"), "explorer", 2, 3, tics=1680, crf=_SAMPLE_CRF),
)


def make_samples(folder: Path) -> list[Truth]:
    """Record every sample into `folder`, their truth into `folder/truth`, where no importer of videos looks."""
    return [record(plan, folder, truth_folder=folder / "truth") for plan in SAMPLES]
