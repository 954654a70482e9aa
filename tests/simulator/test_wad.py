from __future__ import annotations

import struct

import pytest

from gvlm_resources.simulator.wad import LineUse, level_names, message_font, read_level
from tests.simulator.levels import TEXT_LEVEL, archive, binary_level


def test_levels_of_both_forms_are_found_in_the_archives_order() -> None:
    wad = archive([*binary_level(), ("MAP02", b""), ("TEXTMAP", TEXT_LEVEL.encode()), ("ENDMAP", b"")])
    assert level_names(wad) == ["MAP01", "MAP02"]


def test_a_binary_level_keeps_walls_doors_heights_and_floors_that_hurt() -> None:
    level = read_level(archive(binary_level()), "MAP01")
    assert [line.blocks for line in level.lines] == [True] * 6 + [False]
    door = level.lines[6]
    assert (door.front, door.back, door.use, door.tag, door.by_hand) == (0, 1, LineUse.LOCKED_DOOR, 7, True)
    assert level.floor.tolist() == [0, 16]
    assert level.ceiling.tolist() == [128, 120]
    assert level.hurts.tolist() == [False, True]
    assert level.tags.tolist() == [0, 5]


def test_a_text_level_reads_the_same_facts_past_comments_and_quoted_braces() -> None:
    wad = archive([("MAP01", b""), ("TEXTMAP", TEXT_LEVEL.encode()), ("ENDMAP", b"")])
    level = read_level(wad, "MAP01")
    assert [line.use for line in level.lines] == [LineUse.NONE, LineUse.DOOR, LineUse.EXIT]
    assert (level.lines[1].front, level.lines[1].back, level.lines[1].blocks) == (0, 1, False)
    assert level.lines[0].blocks
    assert level.floor.tolist() == [0, 24]
    assert level.tags.tolist() == [0, 3]


def test_the_front_of_a_line_is_to_its_right() -> None:
    wall = read_level(archive(binary_level()), "MAP01").lines[0]  # runs north along the west wall
    assert wall.in_front(16) == (16, 64)
    assert wall.faces((16, 64))
    assert not wall.faces((-16, 64))


def test_an_unknown_level_and_a_file_that_is_no_archive_are_told_apart() -> None:
    with pytest.raises(KeyError):
        read_level(archive(binary_level()), "MAP09")
    with pytest.raises(ValueError, match="not a WAD archive"):
        level_names(b"RIFF" + bytes(20))


def test_the_message_font_measures_glyphs_and_gives_the_space_half_an_n() -> None:
    glyphs = [("STCFN078", struct.pack("<hh", 9, 7)), ("STCFN033", struct.pack("<hh", 4, 7)), ("STCFN121", b"\1\0")]
    assert message_font(archive(glyphs)) == {"N": 9, "!": 4, " ": 5}
