"""A second reader for the lines that the first is not sure of: the better supported of the two readings stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from gvlm_resources.text.protocol import Box, Image, Reading, TextReader


class OneLineReader(Protocol):
    """Reads crops of one line each, and finds none by itself."""

    name: str

    def recognise(self, crops: Sequence[Image]) -> list[Reading]:
        """One reading a crop, in their order."""


class SecondReader:
    """A `TextReader` whose doubtful lines another reader reads again.

    Numbers of the HUD, which are read under an alphabet, stay with the first: the second knows words, and would make
    words of them. So do crops in which the first sees nothing, where the second would invent something.
    """

    def __init__(self, first: TextReader, second: OneLineReader, *, below: float) -> None:
        self.name = f"{first.name}, under {below:g} {second.name}"
        self._first = first
        self._second = second
        self._below = below

    def recognise(self, crops: Sequence[Image], *, alphabet: str | None = None) -> list[Reading]:
        """`looks` of a reading says how many readers looked at its crop."""
        readings = self._first.recognise(crops, alphabet=alphabet)
        if alphabet is not None:
            return readings
        doubtful = [number for number, one in enumerate(readings) if one.text and one.confidence < self._below]
        if doubtful:
            again = self._second.recognise([crops[number] for number in doubtful])
            for number, second in zip(doubtful, again, strict=True):
                readings[number] = better(readings[number], second)
        return readings

    def detect(self, image: Image, *, scale: float = 1.0) -> list[Box]:
        return self._first.detect(image, scale=scale)


def better(first: Reading, second: Reading) -> Reading:
    """The surer of two readings of one crop, the first where they are equally sure.

    Where they agree but for capitals and spaces it is the first's spelling, as sure as the surer one: many a TrOCR
    checkpoint writes capitals only.
    """
    looks = first.looks + second.looks
    surest = max(first, second, key=lambda reading: reading.confidence)
    chosen = replace(surest, text=first.text) if _letters(first) == _letters(second) else surest
    return replace(chosen, looks=looks)


def _letters(reading: Reading) -> str:
    return "".join(reading.text.casefold().split())
