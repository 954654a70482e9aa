"""Records a bot's game: the video, the action log and the truth, in one pass; and replays a log."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from gvlm_resources.errors import LakeError
from gvlm_resources.simulator.actions import Action, Buttons
from gvlm_resources.simulator.bot import TEMPERAMENTS, Bot
from gvlm_resources.simulator.catalogue import Level
from gvlm_resources.simulator.engine import (
    HEIGHT_PX,
    SAMPLE_RATE_HZ,
    TIC_RATE_HZ,
    VARIABLES,
    WIDTH_PX,
    Engine,
    Observation,
)
from gvlm_resources.simulator.media import RecordingWriter
from gvlm_resources.timebase import NS_PER_S
