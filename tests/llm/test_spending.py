from __future__ import annotations

import datetime
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image as Picture

from gvlm_resources.errors import BudgetError, LakeError, SettingsError
from gvlm_resources.llm import replies, usage
from gvlm_resources.llm.protocol import ChatReply, ChatRequest, Image
from gvlm_resources.llm.replies import ReplyStore, Stored
from gvlm_resources.llm.spending import Admission, Budget, Budgets, Prices, Purse, listed_prices
from gvlm_resources.llm.usage import Usage
from gvlm_resources.settings import Price, ServerSettings, SynthesisSettings

MODEL = "doom-vl"
OWN = {MODEL: Price(prompt_usd=1.0, completion_usd=10.0)}
MOST = Usage(1000, 100)  # 0.002 USD, 1100 tokens
YES, LATER, NO = Admission.YES, Admission.LATER, Admission.NO


def stored(
    number: int, prompt_tokens: int = 500, completion_tokens: int = 50, cost_usd: float | None = 0.001
) -> Stored:
    reply = ChatReply("{}", MODEL, False, prompt_tokens, completion_tokens, 1.0, 1, True, "stop")
    digest = replies.digest(ChatRequest("s", str(number)), MODEL, 1)
    return Stored(digest, MODEL, "reply", reply, prompt_tokens, completion_tokens, False, cost_usd)


def purse(
    folder: Path, *, video: Budget | None = None, lake: Budget | None = None, prices: Prices | None = None
) -> Purse:
    budgets = Budgets(video or Budget("synthesis"), lake or Budget("server"))
    return Purse(prices or Prices(OWN), budgets, ReplyStore(folder))


def ask(purse: Purse, number: int) -> Admission:
    return purse.may_ask(stored(number).call_id, MODEL, MOST)


def pay(purse: Purse, folder: Path, number: int, **counted: int) -> None:
    reply = stored(number, **counted)
    ReplyStore(folder).put(reply)
    purse.settle(reply)


# --------------------------------------------------------------------------------------------------- prices


def test_a_price_is_in_dollars_for_a_million_tokens() -> None:
    assert Prices(OWN).cost(MODEL, Usage(1_000_000, 100_000)) == 2.0


def test_the_users_own_price_comes_before_the_listed_one() -> None:
    assert Prices({"gpt-4o": Price(prompt_usd=0, completion_usd=0)}).cost("gpt-4o", MOST) == 0
    assert Prices().cost("gpt-4o", MOST) > 0


def test_the_price_of_a_model_is_the_users_own_the_listed_one_or_not_known() -> None:
    assert Prices(OWN).of_model(MODEL) == OWN[MODEL]
    assert Prices().of_model("gpt-4o") == Price(prompt_usd=2.5, completion_usd=10)
    free = Price(prompt_usd=0, completion_usd=0)
    assert Prices({"gpt-4o": free}).of_model("gpt-4o") == free
    assert Prices().of_model(MODEL) is None


def test_the_users_own_price_holds_for_prompts_of_any_length() -> None:
    own = {"gemini-2.5-pro": Price(prompt_usd=1, completion_usd=1)}
    assert Prices(own).cost("gemini-2.5-pro", Usage(1_000_000, 0)) == 1.0


def test_an_unknown_price_is_not_nothing() -> None:
    assert Prices().cost("Qwen/Qwen3-VL-8B-Instruct", MOST) is None


def test_what_a_long_prompt_costs_is_only_known_where_it_is_listed() -> None:
    assert Prices().cost("gemini-2.5-pro", Usage(199_999, 1)) is not None
    assert Prices().cost("gemini-2.5-pro", Usage(200_000, 1)) is None


def test_every_listed_price_says_when_it_was_noted() -> None:
    listed = listed_prices()
    assert len(listed) > 20
    assert all(price.noted > datetime.date(2026, 1, 1) for price in listed.values())
    assert all(price.completion_usd >= price.prompt_usd > 0 for price in listed.values())


# --------------------------------------------------------------------------------------------------- tokens


def jpeg(width: int, height: int) -> bytes:
    file = io.BytesIO()
    Picture.new("RGB", (width, height)).save(file, "JPEG", comment=b"x" * 500)
    return file.getvalue()


def test_a_picture_costs_gpt_4o_mini_what_its_tiles_do() -> None:
    assert Prices().image_tokens("gpt-4o-mini") == 2833 + 8 * 5667
    assert Prices().image_tokens("gpt-4o") is None


def test_the_size_of_a_picture_is_read_from_its_header() -> None:
    assert usage.jpeg_size(jpeg(640, 360)) == (640, 360)
    assert usage.jpeg_size(jpeg(1, 4000)) == (1, 4000)


@pytest.mark.parametrize("content", [b"\xff\xd8", b"\xff\xd8\xff\xd9", jpeg(8, 8)[:30], b"\xff\xd8" + b"\xff" * 50])
def test_a_picture_without_a_header_has_no_size_and_counts_as_a_large_one(content: bytes) -> None:
    assert usage.jpeg_size(content) is None
    assert usage.picture_tokens(content) == usage.UNKNOWN_IMAGE_TOKENS


@pytest.mark.parametrize(("model", "tokens"), [("28 px patches", 46 * 26), ("tiles", 85 + 170 * 6), ("750 px", 1229)])
def test_the_estimate_of_a_picture_is_more_than_servers_count(model: str, tokens: int) -> None:
    assert usage.picture_tokens(jpeg(1280, 720)) >= tokens


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ('E5 [00:02] heal: "Gained 1 health (health 101 to 102)."\n', 22),
        ("Der Spieler hebt um 00:45 die größere Schrotflinte auf. ", 16.1),
        ("玩家捡起了霰弹枪。", 13),
        ('{"kind": "what", "evidence": ["E1", "E12"], "start": "00:45"}', 29),
    ],
)
def test_the_estimate_of_a_text_is_more_than_its_tokens_and_not_twice_as_many(text: str, tokens: float) -> None:
    """`tokens` by the byte-pair encoding of Whisper, over ten repetitions."""
    assert tokens <= usage.text_tokens(text) <= 2 * tokens


def test_a_request_comes_to_its_texts_its_schema_its_pictures_and_its_reply() -> None:
    bare = usage.at_most(ChatRequest("s", "u", max_tokens=64))
    assert bare.completion_tokens == 64
    full = ChatRequest("s", "u", (Image(jpeg(640, 360), "Frame"),), "x", {"type": "array"}, max_tokens=64)
    assert usage.at_most(full).prompt_tokens > bare.prompt_tokens + usage.picture_tokens(jpeg(640, 360))
    assert usage.at_most(full, 37_000).prompt_tokens > 37_000


@pytest.mark.parametrize(
    ("counted", "expected"),
    [
        ((120, 30), Usage(120, 30)),
        ((0, 0), Usage(52, 4, is_estimated=True)),
        ((120, 0), Usage(120, 4, is_estimated=True)),
    ],
)
def test_what_a_server_does_not_count_is_estimated_and_says_so(counted: tuple[int, int], expected: Usage) -> None:
    reply = ChatReply("twelve bytes", MODEL, False, *counted, 1.0, 1, True)
    assert usage.counted(ChatRequest("s", "u" * 5), reply) == expected


# ------------------------------------------------------------------------------------------------- budgets


def test_without_budgets_everything_is_asked(tmp_path: Path) -> None:
    assert purse(tmp_path, prices=Prices()).may_ask("k1", "unknown", MOST) is YES


def test_a_video_asks_until_its_budget_does_not_hold_the_next_request(tmp_path: Path) -> None:
    video = purse(tmp_path, video=Budget("synthesis", tokens=2000))
    assert ask(video, 1) is YES
    assert ask(video, 2) is LATER  # 1100 + 1100, unless the first turns out smaller
    pay(video, tmp_path, 1)  # 550
    assert ask(video, 2) is YES
    pay(video, tmp_path, 2)
    assert ask(video, 3) is NO  # 1100 + 1100


def test_a_budget_in_money_is_kept_like_one_in_tokens(tmp_path: Path) -> None:
    video = purse(tmp_path, video=Budget("synthesis", usd=0.003))
    assert ask(video, 1) is YES
    pay(video, tmp_path, 1)  # 0.001
    assert ask(video, 2) is YES
    pay(video, tmp_path, 2)
    assert ask(video, 3) is NO


def test_a_budget_of_nothing_asks_nothing(tmp_path: Path) -> None:
    assert ask(purse(tmp_path, video=Budget("synthesis", tokens=0)), 1) is NO


def test_a_request_that_brought_nothing_costs_nothing(tmp_path: Path) -> None:
    video = purse(tmp_path, video=Budget("synthesis", tokens=1100), lake=Budget("server", tokens=1100))
    assert ask(video, 1) is YES
    video.let_go(stored(1).call_id)
    assert ask(video, 2) is YES


def test_a_reply_of_the_store_counts_in_the_videos_budget_by_what_it_cost(tmp_path: Path) -> None:
    video = purse(tmp_path, video=Budget("synthesis", usd=0.0025))
    video.reuse(stored(1, cost_usd=0.001))
    assert ask(video, 2) is NO


def test_a_lake_whose_budget_is_spent_stops_with_what_to_do(tmp_path: Path) -> None:
    lake = purse(tmp_path, lake=Budget("server", tokens=1600))
    assert ask(lake, 1) is YES
    pay(lake, tmp_path, 1)
    with pytest.raises(BudgetError, match="1600 tokens, 550 tokens are spent") as error:
        ask(purse(tmp_path, lake=Budget("server", tokens=1600)), 2)
    assert "server.budget_tokens" in error.value.remedy


def test_the_lakes_budget_is_shared_by_all_who_ask_at_once(tmp_path: Path) -> None:
    one, other = (purse(tmp_path, lake=Budget("server", usd=0.003)) for _ in range(2))
    assert ask(one, 1) is YES
    assert ask(other, 2) is LATER
    pay(one, tmp_path, 1)
    assert ask(other, 2) is YES
    pay(other, tmp_path, 2)
    with pytest.raises(BudgetError, match=r"0\.0020 USD are spent"):
        ask(one, 3)


def test_a_money_budget_without_a_price_names_the_setting(tmp_path: Path) -> None:
    for budgets in ({"video": Budget("synthesis", usd=1)}, {"lake": Budget("server", usd=1)}):
        with pytest.raises(SettingsError, match=r"budget_usd cannot be kept: the price of doom-vl") as error:
            purse(tmp_path, prices=Prices(), **budgets).check(MODEL)
        assert "server.prices" in error.value.remedy
    purse(tmp_path, prices=Prices(), lake=Budget("server", tokens=1)).check(MODEL)


def test_replies_stored_without_a_price_count_at_todays(tmp_path: Path) -> None:
    ReplyStore(tmp_path).put(stored(1, 1000, 100, cost_usd=None))
    with pytest.raises(BudgetError, match=r"0\.0020 USD are spent"):
        ask(purse(tmp_path, lake=Budget("server", usd=0.003)), 2)


def test_replies_of_a_model_without_a_price_are_no_reason_to_believe_in_a_budget(tmp_path: Path) -> None:
    reply = stored(1, cost_usd=None)
    ReplyStore(tmp_path).put(Stored(reply.digest, "other", "reply", reply.reply, 1, 1, False, None))
    with pytest.raises(SettingsError, match="the price of other"):
        ask(purse(tmp_path, lake=Budget("server", usd=1)), 2)


def test_the_settings_give_both_budgets() -> None:
    budgets = Budgets.of(
        SynthesisSettings(budget_usd=1, budget_tokens=2), ServerSettings(budget_usd=3, budget_tokens=4)
    )
    assert (budgets.video.usd, budgets.video.tokens, budgets.lake.usd, budgets.lake.tokens) == (1, 2, 3, 4)
    assert budgets.in_money == ["synthesis.budget_usd", "server.budget_usd"]


# ---------------------------------------------------------------------------------------------- the account


def spent(folder: Path) -> int:
    """Tokens that the account of this lake holds, as somebody new reads it."""
    with pytest.raises(BudgetError) as error:
        ask(purse(folder, lake=Budget("server", tokens=0)), 999)
    return int(error.value.cause.rsplit(", ", 1)[1].split()[0])


def test_replies_without_an_account_are_counted_when_it_is_opened(tmp_path: Path) -> None:
    for number in range(5):
        ReplyStore(tmp_path).put(stored(number))
    assert spent(tmp_path) == 5 * 550


def test_a_deleted_account_is_made_again_from_the_replies(tmp_path: Path) -> None:
    one = purse(tmp_path)
    for number in range(3):
        ask(one, number)
        pay(one, tmp_path, number)
    (tmp_path / "ledger" / "spent.jsonl").unlink()
    assert spent(tmp_path) == 3 * 550
    ask(one, 3)
    pay(one, tmp_path, 3)
    assert spent(tmp_path) == 4 * 550


def test_a_deleted_reply_stays_paid_for(tmp_path: Path) -> None:
    one = purse(tmp_path)
    ask(one, 1)
    pay(one, tmp_path, 1)
    ReplyStore(tmp_path).path(stored(1).call_id).unlink()
    assert spent(tmp_path) == 550


def test_a_line_that_was_left_half_written_is_written_again(tmp_path: Path) -> None:
    one = purse(tmp_path)
    for number in range(3):
        ask(one, number)
        pay(one, tmp_path, number)
    path = tmp_path / "ledger" / "spent.jsonl"
    path.write_bytes(path.read_bytes()[:-25])
    assert spent(tmp_path) == 3 * 550
    assert len([json.loads(line) for line in path.read_text().splitlines()]) == 3


def test_a_damaged_account_is_named_with_what_to_do(tmp_path: Path) -> None:
    one = purse(tmp_path)
    ask(one, 1)
    pay(one, tmp_path, 1)
    path = tmp_path / "ledger" / "spent.jsonl"
    path.write_text("nonsense\n" + path.read_text())
    with pytest.raises(LakeError, match=r"spent\.jsonl is damaged") as error:
        ask(purse(tmp_path), 2)
    assert "delete that file" in error.value.remedy


KILLED = """
import os, signal, sys
from pathlib import Path
from gvlm_resources.llm.replies import ReplyStore
from tests.llm.test_spending import Budget, ask, purse, stored
folder = Path(sys.argv[1])
one = purse(folder, lake=Budget("server", tokens=5000))
ask(one, 1), ask(one, 2)
print("holding", flush=True)
sys.stdin.readline()
ReplyStore(folder).put(stored(1))  # and dies before it is counted
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_process_stored_is_counted_and_what_it_held_is_free_again(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path)], cwd=root, **pipes) as dying:
        assert dying.stdout.readline() == "holding\n"
        here = purse(tmp_path, lake=Budget("server", tokens=3000))
        assert ask(here, 3) is LATER  # 1100 + 2200 held there
        dying.stdin.write("die\n")
        dying.stdin.flush()
        dying.wait()
    for number in (3, 4, 5):
        assert ask(here, number) is YES
        pay(here, tmp_path, number)
    with pytest.raises(BudgetError, match=f"{4 * 550} tokens are spent"):
        ask(here, 6)
    assert sorted(path.name for path in (tmp_path / "ledger").iterdir()) == ["lock", "spent.jsonl"]
