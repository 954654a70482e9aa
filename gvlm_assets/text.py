"""Group `perception`: what is written and what is said."""

from collections.abc import Mapping

from gvlm_assets import checks, show, stored
from gvlm_assets.per_video import Description, Draft, Face, Result, Work, step
from gvlm_resources import schemas
from gvlm_resources.lake.store import read_table


def _build_spans(work: Work, drafts: Mapping[str, Draft]) -> None:
    from gvlm_resources.text import vad

    spans = schemas.SPEECH_SPANS.empty_table()
    if stored.probe(work).has_audio:
        wav = work.upstream("audio").path(stored.AUDIO)
        spans = vad.speech_spans(wav, work.settings.speech, video_id=work.video_id)
    drafts["speech_spans"].table(stored.SPEECH_SPANS, spans, schemas.SPEECH_SPANS)


def _describe_spans(work: Work, result: Result) -> Description:
    rows = read_table(result, stored.SPEECH_SPANS)
    probe = stored.probe(work)
    metadata = show.table(rows, schemas.SPEECH_SPANS)
    if probe.has_audio:
        metadata["waveform"] = show.waveform(work.upstream("audio").path(stored.AUDIO), spans=rows)
    return Description(metadata, [checks.spans_are_in_order(rows, probe)])


def _build_transcript(work: Work, drafts: Mapping[str, Draft]) -> None:
    from gvlm_resources.text import transcript

    rows = schemas.SPEECH.empty_table()
    spans = read_table(work.upstream("speech_spans"), stored.SPEECH_SPANS)
    if spans.num_rows:
        wav = work.upstream("audio").path(stored.AUDIO)
        recogniser = work.models.recogniser(work.settings)
        rows = transcript.transcribe(
            wav, spans, recogniser, work.settings.speech, batch=work.settings.compute.window_batch
        )
    drafts["speech_transcript"].table(stored.SPEECH, rows, schemas.SPEECH)


def _describe_transcript(work: Work, result: Result) -> Description:
    rows = read_table(result, stored.SPEECH)
    metadata = show.table(rows, schemas.SPEECH) | {"text": show.lines(rows), "outcomes": show.outcomes(rows)}
    findings = [checks.words_lie_in_their_span(rows, stored.probe(work)), checks.few_rows_failed(rows, limit=0.2)]
    return Description(metadata, findings)


def _build_ocr(work: Work, drafts: Mapping[str, Draft]) -> None:
    from gvlm_resources.text import reading

    rows = reading.read_video(
        frames=work.upstream("frames").path(stored.FRAMES),
        hud_crops=work.upstream("hud_crops").path(stored.HUD_CROPS),
        video_id=work.video_id,
        end_ns=stored.probe(work).duration_ns,
        game=work.game,
        reader=work.models.text_reader(work.settings),
        settings=work.settings.ocr,
    )
    drafts["ocr_text"].table(stored.OCR, rows, schemas.OCR_TEXT)


def _describe_ocr(work: Work, result: Result) -> Description:
    rows = read_table(result, stored.OCR)
    probe = stored.probe(work)
    metadata = show.table(rows, schemas.OCR_TEXT) | {
        "overlay": show.ocr_overlay(work.upstream("frames").path(stored.FRAMES), rows),
        "texts": show.lines(show.only(rows, "category", {"message", "text"})),
        "outcomes": show.outcomes(rows),
        "rows_by_region": show.counts(rows, "region"),
    }
    findings = [
        checks.spans_lie_in_the_video(rows, probe),
        checks.few_rows_failed(rows, limit=0.1),
        checks.hud_is_read(rows, work.game, probe),
    ]
    return Description(metadata, findings)


speech_spans = step(
    "speech_spans",
    {
        "speech_spans": Face(
            "Where somebody speaks, by a voice activity detector: the only stretches that are sent to a recogniser.",
            "perception",
            frozenset({"onnx", "parquet"}),
            {"spans_are_in_order": "Speech spans are in order, do not overlap, and lie inside the video."},
            _describe_spans,
        )
    },
    _build_spans,
)

speech_transcript = step(
    "speech_transcript",
    {
        "speech_transcript": Face(
            "What is said, with words and times. A game without speech has none: only speech spans are recognised.",
            "perception",
            frozenset({"parquet"}),
            {
                "words_lie_in_their_span": "Every word lies inside its utterance, every utterance inside the video.",
                "few_rows_failed": "At most 20 % of the utterances could not be recognised.",
            },
            _describe_transcript,
        )
    },
    _build_transcript,
)

ocr_text = step(
    "ocr_text",
    {
        "ocr_text": Face(
            "What is written: each HUD region by itself, then the rest of the frame; a row a text and its span.",
            "perception",
            frozenset({"onnx", "parquet"}),
            {
                "spans_lie_in_the_video": "Every text's span lies inside the video.",
                "few_rows_failed": "At most 10 % of the readings failed.",
                "hud_is_read": "At least one number region of the game's HUD is read for 80 % of the video.",
            },
            _describe_ocr,
        )
    },
    _build_ocr,
)
