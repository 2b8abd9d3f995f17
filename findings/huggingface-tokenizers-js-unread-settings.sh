#!/usr/bin/env bash
# Libraries: @huggingface/tokenizers 0.2.0 (npm, the one transformers.js uses), tokenizers 0.23.3 (Python).
# Expected: settings that are written in tokenizer.json hold wherever the file is loaded.
# What happens: the JavaScript side reads the file without an error and does not apply four of them:
#   "truncation", "padding", "single_word" of an added token, and the unknown token of a WordLevel
#   model. Long texts come whole, short texts come short, the added token "cat" is cut out of "concat",
#   and an unknown word has the id undefined. The unknown token works when it is passed once more, as
#   unk_token in the second argument (tokenizer_config.json).
# Why it matters: a model trained on at most N tokens gets 10 N in the browser and answers otherwise.
#   An Int32Array turns undefined into 0, so an unknown word becomes padding, or whatever word is 0.
#   Cut and pad by hand in JavaScript, and ship tokenizer_config.json with unk_token.
# Seen in 2026-12, cut to 2 and padded to 3:
#   "concat cat a a"  Python: ["concat", "cat", "[PAD]"]  JavaScript: ["con", "cat", "cat", "a", "a"]
#   "zebra"           Python: ids 1, 0, 0                 JavaScript: id undefined
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install -q tokenizers==0.23.3
npm init -y > npm.log
npm install --silent --no-audit --no-fund @huggingface/tokenizers@0.2.0
venv/bin/python - <<'PY'
from tokenizers import AddedToken, Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit

words = ["[PAD]", "[UNK]", "con", "concat", "a"]
tokenizer = Tokenizer(WordLevel({word: index for index, word in enumerate(words)}, unk_token="[UNK]"))
tokenizer.pre_tokenizer = WhitespaceSplit()
tokenizer.add_tokens([AddedToken("cat", single_word=True)])
tokenizer.enable_truncation(2)
tokenizer.enable_padding(length=3, pad_id=0, pad_token="[PAD]")
tokenizer.save("tokenizer.json")
tokens = Tokenizer.from_file("tokenizer.json").encode("concat cat a a").tokens
print("Python:    ", tokens)
assert tokens == ["concat", "cat", "[PAD]"]
ids = tokenizer.encode("zebra").ids
print("Python:    ", ids)
assert ids == [1, 0, 0]
PY
cat > see.mjs <<'JS'
import assert from "node:assert";
import fs from "node:fs";
import { Tokenizer } from "@huggingface/tokenizers";
const file = JSON.parse(fs.readFileSync("tokenizer.json", "utf8"));
const tokenizer = new Tokenizer(file, {});
const tokens = tokenizer.encode("concat cat a a").tokens;
console.log("JavaScript:", JSON.stringify(tokens));
assert.deepEqual(tokens, ["con", "cat", "cat", "a", "a"]);
const ids = tokenizer.encode("zebra").ids;
console.log("JavaScript:", ids, "as Int32Array:", [...Int32Array.from(ids)]);
assert.deepEqual(ids, [undefined]);
assert.deepEqual(new Tokenizer(file, { unk_token: "[UNK]" }).encode("zebra").ids, [1]);
JS
node see.mjs
