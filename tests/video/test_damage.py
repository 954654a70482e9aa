"""Which pictures are trusted when packets are damaged."""

from __future__ import annotations

from gvlm_resources.video.damage import PATIENCE, Ledger


def settled(ledger: Ledger[str]) -> list[tuple[int, str | None]]:
    return [(one.frame, one.made) for one in ledger.ready()]


def test_frames_come_out_in_the_order_of_time_whatever_the_order_of_decoding() -> None:
    ledger: Ledger[str] = Ledger()
    ledger.expect([0, 1, 2])
    for position, frame in enumerate([0, 2, 1]):  # I P B
        ledger.sent(position, frame=frame, vital=frame != 1)
    ledger.came(0, "I")
    assert settled(ledger) == [(0, "I")]
    ledger.came(2, "B")
    assert settled(ledger) == [], "the P that it refers to has not come out yet"
    ledger.came(1, "P")
    assert settled(ledger) == [(1, "B"), (2, "P")]


def test_what_refers_to_a_damaged_picture_fails_though_it_came_out_before_it() -> None:
    ledger: Ledger[str] = Ledger()
    ledger.expect([0, 1, 2])
    for position, frame in enumerate([0, 2, 1]):
        ledger.sent(position, frame=frame, vital=frame != 1)
    ledger.came(0, "I")
    ledger.came(2, "B")
    ledger.came(1, None, reason="its packet is damaged")
    found = list(ledger.ready())
    assert [one.made for one in found] == ["I", None, None]
    assert "damaged packet 1" in found[1].reason


def test_a_damaged_picture_that_nothing_depends_on_costs_itself_alone() -> None:
    ledger: Ledger[str] = Ledger()
    ledger.expect([0, 1, 2])
    for position, frame in enumerate([0, 1, 2]):
        ledger.sent(position, frame=frame, vital=frame != 1)
    ledger.came(0, "I")
    ledger.came(1, None, reason="cannot be decoded")
    ledger.came(2, "P")
    assert settled(ledger) == [(0, "I"), (1, None), (2, "P")]


def test_a_picture_that_never_comes_is_lost_and_taints_what_follows() -> None:
    ledger: Ledger[str] = Ledger()
    count = PATIENCE + 10
    ledger.expect(range(count))
    for frame in range(count):
        ledger.sent(frame, frame=frame, vital=True)
        if frame != 3:
            ledger.came(frame, f"P{frame}")
    found = list(ledger.ready())
    assert len(found) == count, "the lost one holds nothing up for long"
    assert [one.frame for one in found if one.made is None] == list(range(3, count))


def test_closing_settles_what_was_never_sent() -> None:
    ledger: Ledger[str] = Ledger()
    ledger.expect([0, 1])
    ledger.sent(0, frame=0, vital=True)
    ledger.came(0, "I")
    ledger.close()
    found = list(ledger.ready())
    assert [one.made for one in found] == ["I", None]
    assert found[1].reason == "its packet is not in the file"
