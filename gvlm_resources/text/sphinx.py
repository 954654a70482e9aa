"""English speech by PocketSphinx 5 and the `en-us` model its package carries: no download, one core, no GPU.

It is a recogniser of the older kind: clear speech at conversational pace comes out mostly right, shouted or noisy
speech often wrong. What makes it usable over game sound is its word posteriors, which are near 0 on noise.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from gvlm_resources.errors import MissingModelError, SettingsError
from gvlm_resources.settings import TranscriptionSettings
from gvlm_resources.text.transcript import Samples, Utterance, Word

REMEDY = "pip install --force-reinstall 'pocketsphinx>=5.1,<6'"

try:
    import pocketsphinx
except ImportError as error:
    raise MissingModelError(
        "the package pocketsphinx is not installed", remedy="pip install 'pocketsphinx>=5.1,<6'"
    ) from error

FRAME_SAMPLES = 160  # the decoder's step: 10 ms at 16 kHz
MODEL = "en-us"


def load(settings: TranscriptionSettings) -> SphinxRecogniser:
    """Raises SettingsError for another language than English, MissingModelError where the package lacks its model."""
    if settings.language not in ("auto", SphinxRecogniser.language):
        raise SettingsError(
            f"pocketsphinx understands English, and transcription.language is {settings.language}",
            remedy="choose the backend `whisper`, or set the language to en",
        )
    return SphinxRecogniser()


class SphinxRecogniser:
    """`Recogniser` over PocketSphinx. Loading takes about a second; not for use from two threads at once."""

    language = "en"

    def __init__(self, model_dir: Path | None = None) -> None:
        """`model_dir` holds `en-us/`, `en-us.lm.bin` and `cmudict-en-us.dict`; by default the package's own.

        Raises MissingModelError where one of the three is missing.
        """
        folder = model_dir or Path(pocketsphinx.get_model_path(MODEL))
        parts = {"hmm": folder / MODEL, "lm": folder / f"{MODEL}.lm.bin", "dict": folder / f"cmudict-{MODEL}.dict"}
        for part in parts.values():
            if not part.exists():
                raise MissingModelError(
                    f"PocketSphinx's model lacks {part.name}",
                    remedy="pip install --force-reinstall 'pocketsphinx>=5.1,<6'",
                )
        self.name = f"pocketsphinx/{MODEL}@{version('pocketsphinx')}"
        files = {key: str(part) for key, part in parts.items()}
        self._decoder = pocketsphinx.Decoder(loglevel="FATAL", **files)

    def recognise_batch(self, utterances: Sequence[Samples]) -> list[Utterance]:
        return [Utterance(self.recognise(samples), self.language) for samples in utterances]

    def recognise(self, samples: Samples) -> tuple[Word, ...]:
        """The words of one utterance; the decoder takes no more at a time."""
        if len(samples) < 10 * FRAME_SAMPLES or not samples.any():
            return ()  # no word takes under 100 ms; digital silence has no spectrum, and the decoder hears "aw" in it
        self._decoder.reinit_feat()  # forgets the noise floor of the utterance before: order must not matter
        self._decoder.start_utt()
        self._decoder.process_raw(samples.astype("<i2").tobytes(), full_utt=True)
        self._decoder.end_utt()
        segments = self._decoder.seg() if self._decoder.hyp() is not None else ()
        return tuple(_word(segment, len(samples)) for segment in segments if _is_word(segment.word))


def _is_word(label: str) -> bool:
    """Fillers stand in brackets of some kind: `<sil>`, `[NOISE]`, `++BREATH++`."""
    return label[0].isalnum() or label[0] == "'"


def _word(segment: pocketsphinx.Segment, samples: int) -> Word:
    first = min(segment.start_frame * FRAME_SAMPLES, samples - 1)
    last = min((segment.end_frame + 1) * FRAME_SAMPLES, samples)
    text = segment.word.partition("(")[0]  # "the(2)" is the second pronunciation of "the"
    return Word(text, first, max(last, first + 1), min(max(segment.prob, 0.0), 1.0))
