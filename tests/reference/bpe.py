"""Token ids of hard strings by OpenAI's own tokenizer (PyPI `openai-clip`, pure Python), for the Rust tokenizer's test.

Only `clip/simple_tokenizer.py` and the merges beside it are loaded: importing the package would need torchvision.
"""

import importlib.util
import json
from pathlib import Path

CONTEXT = 77

STRINGS = [
    "",
    "   \t\n ",
    "a photo of a cat",
    "A PHOTO Of A Cat.",
    "  a   photo\tof \n a  dining\u00a0table  ",
    "caf\u00e9 na\u00efve \u00c5ngstr\u00f6m \u00fcber",
    "cafe\u0301 nai\u0308ve",
    "a dog's bone, they're it's I'm we've you'll he'd don't",
    "THE DOG'S bowl; WE'VE",
    "a dog\u2019s \u201cbone\u201d",
    "rock'n'roll 'quoted' ''''",
    "route 66 in 2024: 1234567890 3.14",
    "\u2167 \u00bd \u00b2 \u0663\u0664",
    "\u732b\u548c\u72d7\u7684\u7167\u7247",
    "\u3053\u3093\u306b\u3061\u306f \ud55c\uad6d\uc5b4 \uac1c",
    "\u043a\u043e\u0448\u043a\u0430 \u0421\u041e\u0411\u0410\u041a\u0410 \u039f\u0394\u03a5\u03a3\u03a3\u0395\u03a5\u03a3",
    "\u0627\u0644\u0642\u0637\u0629 \u05d7\u05ea\u05d5\u05dc \u0e41\u0e21\u0e27",
    "\U0001f431\U0001f436 a cat \U0001f600!",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467 \U0001f1eb\U0001f1f7 \u2764\ufe0f",
    "\u0130stanbul Stra\u00dfe \u017f",
    "tv/monitor, potted-plant (indoor) [x] {y} #tag @me 100% a&b <b>c</b>",
    "...---... ?!?! $$$ ~~ \\ | ^ ` _under_score_",
    "supercalifragilisticexpialidocious antidisestablishmentarianism",
    "x\u0301\u0323 z\u0351\u036b\u0343",
    "a <|endoftext|> b <|startoftext|>c <|EndOfText|>",
    "'s",
    "'S 'LL",
    "a" * 300,
    "\u2581under \u00ad soft \ufffd",
    " ".join(["cat"] * 75),
    # One token too many.
    " ".join(["cat"] * 76),
    "\U0001f431 " * 80,
]


def openai_tokenizer():
    package = Path(importlib.util.find_spec("clip").submodule_search_locations[0])
    spec = importlib.util.spec_from_file_location("simple_tokenizer", package / "simple_tokenizer.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.SimpleTokenizer()


def make_tokens_fixture(path: Path) -> None:
    """`{"text", "ids"}` of each string, start and end included; `ids` may exceed the context."""
    tokenizer = openai_tokenizer()
    start, end = (tokenizer.encoder[name] for name in ("<|startoftext|>", "<|endoftext|>"))
    cases = [{"text": text, "ids": [start, *tokenizer.encode(text), end]} for text in STRINGS]
    assert any(len(case["ids"]) == CONTEXT for case in cases)
    assert any(len(case["ids"]) > CONTEXT for case in cases)
    lines = ",\n".join(json.dumps(case) for case in cases)
    path.write_text(f"[\n{lines}\n]\n", encoding="utf-8")
