"""A small tokenizer for gaming words: byte pairs in lower case, single digits, and bytes for whatever else there is."""

from __future__ import annotations

import json
from collections.abc import Iterable

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

LENGTH = 64  # SigLIP's texts are padded to it, and its text tower takes the last position
PAD, EOS, BOS, UNKNOWN = "<pad>", "<eos>", "<bos>", "<unk>"
# Words that players ask with and captions need not hold, so that they are few pieces.
GAMING = """
ability achievement action aim alley ally ambush ammo ammunition animation answer apple arena arm armor army arrow
attack avatar axe backpack badge ball bank bar base battle beach beam bed bicycle bird bike black blade blast blocks
blood blue board boat body bomb bonus book boots boss bottle bow box bridge bright brown building bullet burning bus
button camera camp camping candle canyon car card castle cat cave ceiling chain chair champion character chase chat
checkpoint chest city cliff clock close cloud club coin collect color column combat combo console controller corner
corpse corridor countdown cover craft crash crate credits creature crosshair crouch crown crystal cursor cutscene cyan
damage dark dash dead death defeat defend demon desert dialogue die dirt dodge dog door double down dragon drive
driving drone drop dungeon dusk dust east elevator emote empty end enemy energy engine enter equip escape event exit
experience explode explosion face fall far farm fast fence field fight fighter fire fireball firing first fish fist
flag flame flash flashlight floor flower fly fog food foot football forest fountain friend frozen fuel full game
gameplay garden gate gear ghost glass goal gold grass gray green grenade ground guard gun gunfire hair hall hallway
hammer hand head headshot heal health heart heavy helicopter helmet help hero hidden high highlight hill hit holding
horse hospital house hud human hunt hurt ice icon idle in indoors injured inside inventory island item jacket jail
jump jumping jungle key keycard kick kill killed kitchen knife knight ladder lake lamp landing large laser lava
leaderboard leave left level library life lift light lightning list loading lobby lock loot lose loss lost low machine
magazine magic main man mana map mark marine market mask match maze medal medic medikit medkit melee menu message
metal military mine minigun minimap mirror missile mission mob moment money monster moon motion mountain mouse
movement multiplayer museum music muzzle near new night no none north nothing npc number object objective obstacle
ocean office on open opponent orange outdoors outside pack paint palace parachute park parkour part path pause person
pet phone picking picture pier pilot pink pipe pistol pixel plane planet plant platform player point police pond pool
portal post potion power powerup press prison prize projectile puddle puzzle quest question quick race racing radar
rage rain ramp ranged rank red reload reloading rescue respawn restart result reward rifle right ring river road robot
rock rocket roof room rope round ruins run running rush sand scene school scope score scoreboard screen sea secret see
sewer shadow shark sheep shield ship shoot shooter shooting shop short shot shotgun show side sight sign silver single
skeleton skill skull sky slime slow small smoke sniper snow soldier space spaceship spark spawn speed sphere spider
spike split sports stage stairs standing star start state station statue stealth steel step stone stop store storm
street strike subtitle suit sun sunset surprise swamp swim switch sword table tactical tail tank target team teammate
teleport temple tent terminal text third throw tiger time timer title tomb tool top torch tower town toxic track
traffic trail train trap treasure tree trench trophy truck tunnel turn turret two under underwater unit up upgrade
urban use van vehicle vest victory view village violet vision wait walk walking wall warehouse warning water wave
weapon west wheel white win window winner winter wizard wolf woman wood world wounded wreck yard yellow zombie zone
zoom
"""


def train_tokenizer(captions: Iterable[str], *, size: int) -> PreTrainedTokenizerFast:
    """A byte-pair tokenizer of at most `size` pieces, with byte fallback: no text is an error, none is unknown."""
    bytes_of = [f"<0x{number:02X}>" for number in range(256)]
    tokenizer = Tokenizer(models.BPE(unk_token=UNKNOWN, byte_fallback=True, fuse_unk=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Metaspace(), pre_tokenizers.Punctuation(), pre_tokenizers.Digits(individual_digits=True)]
    )
    trainer = trainers.BpeTrainer(
        vocab_size=size - len(bytes_of), special_tokens=[PAD, EOS, BOS, UNKNOWN], min_frequency=2, show_progress=False
    )
    letters = list("abcdefghijklmnopqrstuvwxyz0123456789.,?!'-:()%") * 2
    tokenizer.train_from_iterator([*captions, *(GAMING.split() * 3), *letters], trainer)
    told = json.loads(tokenizer.to_str())
    vocabulary = told["model"]["vocab"]
    for piece in bytes_of:
        vocabulary[piece] = len(vocabulary)
    tokenizer = Tokenizer.from_str(json.dumps(told))
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"$A {EOS}", special_tokens=[(EOS, tokenizer.token_to_id(EOS))]
    )
    tokenizer.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Metaspace()])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=PAD,
        eos_token=EOS,
        bos_token=BOS,
        unk_token=UNKNOWN,
        model_max_length=LENGTH,
        padding_side="right",
        model_input_names=["input_ids"],
        clean_up_tokenization_spaces=False,
    )
