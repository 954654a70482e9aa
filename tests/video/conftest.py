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
    """Makes a film under a name, or gives the one that was made under it before."""
    folder = tmp_path_factory.mktemp("films")
    made: dict[str, Film] = {}

    def make(name: str, what: Film) -> Path:
        if name not in made:
            films.make(folder / name, what)
            made[name] = what
        assert made[name] == what, f"two films are called {name}"
        return folder / name

    return make
