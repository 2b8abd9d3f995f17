#!/usr/bin/env bash
# Library: tokenizers 0.23.3, WordLevelTrainer.
# Expected: special tokens keep the first ids, 0, 1, ..., whatever the training text says.
# What happens: if the text itself contains a special token as a word, the word's place in the order of
#   counts takes over. The special token's id moves, id 0 or 1 belongs to nobody, and the vocabulary
#   has a hole: the highest id is as large as the size says.
# Why it matters: "[UNK]", "<unk>" and "[PAD]" do stand in texts, in known corpora above all. A model
#   that pads with id 0 then pads with nothing's id, and an embedding table of get_vocab_size() rows is
#   one row short: the highest id is an index error, or another row. Read ids with token_to_id, make
#   the table max(id) + 1 rows long, or drop these words before training.
# Seen in 2026-12, specials "[PAD]", "[UNK]", text "good good [UNK]":
#   {'[PAD]': 0, 'good': 2, '[UNK]': 3}, size 3, highest id 3
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install -q tokenizers==0.23.3
venv/bin/python - <<'PY'
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit
from tokenizers.trainers import WordLevelTrainer

def train(text):
    tokenizer = Tokenizer(WordLevel(unk_token="[UNK]"))
    tokenizer.pre_tokenizer = WhitespaceSplit()
    trainer = WordLevelTrainer(special_tokens=["[PAD]", "[UNK]"], show_progress=False)
    tokenizer.train_from_iterator([text], trainer)
    vocabulary = dict(sorted(tokenizer.get_vocab().items(), key=lambda item: item[1]))
    print(f"{text!r}: {vocabulary}, size {tokenizer.get_vocab_size()}, highest id {max(vocabulary.values())}")
    return tokenizer, vocabulary

tokenizer, vocabulary = train("good good bad")
assert vocabulary == {"[PAD]": 0, "[UNK]": 1, "good": 2, "bad": 3}
tokenizer, vocabulary = train("good good [UNK]")
assert vocabulary == {"[PAD]": 0, "good": 2, "[UNK]": 3}
assert tokenizer.id_to_token(1) is None
assert max(vocabulary.values()) == tokenizer.get_vocab_size() == 3
PY
