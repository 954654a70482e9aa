"""The library as a source of evidence, put together from the resources that an asset is given."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from gvlm_resources.bindings import LakeFolder, Models
from gvlm_resources.settings import Settings

if TYPE_CHECKING:
    from gvlm_resources.reasoning.library import LibrarySource

FRAMES = "frame_index"


def source(lake_folder: LakeFolder, settings: Settings, models: Models, video_ids: Sequence[str]) -> "LibrarySource":
    """What can be looked up of these videos."""
    from gvlm_resources.reasoning import library

    return library.LibrarySource(
        lake=lake_folder.lake(),
        catalogue=lake_folder.catalogue(),
        store=lake_folder.timeline(),
        encoder=models.text_encoder(settings),
        video_ids=video_ids,
        looks=_looks(lake_folder, settings, models),
    )


def _looks(lake_folder: LakeFolder, settings: Settings, models: Models) -> Any:
    """A search of the frames by what they look like. The text tower is loaded by the first question that needs it."""

    def looks(words: str, video_ids: Sequence[str], span: Any, limit: int) -> Any:
        from gvlm_resources.timeline import find

        built = [key for key in video_ids if lake_folder.lake().find(FRAMES, key) is not None]
        if not built:
            return []
        tower = models.siglip(settings)
        frames = lake_folder.frames(tower.identity.dim)
        space = models.space(settings)
        return find.find(words, tower, frames, model=space, limit=limit, video_ids=built, span=span)

    return looks
