"""The card in Markdown and as a page: what it says, what it must never let through, and that it is always the same."""

import base64
import io
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import polars as pl
import pytest
from huggingface_hub import DatasetCard
from markdown_it import MarkdownIt
from PIL import Image

from gvlm_resources.dataset.cards import audit, card, card_content, card_holds, card_html, card_samples, pictures
from gvlm_resources.dataset.cards.card_blocks import Bars, Sample, Table
from gvlm_resources.dataset.releases.decided import FIXED
from gvlm_resources.dataset.releases.release_files import MANIFEST, Release
from tests.dataset import small_release
from tests.dataset.small_release import Row, sound_rows, video, video_id

HOSTILE = (
    "<script>alert(1)</script> <img src=x onerror=alert(1)> [link](javascript:alert(1)) ![i](http://a.example/x.png) "
    "`code` **bold** | cell | $x^2$ &lt; http://evil.example www.evil.example # head <!-- --> \\ {token}"
)


def jpeg(colour: tuple[int, int, int] = (40, 120, 200), size: tuple[int, int] = (640, 480)) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, "JPEG")
    return buffer.getvalue()


FRAME = jpeg()


def frame(_video_id: str, _frame_id: str) -> bytes | None:
    return FRAME


def findings(release: Release) -> list[audit.AuditFinding]:
    return audit.findings(release, small_release.known)


def markdown(release: Release, **options: object) -> str:
    return card.markdown(release, findings(release), frame, **options)


def page(release: Release) -> str:
    return card_html.html(release, findings(release), frame)


class Elements(HTMLParser):
    """The tags of a page with their attributes, and its texts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture
def release(tmp_path: Path) -> Release:
    return small_release.write(tmp_path, sound_rows())


@pytest.fixture
def hostile(tmp_path: Path) -> Release:
    rows = [Row(HOSTILE, f"{HOSTILE} {n}", video=video_id(n), split=s) for n, s in enumerate(["train", "test"])]
    videos = [video(n, title=HOSTILE, licence=HOSTILE, origin=HOSTILE, game="a|b") for n in range(2)]
    return small_release.write(tmp_path, rows, videos=videos, removed=[{"reason": HOSTILE}])


def test_the_same_release_gives_the_same_bytes(tmp_path: Path) -> None:
    first, second = (small_release.write(tmp_path / name, sound_rows()) for name in ("a", "b"))
    assert markdown(first) == markdown(second)
    assert page(first) == page(second)


def test_the_head_is_one_that_the_hub_reads(release: Release) -> None:
    data = DatasetCard(markdown(release)).data.to_dict()
    assert data["license"] == "bsd-3-clause"
    assert data["language"] == ["en"]
    assert data["size_categories"] == ["n<1K"]
    assert data["task_categories"] == ["visual-question-answering", "video-text-to-text"]
    assert data["configs"] == [
        {
            "config_name": "default",
            "data_files": [{"split": s, "path": f"{s}.jsonl"} for s in ("train", "validation", "test")],
        }
    ]


def test_the_head_names_every_licence_and_no_empty_split(tmp_path: Path) -> None:
    rows = [Row("A?", "B.", video=video_id(n), language=("en", "de", "en")[n]) for n in range(3)]
    licences = ["CC-BY-4.0", "", "My own terms"]
    small = small_release.write(
        tmp_path, rows, videos=[video(n, licence=licence) for n, licence in enumerate(licences)]
    )
    data = DatasetCard(markdown(small)).data.to_dict()
    assert data["license"] == ["cc-by-4.0", "other", "unknown"]
    assert data["language"] == ["de", "en"]
    assert data["configs"][0]["data_files"] == [{"split": "train", "path": "train.jsonl"}]


@pytest.mark.parametrize(
    ("count", "size"), [(999, "n<1K"), (1_000, "1K<n<10K"), (123_456, "100K<n<1M"), (5_000_000, "1M<n<10M")]
)
def test_the_size_is_in_the_hubs_words(count: int, size: str) -> None:
    assert card_content._size(count) == size


def test_texts_of_videos_and_models_are_no_markup_in_markdown(hostile: Release) -> None:
    body = DatasetCard(markdown(hostile)).text
    rendered = Elements(MarkdownIt("gfm-like", {"linkify": False, "html": True}).render(body))
    images = [attrs["src"] or "" for tag, attrs in rendered.tags if tag == "img"]
    assert images
    assert all(source.startswith("data:image/jpeg;base64,") for source in images)
    allowed = {"h1", "h2", "h3", "p", "table", "thead", "tbody", "tr", "th", "td", "ul", "li", "strong", "pre", "code"}
    assert {tag for tag, _ in rendered.tags} <= {*allowed, "img"}
    assert not any(name.startswith("on") for _, attrs in rendered.tags for name in attrs)
    assert HOSTILE in rendered.text


def test_a_text_with_a_bar_or_a_break_stays_in_its_cell(hostile: Release) -> None:
    body = DatasetCard(markdown(hostile, pictures="none")).text
    tables = [block for block in body.split("\n\n") if block.startswith("|")]
    assert tables
    for table in tables:
        widths = {len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}
        assert len(widths) == 1


def test_texts_of_videos_and_models_are_no_markup_on_the_page(hostile: Release) -> None:
    elements = Elements(page(hostile))
    assert not {"script", "iframe", "object", "embed", "form", "link", "base"} & {tag for tag, _ in elements.tags}
    assert not any(name.startswith("on") for _, attrs in elements.tags for name in attrs)
    assert HOSTILE in elements.text


def test_the_page_asks_for_nothing_from_elsewhere(hostile: Release) -> None:
    elements = Elements(page(hostile))
    sources = [attrs.get("src") or "" for _, attrs in elements.tags if "src" in attrs]
    targets = [attrs.get("href") or "" for _, attrs in elements.tags if "href" in attrs]
    assert all(source.startswith("data:image/jpeg;base64,") for source in sources)
    assert all(re.fullmatch(r"#s\d+", target) for target in targets)
    assert "url(" not in page(hostile)
    policy = next(a["content"] for t, a in elements.tags if t == "meta" and a.get("http-equiv"))
    assert "default-src 'none'" in (policy or "")


def test_a_check_that_quotes_a_fence_stays_in_its_own(tmp_path: Path) -> None:
    answer = "```\n<img src=x>\n```\u202e"
    rows = [Row(f"{n}?", answer, split="train") for n in range(30)]
    rendered = MarkdownIt("gfm-like", {"linkify": False, "html": True}).render(
        DatasetCard(markdown(small_release.write(tmp_path, rows), pictures="none")).text
    )
    assert "one answer is right for 100% of train" in rendered
    assert "img" not in {tag for tag, _ in Elements(rendered).tags}
    assert "\u202e" not in rendered
    assert "\u202e" not in page(Release(tmp_path))


def test_characters_that_turn_text_round_or_break_lines_are_taken_out() -> None:
    assert card.text("a\u202eb\nc\x00d\u2028e") == "ab c d e"


@pytest.mark.parametrize(
    "words", ["- item", "+ item", "1. item", "# head", "= rule", "> quote", "    code", "~~~", "***"]
)
def test_a_text_that_begins_like_markup_is_a_paragraph(words: str) -> None:
    rendered = MarkdownIt("gfm-like", {"linkify": False}).render(card.text(words))
    assert Elements(rendered).tags == [("p", {})]
    assert Elements(rendered).text.strip() == words.strip()


def test_pictures_are_small_and_left_out_where_none_are_wanted(release: Release) -> None:
    found = re.findall(r"\]\(data:image/jpeg;base64,([^)]+)\)", markdown(release))
    assert len(found) == card_samples.SAMPLES
    assert all(len(base64.b64decode(data)) <= 15_000 for data in found)
    assert "base64" not in markdown(release, pictures="none")


def test_a_frame_that_is_not_stored_is_told(release: Release) -> None:
    text = card.markdown(release, findings(release), lambda _video, _frame: None)
    assert text.count("No picture: f000000000000: not stored here") == card_samples.SAMPLES


def test_twenty_examples_spread_over_kinds_splits_and_videos(release: Release) -> None:
    index = pl.from_arrow(release.index)
    rows = index[card_samples.chosen(index, 0, 20)]
    assert rows["pair_id"].n_unique() == 20
    assert sorted(rows.group_by("kind").len()["len"].to_list()) == [5, 5, 5, 5]
    assert rows["video_id"].n_unique() == 10
    assert set(rows["split"].to_list()) == {"train", "validation", "test"}


def test_the_examples_are_chosen_by_the_seed(release: Release) -> None:
    index = pl.from_arrow(release.index)
    assert card_samples.chosen(index, 1, 20) == card_samples.chosen(index, 1, 20)
    assert card_samples.chosen(index, 1, 20) != card_samples.chosen(index, 2, 20)


def test_a_pair_stands_among_the_examples_once(tmp_path: Path) -> None:
    one = Row("A?", "B.")
    small = small_release.write(tmp_path, [one, replace(one, curriculum="dynamics"), replace(one, curriculum="long")])
    assert len(card_samples.chosen(pl.from_arrow(small.index), 0, 20)) == 1


def content(release: Release) -> dict[str, list[object]]:
    made = card_content.content(release, findings(release), frame)
    return {section.title: list(section.blocks) for section in made.sections}


def test_counts_are_by_split_and_add_up(release: Release) -> None:
    kinds = content(release)["Counts"][0]
    assert isinstance(kinds, Table)
    assert list(kinds.rows[0]) == ["what", "8 (25%)", "1 (25%)", "1 (25%)", "10"]
    assert list(kinds.rows[-1]) == ["all", "32", "4", "4", "40"]


def test_the_card_says_what_stands_in_the_lines_and_nothing_else(tmp_path: Path) -> None:
    rows = [Row("A?", "Yes <box_2d>.", boxes=((1.0, 2.0, 30.0, 40.0),)), Row("B?", "No.", evidence=())]
    text = markdown(small_release.write(tmp_path, rows), pictures="none")
    assert "Each line names the span that its answer is about, and 1 (50%) the rows that it rests on." in text
    assert "with tokens that stand for stored vectors of its frames; and the answer." in text
    assert "| frames | &lt;v&gt; | siglip\\_embeddings | 2 |" in text
    assert "| regions of frames | &lt;r&gt; | region\\_embeddings | 0 |" in text
    assert "| places on a frame | &lt;box\\_2d&gt; |  | 1 (1 distinct) |" in text
    assert "| alignment | 0 | 0 | 0 | 2 | 0 |" in text
    assert "| begins with yes | 1 (50%) | 0 | 0 |" in text
    assert "| says that it cannot be told | 0 | 0 | 0 |" in text


@pytest.mark.parametrize(
    ("tables", "words"),
    [
        (["siglip_embeddings"], "frames"),
        (["wav2vec2_embeddings", "siglip_embeddings", "region_embeddings"],
         "frames, regions of frames and stretches of sound"),
        ([], ""),
    ],
)  # fmt: skip
def test_tokens_are_named_by_what_there_is(tables: list[str], words: str) -> None:
    assert card_holds.tokens_in_words({"tokens": dict.fromkeys(tables, 1)}) == words


def test_pairs_in_several_curricula_and_what_was_compared_are_told(tmp_path: Path) -> None:
    row = Row("A?", "B.")
    small = small_release.write(tmp_path, [row, replace(row, curriculum="long"), Row("C?", "D.")])
    told = json.loads((tmp_path / MANIFEST).read_text())
    compared = {"pairs_with_alike_words": 46, "with_alike_frames": 3}
    (tmp_path / MANIFEST).write_text(json.dumps(told | {"compared": compared}))
    text = markdown(small)
    assert "1 of 2 pairs stand in more than one curriculum" in text
    assert "46 pairs of examples in alike words had their frames compared, 3 of them with a cosine of 0.995" in text


def test_words_of_reviewers_are_not_counted_as_those_of_templates(tmp_path: Path) -> None:
    rows = [Row("A?", "B.", made_by="templates@4"), Row("C?", "D.", made_by=f"templates@4{FIXED}", reviewed="fixed")]
    limits = markdown(small_release.write(tmp_path, rows)).split("## Known limits")[1]
    assert "50% were written by templates" in limits
    assert "50% have words that a reviewer gave" in limits
    assert "language models" not in limits


def test_every_histogram_holds_every_example(release: Release) -> None:
    bars = [block for block in content(release)["Lengths and times"] if isinstance(block, Bars)]
    assert [sum(one.counts) for one in bars] == [40, 40, 40, 40, 10]
    assert all(len(one.counts) <= 13 for one in bars)


def test_spans_of_a_round_length_are_in_the_bin_that_names_it(tmp_path: Path) -> None:
    small = small_release.write(
        tmp_path, [Row("A?", "B.", start_s=0, end_s=10), Row("C?", "D.", start_s=0, end_s=10.5)]
    )
    spans = next(b for b in content(small)["Lengths and times"] if isinstance(b, Bars) and "Span" in b.caption)
    assert dict(zip(spans.labels, spans.counts, strict=True))["to 10 s"] == 1
    assert dict(zip(spans.labels, spans.counts, strict=True))["to 30 s"] == 1


def test_what_was_left_out_is_told_by_reason(tmp_path: Path) -> None:
    small = small_release.write(tmp_path, sound_rows(), removed=[{"reason": r} for r in ("exact", "alike", "exact")])
    rows = next(b for b in content(small)["Left out"] if isinstance(b, Table)).rows
    assert [(row[0], row[2]) for row in rows] == [("exact", "2"), ("alike", "1"), ("all", "3")]


def test_limits_come_from_the_data(tmp_path: Path) -> None:
    rows = [Row("A?", "B.", made_by="templates@1"), Row("C?", "D.", made_by="small@host", reviewed="accepted")]
    text = markdown(small_release.write(tmp_path, rows, videos=[video(0, licence="")]))
    limits = text.split("## Known limits")[1].split("## How to load")[0]
    assert "50% were written by templates" in limits
    assert "50% were written by language models" in limits
    assert "1 of 2 pairs (50%) were seen by nobody" in limits
    assert "For 1 of 1 videos no licence is on record" in limits
    assert "licence\\_unknown (error)" in limits
    assert "It has nothing to test on in validation and test" in limits
    assert "| accepted as it was | 1 |" in text


def test_what_does_not_hold_is_not_among_the_limits(release: Release) -> None:
    limits = markdown(release).split("## Known limits")[1]
    assert "language models" not in limits
    assert "imported" not in limits
    assert "no licence is on record" not in limits
    assert "did not pass" not in limits


def test_checks_that_fail_are_shown_with_their_figures(tmp_path: Path) -> None:
    small = small_release.write(tmp_path, [Row("A?", "B."), Row("C?", "D.", split="test")])
    assert "| leakage | error |" in markdown(small)
    assert '"duplicate group": 1' in markdown(small)
    assert "check error" in page(small)


def test_an_example_shows_its_boxes_in_place(tmp_path: Path) -> None:
    row = Row("Where is it?", "At <box_2d>.", kind="where", boxes=((320.0, 240.0, 640.0, 480.0),))
    small = small_release.write(tmp_path, [row])
    sample = content(small)["1 examples"][0]
    assert isinstance(sample, Sample)
    assert ("Boxes", "[320, 240, 640, 480] of 640 x 480") in sample.facts
    image = Image.open(io.BytesIO(sample.picture or b"")).convert("RGB")
    plain = Image.open(io.BytesIO(pictures.strip([pictures.Shown(FRAME, 640)]))).convert("RGB")
    corner = (round(image.width * 0.75), round(image.height * 0.5) + 1)
    assert image.getpixel(corner) != pytest.approx(plain.getpixel(corner), abs=30)
    assert image.getpixel((10, 10)) == pytest.approx(plain.getpixel((10, 10)), abs=12)


def test_frames_shown_are_those_that_the_answer_is_about(tmp_path: Path) -> None:
    frames = tuple(f"f{second * 1_000_000:012d}" for second in range(20))
    row = Row("When?", "Then.", frames=frames, start_s=12.0, end_s=14.0)
    example = small_release.write(tmp_path, [row]).example("train", 0)
    assert card_samples.shown_frames(example, 3) == list(frames[12:15])
    assert card_samples.shown_frames(example, 1) == [frames[12]]


def test_an_empty_release_has_a_card_that_says_so(tmp_path: Path) -> None:
    empty = small_release.write(tmp_path, [], videos=[video(0)])
    assert "0 training examples" in markdown(empty)
    assert "0 training examples" in page(empty)


def test_figures_of_a_finding_can_be_written_as_json(release: Release) -> None:
    for finding in findings(release):
        assert json.loads(json.dumps(finding.details)) == finding.details
