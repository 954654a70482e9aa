"""The import rules of docs/architecture.md, read off the syntax trees."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HEAVY = {"torch", "av", "cv2", "lancedb", "transformers", "onnxruntime", "openvino", "openai", "matplotlib", "yt_dlp"}
PURE = [
    "gvlm_resources/timebase.py",
    "gvlm_resources/errors.py",
    "gvlm_resources/schemas.py",
    "gvlm_resources/recipes.py",
    "gvlm_resources/lake/layout.py",
    "gvlm_resources/lake/fingerprint.py",
    "gvlm_resources/video/sampling.py",
    *(
        f"gvlm_resources/dataset/{name}.py"
        for name in (
            *("pairs", "facts", "claims", "examples/example", "examples/curriculum_text", "releases/release_spec"),
            *("questions/templates", "questions/wording", "releases/splits", "releases/balance", "releases/manifest"),
            *(
                f"writer/{name}"
                for name in ("stretches", "context", "prompt_parts", "writer_prompts", "writer_replies")
            ),
            *("cards/audit_finding", "cards/audit_balance", "cards/card_blocks", "cards/card_limits"),
            *("review/review_words", "export/tokens", "export/sources", "export/grounds"),
        )
    ),
    *(str(path.relative_to(ROOT)) for path in ROOT.glob("gvlm_resources/dataset/questions/ask_*.py")),
    *(str(path.relative_to(ROOT)) for path in ROOT.glob("gvlm_resources/dataset/grounding/*.py")),
    *(f"gvlm_resources/llm/{name}.py" for name in ("protocol", "structured", "literal", "usage")),
    "gvlm_resources/encoders/catalogue.py",
    "gvlm_resources/encoders/masks.py",
    "gvlm_resources/encoders/meter.py",
    "gvlm_resources/encoders/protocol.py",
    "gvlm_resources/encoders/sound_replies.py",
    "gvlm_resources/encoders/tracks.py",
    "gvlm_resources/encoders/windows.py",
    "gvlm_resources/text/languages.py",
    "gvlm_resources/text/word_times.py",
    "gvlm_resources/timeline/state.py",
    "gvlm_resources/timeline/events.py",
    "gvlm_resources/timeline/rows.py",
    "gvlm_resources/timeline/render.py",
    *(
        f"gvlm_resources/reasoning/{name}.py"
        for name in (
            *("question", "question_parts", "rewording", "anchors", "asking", "asides", "subjects", "thresholds"),
            *("steps", "prompts"),
        )
    ),
    "gvlm_resources/evaluation/spotting.py",
]
TRUTH = {"gvlm_resources.simulator", "gvlm_resources.evaluation", "gvlm_resources.encoders.pretrain"}
ASSET_MODULES = [
    "ingest",
    "sampling",
    "text",
    "embeddings",
    "entities",
    "sounds",
    "timeline",
    "synthesis",
    "datasets",
    "query",
]


def sources(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def imports(path: Path) -> Iterator[tuple[str, bool]]:
    """Every imported module's full name, and whether the import stands at the top of the module."""
    tree = ast.parse(path.read_text())
    guarded = {
        child
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        for child in ast.walk(node)
    }
    top = set(tree.body)
    for node in ast.walk(tree):
        if node in guarded:
            continue
        if isinstance(node, ast.Import):
            yield from ((alias.name, node in top) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} uses a relative import"
            yield node.module or "", node in top
            yield from ((f"{node.module}.{alias.name}", node in top) for alias in node.names)


def roots(path: Path) -> set[str]:
    return {name.split(".")[0] for name, _ in imports(path)}


@pytest.mark.parametrize("path", sources("gvlm_resources"), ids=str)
def test_resources_know_nothing_of_assets_schedules_or_tests(path: Path) -> None:
    assert not roots(path) & {"gvlm_assets", "schedules", "tests"}
    if path.name != "bindings.py":
        assert "dagster" not in roots(path)


@pytest.mark.parametrize("path", sources("gvlm_assets", "schedules"), ids=str)
def test_assets_and_schedules_never_import_a_heavy_library(path: Path) -> None:
    assert not roots(path) & HEAVY


@pytest.mark.parametrize("path", sources("gvlm_assets"), ids=str)
def test_only_the_definitions_import_schedules(path: Path) -> None:
    assert path.name == "definitions.py" or "schedules" not in roots(path)


@pytest.mark.parametrize("path", sources("gvlm_assets", "gvlm_resources", "schedules"), ids=str)
def test_one_module_reads_the_environment(path: Path) -> None:
    """The simulator, which is not part of the main path, tells the game's process where its sound library is."""
    if path.parent.name == "simulator":
        return
    readers = [
        node
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv"}
    ]
    assert path.name == "environment.py" or not readers


@pytest.mark.parametrize("path", sources("gvlm_assets", "gvlm_resources", "schedules"), ids=str)
def test_openvino_is_imported_without_its_telemetry(path: Path) -> None:
    assert path.name == "quiet_openvino.py" or "openvino" not in roots(path)


def test_reading_the_screen_reports_to_nobody() -> None:
    script = "import sys, gvlm_resources.text.rapid_ocr; print(sys.modules['openvino_telemetry'])"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "None"


@pytest.mark.parametrize("name", ASSET_MODULES)
def test_asset_modules_never_import_each_other(name: str) -> None:
    modules = {f"gvlm_assets.{other}" for other in ASSET_MODULES}
    found = {imported for imported, _ in imports(ROOT / "gvlm_assets" / f"{name}.py")}
    assert not found & (modules - {f"gvlm_assets.{name}"})


@pytest.mark.parametrize("path", sources("gvlm_assets"), ids=str)
def test_asset_modules_have_real_annotations(path: Path) -> None:
    assert "__future__" not in roots(path), "Dagster cannot read a context annotation that is a string"


@pytest.mark.parametrize("path", PURE)
def test_pure_modules_import_no_io_library(path: str) -> None:
    impure = {"PIL", "requests", "subprocess", "socket", "filelock", "dagster", "rapidocr"}
    assert not roots(ROOT / path) & (HEAVY | impure)


@pytest.mark.parametrize("path", sources("gvlm_resources"), ids=str)
def test_a_package_file_holds_a_docstring_and_nothing_heavy(path: Path) -> None:
    if path.name == "__init__.py":
        assert not roots(path) & HEAVY


def test_no_module_of_the_main_path_can_reach_the_truth() -> None:
    """Everything that the definitions and the command import, however deep, without the simulator or the evaluation."""
    seen: set[str] = set()
    waiting = ["gvlm_assets.definitions", "gvlm_assets.cli"]
    while waiting:
        name = waiting.pop()
        path = module_file(name)
        if name in seen or path is None:
            continue
        seen.add(name)
        waiting.extend(imported for imported, _ in imports(path))
    assert "gvlm_resources.video.decode" in seen, "the walk does not reach the main path"
    assert not {name for name in seen if any(name == t or name.startswith(f"{t}.") for t in TRUTH)}


def module_file(name: str) -> Path | None:
    path = ROOT.joinpath(*name.split("."))
    for candidate in (path.with_suffix(".py"), path / "__init__.py"):
        if candidate.is_file():
            return candidate
    return None


def test_loading_the_definitions_is_quick_and_loads_no_model_library() -> None:
    script = (
        "import sys, time; import gvlm_assets.definitions; used = time.process_time();"
        f"print(used, sorted(set(sys.modules) & {HEAVY!r}))"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    seconds, loaded = done.stdout.split(maxsplit=1)
    assert loaded.strip() == "[]"
    assert float(seconds) < 4.0
