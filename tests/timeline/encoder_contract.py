"""What every text encoder promises. A test class inherits it and provides `encoder`."""

from __future__ import annotations

import numpy as np
import pytest

from gvlm_resources.timeline.embedding import TextEncoder, cosines

VARIED = [
    "Took 12 damage (health 88 to 76).",
    "Picked up the shotgun.",
    "You died.",
    "a",
    "where is the blue key, I cannot find it anywhere near this door " * 3,
    "",
]


class TextEncoderContract:
    @pytest.fixture
    def encoder(self) -> TextEncoder:
        raise NotImplementedError

    def test_no_text_gives_no_vector(self, encoder: TextEncoder) -> None:
        vectors = encoder.encode([])
        assert vectors.shape == (0, encoder.dim)
        assert vectors.dtype == np.float32

    def test_every_vector_has_unit_length(self, encoder: TextEncoder) -> None:
        vectors = encoder.encode(VARIED)
        assert vectors.shape == (len(VARIED), encoder.dim)
        assert vectors.dtype == np.float32
        assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(len(VARIED)), abs=1e-5)

    def test_vectors_come_in_the_order_of_the_texts(self, encoder: TextEncoder) -> None:
        forward, backward = encoder.encode(VARIED), encoder.encode(VARIED[::-1])
        assert cosines(forward, backward[::-1]).min() > 0.999
        assert cosines(forward, backward).min() < 0.9

    def test_a_text_gets_the_same_vector_alone_and_among_many(self, encoder: TextEncoder) -> None:
        many = encoder.encode(VARIED * 20)[: len(VARIED)]
        alone = np.vstack([encoder.encode([text]) for text in VARIED])
        assert cosines(many, alone).min() > 0.999

    def test_equal_texts_of_one_call_get_equal_vectors(self, encoder: TextEncoder) -> None:
        vectors = encoder.encode(["You died.", *VARIED, "You died."])
        assert (vectors[0] == vectors[-1]).all()

    def test_the_name_says_model_revision_and_runtime(self, encoder: TextEncoder) -> None:
        repo, _, rest = encoder.name.partition("@")
        revision, _, runtime = rest.partition("+")
        assert repo
        assert revision
        assert runtime
