"""Settings that refuse nonsense, and say what would make sense."""

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attnclf.catalog import ARCHITECTURES, SCORES
from attnclf.config import (
    AttentionConfig,
    Config,
    EmbeddingConfig,
    TextConfig,
    TrainingConfig,
    merged,
    parse_assignment,
    presets,
    read_toml,
)
from attnclf.config.presets import DEFAULT, PRESETS
from attnclf.errors import ConfigError

NAMES = st.text("abcd", min_size=1, max_size=3)
NESTED = st.recursive(st.dictionaries(NAMES, st.integers()), lambda inner: st.dictionaries(NAMES, inner), max_leaves=9)


def configured(path, value):
    """Build a Config with one setting, as `--set PATH=VALUE` would."""
    for name in reversed(path.split(".")):
        value = {name: value}
    return Config.from_dict(value)


# Names and choices


@pytest.mark.parametrize(
    ("path", "near"),
    [
        ("training.epoch", "training.epochs"),
        ("training.learning-rate", "training.learning_rate"),
        ("model.encoder.hiden", "model.encoder.hidden"),
        ("modle", "model"),
    ],
)
def test_a_misspelt_setting_is_told_the_near_one(path, near):
    with pytest.raises(ConfigError) as raised:
        configured(path, 3)
    assert str(raised.value) == f"unknown setting {path}; did you mean {near}?"


def test_a_setting_like_no_other_is_told_them_all():
    with pytest.raises(ConfigError, match=r"use one of: model\.encoder\.cell, model\.encoder\.hidden, "):
        configured("model.encoder.zzz", 3)


def test_an_unknown_score_lists_the_known_ones():
    with pytest.raises(ConfigError) as raised:
        AttentionConfig(score="dott")
    assert str(raised.value) == f"unknown score 'dott'; use one of: {', '.join(SCORES)}"


@pytest.mark.parametrize(
    ("path", "choices"),
    [
        ("model.attention.alignment", "global"),
        ("model.attention.context", r"soft, hard, soft\+max"),
        ("model.encoder.cell", "lstm, gru"),
        ("text.unit", "word, subword, character"),
        ("training.precision", "auto, fp32, bf16, fp16"),
    ],
)
def test_an_unknown_choice_lists_the_known_ones(path, choices):
    with pytest.raises(ConfigError, match=f"unknown .*'nonsense'; use one of: {choices}"):
        configured(path, "nonsense")


# Types and ranges


@pytest.mark.parametrize(
    ("path", "value", "wanted"),
    [
        ("training.epochs", "three", "a whole number"),
        ("training.epochs", 2.5, "a whole number"),
        ("training.epochs", True, "a whole number"),
        ("training.learning_rate", "fast", "a number"),
        ("training.learning_rate", False, "a number"),
        ("training.time_limit", "long", "a number or nothing"),
        ("text.lowercase", 1, "true or false"),
        ("text.unit", 3, "word | subword | character"),
        ("model.attention.score", 3, "a text"),
        ("model.embedding.vectors", 3, "a text or nothing"),
        ("training.class_weights", "equal", "none | balanced or a table of names and numbers"),
        ("training.class_weights", {"spam": "heavy"}, "none | balanced or a table of names and numbers"),
    ],
)
def test_a_value_of_the_wrong_type_is_told_the_right_one(path, value, wanted):
    with pytest.raises(ConfigError) as raised:
        configured(path, value)
    assert str(raised.value) == f"{path} is {value!r}; give it {wanted}"


@pytest.mark.parametrize("value", [3, "wide", [1], None])
def test_a_section_is_not_a_value(value):
    with pytest.raises(ConfigError, match=r"model\.encoder is a section, not a value; set one of its settings"):
        configured("model.encoder", value)


@pytest.mark.parametrize(
    ("path", "value", "bounds"),
    [
        ("training.epochs", 0, "1 or more"),
        ("training.learning_rate", 0.0, "between 1e-08 and 1"),
        ("training.learning_rate", float("nan"), "between 1e-08 and 1"),
        ("training.warmup", 1.5, "between 0 and 1"),
        ("training.time_limit", 0.0, "1 or more"),
        ("training.batch_size", -8, "1 or more"),
        ("training.average", 1.0, "between 0 and 0.99999"),
        ("text.max_length", 0, "between 1 and 1000000"),
        ("text.max_length", 10**6 + 1, "between 1 and 1000000"),
        ("model.dropout", 1.0, "between 0 and 0.95"),
        ("model.encoder.layers", 0, "between 1 and 16"),
        ("model.ngrams.features", -1, "between 0 and 262144"),
        ("model.ngrams.strength", 0.0, "between 1e-06 and 1000000"),
        ("model.ngrams.contrast", 1.5, "between 0 and 1"),
    ],
)
def test_a_value_out_of_range_is_told_the_range(path, value, bounds):
    with pytest.raises(ConfigError) as raised:
        configured(path, value)
    assert str(raised.value) == f"{path} is {value}; set it {bounds}"


@pytest.mark.parametrize("path", ["model.attention.window", "text.min_frequency", "training.clip"])
@pytest.mark.parametrize("value", [10**20, -(10**30), float("inf")])
def test_a_number_that_nothing_can_compute_with_is_refused(path, value):
    with pytest.raises(ConfigError) as raised:
        configured(path, value)
    assert str(raised.value) == f"{path} is {value}; give it a number of at most 18 digits"


@pytest.mark.parametrize("weight", [-1.0, float("nan"), float("inf")])
def test_a_class_weight_that_no_loss_can_use_is_refused(weight):
    with pytest.raises(ConfigError, match="class_weights"):
        configured("training.class_weights", {"spam": weight})


def test_a_frozen_embedding_wants_vectors():
    with pytest.raises(ConfigError, match="trainable is false without pretrained vectors; pass --vectors"):
        EmbeddingConfig(trainable=False)
    EmbeddingConfig(trainable=False, vectors="words.vec")


def test_a_whole_number_serves_as_a_number():
    rate = configured("training.learning_rate", 1).training.learning_rate
    assert (rate, type(rate)) == (1.0, float)


def test_settings_cannot_change_once_built():
    with pytest.raises(AttributeError):
        Config().training.epochs = 3


# Layers and round trips


def test_later_layers_win_and_sections_merge():
    below = {"a": 1, "b": {"c": 2, "d": {"e": 3}}}
    assert merged(below, {"b": {"d": {"f": 4}, "c": 5}}) == {"a": 1, "b": {"c": 5, "d": {"e": 3, "f": 4}}}
    assert merged() == {}
    assert below == {"a": 1, "b": {"c": 2, "d": {"e": 3}}}


@settings(deadline=None, max_examples=40)
@given(first=NESTED, second=NESTED, third=NESTED)
def test_merging_layers_one_by_one_or_at_once_is_the_same(first, second, third):
    assert merged(merged(first, second), third) == merged(first, second, third)
    assert merged(first, {}) == merged({}, first) == merged(first, first) == first


@settings(deadline=None, max_examples=40)
@given(
    text=st.builds(
        TextConfig,
        unit=st.sampled_from(["word", "subword", "character"]),
        vocabulary=st.integers(16, 2**31 - 1),
        lowercase=st.booleans(),
        max_length=st.integers(1, 10**6),
    ),
    training=st.builds(
        TrainingConfig,
        learning_rate=st.floats(1e-8, 1),
        warmup=st.floats(0, 1),
        time_limit=st.none() | st.floats(1, 1e9),
        class_weights=st.sampled_from(["none", "balanced"]) | st.dictionaries(st.text(), st.floats(0, 100)),
        seed=st.integers(0, 2**32 - 1),
        precision=st.sampled_from(["auto", "fp32", "bf16", "fp16"]),
    ),
)
def test_settings_survive_their_json(text, training):
    config = Config(text=text, training=training)
    assert Config.from_dict(json.loads(json.dumps(config.to_dict()))) == config


@pytest.mark.parametrize("name", list(PRESETS))
def test_every_preset_builds(name):
    config = Config.from_dict(PRESETS[name])
    assert Config.from_dict(config.to_dict()) == config


def test_the_default_preset_is_one_of_them_and_presets_differ():
    assert DEFAULT in PRESETS
    built = [Config.from_dict(preset) for preset in PRESETS.values()]
    assert len({repr(config) for config in built}) == len(built)


# TOML and --set


@pytest.mark.parametrize(
    ("assignment", "value"),
    [
        ("training.epochs=3", 3),
        (" training.epochs = 3 ", 3),
        ("training.epochs=1e-3", 0.001),
        ("training.epochs=true", True),
        ("training.epochs=adamw", "adamw"),
        ('training.epochs="3"', "3"),
        ("training.epochs=C:\\words.vec", "C:\\words.vec"),
        ("training.epochs=a=b", "a=b"),
        ("training.epochs=", ""),
        (f"training.epochs={'9' * 5000}", "9" * 5000),
        (f"training.epochs={'[' * 5000}", "[" * 5000),
        ('training.epochs={spam = 2, "not spam" = 1}', {"spam": 2, "not spam": 1}),
    ],
)
def test_an_assignment_is_toml_or_a_bare_word(assignment, value):
    assert parse_assignment(assignment) == {"training": {"epochs": value}}


@pytest.mark.parametrize("assignment", ["training.epochs", "", "=3", "  =3"])
def test_an_assignment_without_a_name_or_value_says_how_to_write_it(assignment):
    with pytest.raises(ConfigError, match=r"has no value; write it as section\.key=value"):
        parse_assignment(assignment)


def test_a_toml_file_gives_nested_settings(tmp_path):
    file = tmp_path / "settings.toml"
    file.write_text('[model.encoder]\ncell = "gru"\n[training]\nepochs = 2\n', encoding="utf-8")
    config = Config.from_dict(read_toml(file))
    assert (config.model.encoder.cell, config.training.epochs) == ("gru", 2)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"[model\n", r"settings\.toml is not valid TOML: .*line 1"),
        (b"a = 1\na = 2\n", r"settings\.toml is not valid TOML: .*line 2"),
        (
            b"a = " + b"9" * 5000,
            r"settings\.toml is not valid TOML: Exceeds the limit .* 5000 digits; correct that line",
        ),
        (b"\xff\xfe", r"cannot read .*settings\.toml: .*; pass a TOML file in UTF-8"),
    ],
)
def test_a_broken_toml_file_is_one_clear_error(tmp_path, content, problem):
    (tmp_path / "settings.toml").write_bytes(content)
    with pytest.raises(ConfigError, match=problem):
        read_toml(tmp_path / "settings.toml")


def test_a_missing_toml_file_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"cannot read .*nowhere\.toml"):
        read_toml(tmp_path / "nowhere.toml")


# Architectures


def test_the_settings_know_the_architectures_of_the_table_and_no_others():
    with pytest.raises(ConfigError) as raised:
        configured("model.architecture", "temporl")
    assert str(raised.value) == f"unknown architecture 'temporl'; use one of: {', '.join(ARCHITECTURES)}"


def test_an_architecture_changes_the_preset_and_gives_way_to_what_was_said(monkeypatch):
    changed = replace(ARCHITECTURES["temporal"], changes={"training": {"learning_rate": 0.5, "epochs": 99}})
    monkeypatch.setitem(ARCHITECTURES, "temporal", changed)
    named = {"model": {"architecture": "temporal"}}
    chosen = presets.settings("fast", named, {"training": {"epochs": 3}})
    assert chosen["training"] == {**PRESETS["fast"]["training"], "learning_rate": 0.5, "epochs": 3}
    assert presets.settings("fast") == PRESETS["fast"]
