"""One sentence for each event that a person can read (pure). A game's own `sentences` come first."""

from __future__ import annotations

from string import Formatter
from typing import TYPE_CHECKING

from gvlm_resources.game import Game

if TYPE_CHECKING:
    from gvlm_resources.timeline.events import Happening

SENTENCES: dict[str, tuple[str, ...]] = {
    "damage": ("Took {amount} damage ({changes}).",),
    "heal": ("Gained {amount} {label} ({changes}).",),
    "armor": ("Gained {amount} {label} ({changes}).",),
    "pickup": ("Picked up {subject} ({changes}).", "Picked up {subject}."),
    "shot": ("Fired the {subject} ({changes}).", "Fired a shot."),
    "death": ("Died, killed by {subject} ({changes}).", "Died ({changes})."),
    "respawn": ("Came back to life ({changes}).",),
    "weapon_change": ("Changed weapon to the {subject}.", "Changed weapon ({changes}).", "Changed weapon."),
    "message": ("The game says: {text}",),
    "secret": ("Found a secret.",),
    "speech": ("Somebody says: {text}",),
    "sound": ("Heard: {text}", "Heard {subject}."),
    "entity": ("Seen: {subject}.",),
    "scene_change": ("The scene changes.",),
    "black_screen": ("The picture is black.",),
}
ANY = ("{kind}: {subject} ({changes}).", "{kind}: {text}", "{kind}: {changes}.", "{kind}.")


def sentence(happening: Happening, game: Game) -> str:
    """The first sentence of the event's kind whose fields are all known, the game's own before the general ones."""
    kind = happening.kind
    fields = {
        "kind": kind.replace("_", " ").capitalize(),
        "subject": happening.subject,
        "label": happening.label,
        "amount": "" if happening.value is None else f"{abs(happening.value):g}",
        "changes": ", ".join(change.words for change in happening.changes),
        "text": happening.text,
    }
    for template in (*game.sentences.get(kind, ()), *SENTENCES.get(kind, ()), *ANY):
        if all(fields[name] for _, name, _, _ in Formatter().parse(template) if name):
            return template.format(**fields)
    return f"{fields['kind']}."
