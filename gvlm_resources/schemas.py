"""Arrow schemas of every stored table (pure). The data dictionary in docs/data.md is written from the comments' facts.

A schema's version is part of every fingerprint: a changed schema rebuilds what it describes.
Times are int64 ns of media time (see `timebase`); spans are half-open. Boxes are `[x0, y0, x1, y1]` in pixels of the
stored frame, whose `width` and `height` stand beside them. `status` is `ok | filtered | failed`; `reason` says why
a row is not `ok` and is empty where it is.
"""

from __future__ import annotations

import pyarrow as pa

VERSION = "1"

STATUS_OK = "ok"
STATUS_FILTERED = "filtered"
STATUS_FAILED = "failed"

BOX = pa.list_(pa.float32(), 4)


def _schema(name: str, fields: list[tuple[str, pa.DataType]], *, nullable: frozenset[str] = frozenset()) -> pa.Schema:
    columns = [pa.field(column, kind, nullable=column in nullable) for column, kind in fields]
    return pa.schema(columns, metadata={"gvlm.table": name, "gvlm.schema_version": VERSION})


# One row a sampled frame, in the order of time. `frame_id` is `f` + microseconds.
FRAMES = _schema(
    "frames",
    [
        ("video_id", pa.string()),
        ("frame_id", pa.string()),
        ("pts_ns", pa.int64()),
        ("source_pts", pa.int64()),  # the stream's own timestamp, untouched
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("image", pa.binary()),  # JPEG, display orientation; empty where status is failed
        ("sampled_by", pa.string()),  # rate | scene
        ("is_keyframe", pa.bool_()),
        ("phash", pa.uint64()),
        ("sharpness", pa.float32()),  # variance of the Laplacian of the luma at 320 px width
        ("brightness", pa.float32()),  # mean luma, 0-255
        ("motion", pa.float32()),  # mean absolute luma difference to the frame before, 0-255; 0 for the first
        ("is_scene_change", pa.bool_()),
        ("is_black", pa.bool_()),
        ("is_blurred", pa.bool_()),
        ("duplicate_of", pa.string()),  # frame_id of the earlier near-duplicate, or null
        ("status", pa.string()),
        ("reason", pa.string()),
    ],
    nullable=frozenset({"duplicate_of"}),
)

# One row a clip: a dense window of frames at encoder size. `clip_id` is `c` + microseconds of its start.
CLIPS = _schema(
    "clips",
    [
        ("video_id", pa.string()),
        ("clip_id", pa.string()),
        ("start_ns", pa.int64()),
        ("end_ns", pa.int64()),
        ("frame_pts_ns", pa.list_(pa.int64())),
        ("images", pa.list_(pa.binary())),  # JPEG, one a frame
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("status", pa.string()),
        ("reason", pa.string()),
    ],
)

# One row a HUD region and a span in which its pixels did not change. `crop_id` is `h` + microseconds + `-region`.
HUD_CROPS = _schema(
    "hud_crops",
    [
        ("video_id", pa.string()),
        ("crop_id", pa.string()),
        ("region", pa.string()),
        ("start_ns", pa.int64()),  # first decoded frame that shows these pixels
        ("end_ns", pa.int64()),  # first decoded frame that does not, or the end of the video
        ("image", pa.binary()),  # PNG, lossless: digits do not survive a second JPEG
        ("box", BOX),
        ("width", pa.int32()),  # of the whole frame the box lies in
        ("height", pa.int32()),
    ],
)

# One row a span of speech found by the voice activity detector.
SPEECH_SPANS = _schema(
    "speech_spans",
    [
        ("video_id", pa.string()),
        ("span_id", pa.string()),  # v + microseconds
        ("start_ns", pa.int64()),
        ("end_ns", pa.int64()),
        ("confidence", pa.float32()),  # mean speech probability over the span
    ],
)

# One row a text and a span of time in which it stood there unchanged. `ocr_id` is `o` + microseconds + `-` + number.
OCR_TEXT = _schema(
    "ocr_text",
    [
        ("video_id", pa.string()),
        ("ocr_id", pa.string()),
        ("region", pa.string()),  # HUD region's name, or "frame"
        ("category", pa.string()),  # number | message | text
        ("text", pa.string()),
        ("start_ns", pa.int64()),
        ("end_ns", pa.int64()),
        ("confidence", pa.float32()),
        ("box", BOX),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("readings", pa.int32()),  # how many times the engine read it; 0 never: a row is read at least once
        ("status", pa.string()),
        ("reason", pa.string()),
    ],
)

# One row a recognised utterance. `speech_id` is `s` + microseconds.
SPEECH = _schema(
    "speech_transcript",
    [
        ("video_id", pa.string()),
        ("speech_id", pa.string()),
        ("start_ns", pa.int64()),
        ("end_ns", pa.int64()),
        ("text", pa.string()),
        ("confidence", pa.float32()),
        ("language", pa.string()),
        (
            "words",
            pa.list_(
                pa.struct(
                    [
                        ("text", pa.string()),
                        ("start_ns", pa.int64()),
                        ("end_ns", pa.int64()),
                        ("confidence", pa.float32()),
                    ]
                )
            ),
        ),
        ("status", pa.string()),
        ("reason", pa.string()),
    ],
)

VECTOR = pa.list_(pa.float32())  # of unit length; in a file all have the model's dimensions: see `with_dim`

# One row a sampled frame, with the vector of the image. Null where the frame could not be decoded.
SIGLIP = _schema(
    "siglip_embeddings",
    [
        ("video_id", pa.string()),
        ("frame_id", pa.string()),
        ("pts_ns", pa.int64()),
        ("vector", VECTOR),
        ("status", pa.string()),
        ("reason", pa.string()),
    ],
    nullable=frozenset({"vector"}),
)

# One row a clip.
VIDEOMAE = _schema(
    "videomae_embeddings",
    [
        ("video_id", pa.string()),
        ("clip_id", pa.string()),
        ("start_ns", pa.int64()),
        ("end_ns", pa.int64()),
        ("vector", VECTOR),
        ("status", pa.string()),
        ("reason", pa.string()),
    ],
    nullable=frozenset({"vector"}),
)

# One row a window of sound. `window_id` is `w` + microseconds.
WAV2VEC2 = _schema(
    "wav2vec2_embeddings",
    [
        ("video_id", pa.string()),
        ("window_id", pa.string()),
        ("start_ns", pa.int64()),
        ("end_ns", pa.int64()),
        ("vector", VECTOR),
        ("status", pa.string()),
        ("reason", pa.string()),
    ],
    nullable=frozenset({"vector"}),
)

# One row a tracked thing on a frame. `entity_id` is `n` + microseconds + `-` + the track's number.
ENTITIES = _schema(
    "entity_tracks",
    [
        ("video_id", pa.string()),
        ("entity_id", pa.string()),
        ("frame_id", pa.string()),
        ("pts_ns", pa.int64()),
        ("track_id", pa.string()),  # t + number, by order of first appearance in the video
        ("concept", pa.string()),
        ("score", pa.float32()),  # of the detector: sigmoid(query) * sigmoid(presence); of the last sight where carried
        ("presence", pa.float32()),  # that the concept is anywhere in the frame
        ("box", BOX),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("mask", pa.string()),  # COCO's compressed run lengths of height x width, column by column
        ("found_by", pa.string()),  # detector | tracker
        ("status", pa.string()),
        ("reason", pa.string()),
    ],
    nullable=frozenset({"mask"}),
)

# One row a tracked thing on a frame whose mask covers enough of the frame's patches.
REGIONS = _schema(
    "region_embeddings",
    [
        ("video_id", pa.string()),
        ("region_id", pa.string()),  # r + microseconds + - + the track's number
        ("entity_id", pa.string()),
        ("frame_id", pa.string()),
        ("pts_ns", pa.int64()),
        ("track_id", pa.string()),
        ("concept", pa.string()),
        ("patches", pa.float32()),  # sum of the shares of the patches under the mask
        ("vector", VECTOR),
        ("status", pa.string()),
        ("reason", pa.string()),
    ],
    nullable=frozenset({"vector"}),
)

# One row a sound and its span. `sound_id` is `a` + microseconds + `-` + number.
SOUNDS = _schema(
    "sound_events",
    [
        ("video_id", pa.string()),
        ("sound_id", pa.string()),
        ("start_ns", pa.int64()),
        ("end_ns", pa.int64()),
        ("label", pa.string()),
        ("score", pa.float32()),  # highest in the span; null for a caption, which has none
        ("text", pa.string()),  # a caption; empty for a tag
        ("status", pa.string()),
        ("reason", pa.string()),
    ],
    nullable=frozenset({"score"}),
)

# One row a variable and a span in which it held one value. Rejected readings stay, as `filtered` rows with the rule.
GAME_STATE = _schema(
    "game_state",
    [
        ("video_id", pa.string()),
        ("state_id", pa.string()),  # g + microseconds + - + variable
        ("variable", pa.string()),
        ("value", pa.float64()),
        ("start_ns", pa.int64()),
        ("end_ns", pa.int64()),
        ("confidence", pa.float32()),
        ("evidence", pa.list_(pa.string())),  # ocr_id
        ("status", pa.string()),
        ("reason", pa.string()),
    ],
    nullable=frozenset({"value"}),
)

# One row an event, ordered by start, then kind. `event_id` is `e` + microseconds + `-kind` (+ `-n` for a tie).
TIMELINE_EVENTS = _schema(
    "timeline_events",
    [
        ("video_id", pa.string()),
        ("event_id", pa.string()),
        (
            "kind",
            pa.string(),
        ),  # damage | heal | armor | pickup | shot | death | respawn | weapon_change | message | ...
        ("start_ns", pa.int64()),
        ("end_ns", pa.int64()),
        ("text", pa.string()),  # one sentence a person can read: "Took 12 damage (health 88 to 76)."
        ("subject", pa.string()),  # what it is about: item, weapon, variable; empty where nothing
        ("value", pa.float64()),  # signed amount where the kind has one
        ("ordinal", pa.int32()),  # 1-based count of this kind so far in this video
        ("confidence", pa.float32()),
        ("sources", pa.list_(pa.string())),  # state | ocr | speech | frames
        ("evidence", pa.list_(pa.string())),  # ids of the rows it was made from
    ],
    nullable=frozenset({"value"}),
)

TEXT_VECTOR_DIM = 384


def with_dim(schema: pa.Schema, dim: int) -> pa.Schema:
    """`schema` with vectors of fixed length: what a file of one model's vectors is written in."""
    number = schema.get_field_index("vector")
    field = schema.field(number)
    return schema.set(number, pa.field("vector", pa.list_(pa.float32(), dim), nullable=field.nullable))


# One row of the LanceDB table `timeline`: what can be found. Written per video as one transaction.
TIMELINE_INDEX = _schema(
    "timeline",
    [
        ("row_id", pa.string()),  # video_id/ + the id of the event, text or utterance it stands for
        ("video_id", pa.string()),
        ("source", pa.string()),  # event | speech | text | scene
        ("kind", pa.string()),
        ("start_ns", pa.int64()),
        ("end_ns", pa.int64()),
        ("text", pa.string()),
        ("subject", pa.string()),
        ("value", pa.float64()),
        ("confidence", pa.float32()),
        ("frame_id", pa.string()),  # the sampled frame nearest to the start: what to show for it
        ("evidence", pa.list_(pa.string())),
        ("vector", pa.list_(pa.float32(), TEXT_VECTOR_DIM)),  # unit length
        ("model", pa.string()),  # repo@revision of the text encoder, and the runtime
    ],
    nullable=frozenset({"value"}),
)

# One row of the LanceDB tables `frames_<dim>`: a frame that words can find.
FRAME_INDEX = _schema(
    "frames_index",
    [
        ("row_id", pa.string()),  # video_id/frame_id
        ("video_id", pa.string()),
        ("frame_id", pa.string()),
        ("pts_ns", pa.int64()),
        ("vector", VECTOR),  # unit length
        ("model", pa.string()),  # repo@revision of the encoder, and its dtype
    ],
)

# One row a question and its answer, kept (`ok`) or dropped (`filtered`, with the reason). `pair_id` is `q` + 16 hex
# digits of the SHA-256 of video, kind, language, question and answer: the same words are the same pair.
QA_PAIRS = _schema(
    "qa_pairs",
    [
        ("video_id", pa.string()),
        ("pair_id", pa.string()),
        ("kind", pa.string()),  # what | when | where | how_many | before_after | state | why | summary | ...
        ("language", pa.string()),
        ("length", pa.string()),  # of the answer: short | medium | long
        ("question", pa.string()),
        ("answer", pa.string()),
        ("start_ns", pa.int64()),  # the span that the pair is about
        ("end_ns", pa.int64()),
        ("evidence", pa.list_(pa.string())),  # ids of rows of this video; of `why` the chain, in order
        ("frames", pa.list_(pa.string())),  # frame_id
        (
            "boxes",
            pa.list_(
                pa.struct(
                    [
                        ("frame_id", pa.string()),
                        ("box", BOX),
                        ("width", pa.int32()),
                        ("height", pa.int32()),
                        ("label", pa.string()),
                    ]
                )
            ),
        ),
        ("claims", pa.string()),  # JSON: what the answer states, in figures (dataset/pairs.py)
        ("made_by", pa.string()),  # templates@VERSION | model@server | import@FILE
        ("confidence", pa.float64()),  # of the weakest row of its evidence
        ("status", pa.string()),
        ("reason", pa.string()),
        ("detail", pa.string()),
    ],
)

# One row a request to a language model that writes pairs. `call_id` is `k` + 16 hex digits of the request.
QA_CALLS = _schema(
    "qa_calls",
    [
        ("video_id", pa.string()),
        ("call_id", pa.string()),
        ("purpose", pa.string()),  # context | pairs
        ("start_ns", pa.int64()),  # the stretch that it was about
        ("end_ns", pa.int64()),
        ("model", pa.string()),
        ("outcome", pa.string()),  # json | salvaged | repaired | retried | nothing | unreadable | refused | budget
        ("pairs", pa.int32()),  # pairs in the reply
        ("requests", pa.int32()),
        ("prompt_tokens", pa.int64()),
        ("completion_tokens", pa.int64()),
        ("latency_ms", pa.float64()),  # when it was asked, both tries together
        ("cost_usd", pa.float64()),  # null where the model's price is not known
        ("detail", pa.string()),  # what could not be read
    ],
    nullable=frozenset({"cost_usd"}),
)

# One row a line of `examples.jsonl`: what a release needs to know of it without reading the line.
EXAMPLES = _schema(
    "training_examples",
    [
        ("video_id", pa.string()),
        ("example_id", pa.string()),  # x + 16 hex digits: pair and curriculum
        ("pair_id", pa.string()),
        ("kind", pa.string()),
        ("curriculum", pa.string()),  # alignment | dynamics | long
        ("language", pa.string()),
        ("length", pa.string()),
        ("made_by", pa.string()),
        ("confidence", pa.float64()),
        ("question", pa.string()),
        ("answer", pa.string()),
        ("start_ns", pa.int64()),
        ("end_ns", pa.int64()),
        ("tokens", pa.int32()),  # of text, by white space and punctuation: an estimate without a tokenizer
        ("embeddings", pa.int32()),  # <v>, <r> and <a> tokens
        ("offset", pa.int64()),  # of the line in examples.jsonl, in bytes
        ("bytes", pa.int32()),  # of the line, its end included
        ("digest", pa.string()),  # SHA-256 of what the model reads and writes: two lines with one are exact duplicates
        ("frame_vector", VECTOR),  # unit mean of its frames' SigLIP vectors; null where it shows no frame
    ],
    nullable=frozenset({"frame_vector"}),
)

# One row an example that a release left out, and why.
REMOVED = _schema(
    "removed",
    [
        ("example_id", pa.string()),
        ("pair_id", pa.string()),
        ("video_id", pa.string()),
        ("reason", pa.string()),  # which step of a release left it out: docs/releases.md
        ("detail", pa.string()),
        ("kept", pa.string()),  # the example_id that stands for it; empty where none does
    ],
)

# One row an example of a release, in the order of its lines: `offset` and `bytes` are those of the split's file.
RELEASE_EXAMPLES = _schema(
    "training_set",
    [
        *((field.name, field.type) for field in EXAMPLES if field.name != "frame_vector"),
        ("split", pa.string()),  # train | validation | test
        ("duplicate_group", pa.string()),  # the first video_id of those that share footage; never split
        ("reviewed", pa.string()),  # accepted | fixed; empty where nobody looked
    ],
)
