"""The data dictionary lists every column of every table, in order, and nothing else."""

import re
from pathlib import Path

import pyarrow as pa
import pytest

from gvlm_assets.show import column_meanings
from gvlm_resources import schemas

PAGE = (Path(__file__).parents[1] / "docs" / "data.md").read_text()
TABLES = {
    "frames": schemas.FRAMES,
    "clips": schemas.CLIPS,
    "hud_crops": schemas.HUD_CROPS,
    "speech_spans": schemas.SPEECH_SPANS,
    "ocr_text": schemas.OCR_TEXT,
    "speech_transcript": schemas.SPEECH,
    "siglip_embeddings": schemas.SIGLIP,
    "videomae_embeddings": schemas.VIDEOMAE,
    "wav2vec2_embeddings": schemas.WAV2VEC2,
    "entity_tracks": schemas.ENTITIES,
    "region_embeddings": schemas.REGIONS,
    "sound_events": schemas.SOUNDS,
    "frame_index": schemas.FRAME_INDEX,
    "game_state": schemas.GAME_STATE,
    "timeline_events": schemas.TIMELINE_EVENTS,
    "timeline_index": schemas.TIMELINE_INDEX,
    "qa_pairs": schemas.QA_PAIRS,
    "qa_calls": schemas.QA_CALLS,
    "training_examples": schemas.EXAMPLES,
    "training_set": schemas.RELEASE_EXAMPLES,
    "removed": schemas.REMOVED,
}


@pytest.mark.parametrize("name", TABLES)
def test_the_page_lists_the_columns_of_a_table(name: str) -> None:
    (section,) = re.findall(rf"^## {name} .*?(?=^## |\Z)", PAGE, re.M | re.S)
    rows = re.findall(r"^\| `(\w+)` \| (.*) \|$", section, re.M)
    assert [column for column, _ in rows] == TABLES[name].names
    meanings = column_meanings()[TABLES[name].metadata[b"gvlm.table"].decode()]
    assert {column: meaning.replace(r"\|", "|") for column, meaning in rows} == meanings


@pytest.mark.parametrize("name", TABLES)
def test_a_table_says_its_name_and_version(name: str) -> None:
    assert TABLES[name].metadata[b"gvlm.schema_version"].decode() == schemas.VERSION
    assert isinstance(TABLES[name], pa.Schema)


def test_vectors_of_a_file_have_one_length_and_the_rest_of_the_schema_stays() -> None:
    fixed = schemas.with_dim(schemas.SIGLIP, 8)
    assert fixed.field("vector").type == pa.list_(pa.float32(), 8)
    assert fixed.field("vector").nullable
    assert fixed.metadata == schemas.SIGLIP.metadata
    assert [field for field in fixed if field.name != "vector"] == [
        field for field in schemas.SIGLIP if field.name != "vector"
    ]
