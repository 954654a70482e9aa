"""Films are made once a session and looked at by many tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.video import films
from tests.video.films import Film

FilmMaker = Callable[[str, Film], Path]


@pytest.fixture(scope="session")
def film(tmp_path_factory: pytest.TempPathFactory) -> FilmMaker:
    """Makes a film under a name, or gives the one that was made from the same description before."""
    folder = tmp_path_factory.mktemp("films")
    made: list[tuple[str, Film]] = []

    def make(name: str, what: Film) -> Path:
        is_new = (name, what) not in made
        if is_new:
            made.append((name, what))
        path = folder / str(made.index((name, what))) / name
        if is_new:
            path.parent.mkdir()
            films.make(path, what)
        return path

    return make
