"""Small chat models in the format of real ones: Qwen3, a byte-level BPE tokenizer, a ChatML template.

`taught` learns replies by heart. Every layer sees the last `SEEN_TOKENS` tokens alone (sliding attention, as Qwen3 has
it), so that what it says hangs on the last line of a prompt and on no other: one line, one reply, whatever stands
before. `taught_to_see` puts eyes on it, as LLaVA has them: its reply hangs on the colour of the last picture.
`untaught` has random weights.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import torch
from PIL import Image
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    CLIPImageProcessorPil,
    CLIPVisionConfig,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaProcessor,
    PreTrainedTokenizerFast,
    Qwen3Config,
    Qwen3ForCausalLM,
)

SEEN_TOKENS = 48
VOCABULARY = 1_000
MOST_STEPS = 1_500
END, START, PAD, IMAGE = "<|im_end|>", "<|im_start|>", "<|endoftext|>", "<image>"
SIDE, PATCH = 28, 14  # of a picture, in pixels
IMAGE_TOKENS = (SIDE // PATCH) ** 2
TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' }}"
    "{% if message['content'] is string %}{{ message['content'] }}{% else %}{% for part in message['content'] %}"
    "{{ part['text'] if part['type'] == 'text' else '<image>' }}{{ '\n' }}{% endfor %}{% endif %}"
    "{{ '<|im_end|>\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


@contextmanager
def one_thread() -> Iterator[None]:
    """Networks this small are slower on two threads, and much slower on a busy machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@one_thread()
def taught(folder: Path, replies: Mapping[str, str]) -> Path:
    """A model that replies to a prompt by its last line: `replies` says how. Gives `folder` back.

    Raises AssertionError where it has not learnt a reply word for word.
    """
    tokenizer = _tokenizer([*replies, *replies.values()])
    model = _model(len(tokenizer))
    _teach(model, [_turn(tokenizer, f"\n{line}", reply) for line, reply in replies.items()], len(tokenizer))
    for line, reply in replies.items():
        assert _said(model, tokenizer, line, len(tokenizer(reply)["input_ids"]) + 1) == reply, line
    return _saved(folder, model, tokenizer)


@one_thread()
def taught_to_see(folder: Path, replies: Mapping[tuple[int, int, int], str]) -> Path:
    """A model that replies to a prompt by the colour (red, green, blue) of its last picture. Gives `folder` back."""
    tokenizer = _tokenizer([*replies.values(), *(f"Frame at {i:02d}:{i:02d}:" for i in range(60))])
    tokenizer.add_special_tokens({"additional_special_tokens": [IMAGE]})
    processor = LlavaProcessor(
        image_processor=CLIPImageProcessorPil(size={"shortest_edge": SIDE}, crop_size={"height": SIDE, "width": SIDE}),
        tokenizer=tokenizer,
        patch_size=PATCH,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
    )
    processor.chat_template = TEMPLATE
    model = _seeing(tokenizer)
    turns = [_turn(tokenizer, IMAGE * IMAGE_TOKENS + "\n", reply) for reply in replies.values()]
    pictures = [Image.new("RGB", (SIDE, SIDE), colour) for colour in replies]
    pixels = processor.image_processor(pictures, return_tensors="pt")["pixel_values"]
    _teach(model, turns, len(tokenizer) - 1, pixels)
    model.generation_config.do_sample = False
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def untaught(folder: Path, words: str) -> Path:
    """A model of random weights, whose tokenizer was trained on `words`."""
    tokenizer = _tokenizer([words])
    return _saved(folder, _model(len(tokenizer)), tokenizer)


def _tokenizer(texts: list[str]) -> PreTrainedTokenizerFast:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        min_frequency=1,
        special_tokens=[PAD, START, END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    wrapped = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token=END, pad_token=PAD)
    wrapped.chat_template = TEMPLATE
    return wrapped


def _model(vocabulary: int) -> Qwen3ForCausalLM:
    torch.manual_seed(0)
    config = Qwen3Config(
        vocab_size=vocabulary,
        hidden_size=128,
        intermediate_size=256,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=32,
        max_position_embeddings=32_768,
        tie_word_embeddings=True,
        use_sliding_window=True,
        sliding_window=SEEN_TOKENS,
        max_window_layers=0,
        eos_token_id=2,
        pad_token_id=0,
        bos_token_id=None,
    )
    return Qwen3ForCausalLM(config)


def _seeing(tokenizer: PreTrainedTokenizerFast) -> LlavaForConditionalGeneration:
    eyes = CLIPVisionConfig(
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        image_size=SIDE,
        patch_size=PATCH,
    )
    text = _model(len(tokenizer)).config
    config = LlavaConfig(
        vision_config=eyes.to_dict(),
        text_config=text.to_dict(),
        image_token_index=tokenizer.convert_tokens_to_ids(IMAGE),
        image_seq_length=IMAGE_TOKENS,
        vision_feature_layer=-1,
    )
    return LlavaForConditionalGeneration(config)


def _turn(tokenizer: PreTrainedTokenizerFast, ending: str, reply: str) -> tuple[list[int], int]:
    """The tokens of a prompt's end and its reply, and where the reply begins."""
    asked = f"{ending}{END}\n{START}assistant\n"
    before = tokenizer(asked)["input_ids"]
    return before + tokenizer(reply + END)["input_ids"], len(before)


def _teach(
    model: Qwen3ForCausalLM | LlavaForConditionalGeneration,
    turns: list[tuple[list[int], int]],
    words: int,
    pixels: torch.Tensor | None = None,
) -> None:
    """Until every token of every reply is the likeliest by far, after whatever came before the last line.

    What comes before are tokens below `words`. `pixels` are one picture a turn.
    """
    lead, longest = 2 * SEEN_TOKENS, max(len(tokens) for tokens, _ in turns)
    source = torch.Generator().manual_seed(0)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.0)
    model.train()
    for _ in range(MOST_STEPS):
        tokens = torch.zeros(len(turns), lead + longest, dtype=torch.long)
        labels = torch.full_like(tokens, -100)
        for row, (known, begin) in enumerate(turns):
            tokens[row, :lead] = torch.randint(3, words, (lead,), generator=source)
            tokens[row, lead : lead + len(known)] = torch.tensor(known)
            labels[row, lead + begin : lead + len(known)] = torch.tensor(known[begin:])
        seen = {} if pixels is None else {"pixel_values": pixels}
        loss = model(input_ids=tokens, labels=labels, **seen).loss
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if loss.item() < 0.003:
            model.eval()
            return
    raise AssertionError(f"it has not learnt its replies in {MOST_STEPS} steps: the loss is {loss.item():.3f}")


def _said(model: Qwen3ForCausalLM, tokenizer: PreTrainedTokenizerFast, line: str, most: int) -> str:
    messages = [{"role": "system", "content": "Reply."}, {"role": "user", "content": f"Words before it.\n{line}"}]
    inputs = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_tensors="pt", return_dict=True)
    with torch.inference_mode():
        said = model.generate(**inputs, max_new_tokens=most, do_sample=False)
    return tokenizer.decode(said[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True)


def _saved(folder: Path, model: Qwen3ForCausalLM, tokenizer: PreTrainedTokenizerFast) -> Path:
    model.generation_config.do_sample = False
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
