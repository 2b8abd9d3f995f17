"""Pretrained vectors in text form."""

import gzip

import numpy as np
import pytest

from attnclf.errors import DataError
from attnclf.text.vectors import SOURCES, Entry, VectorSource, read_vectors

TOKENS = ["[PAD]", "[UNK]", "good", "film", "ёж", "文"]
GLOVE = "good 1 2 3\nthe 9 9 9\nёж -4 5e-1 .25\nFilm 7 8 9\n"


def written(tmp_path, content, name="words.vec"):
    path = tmp_path / name
    data = content if isinstance(content, bytes) else content.encode()
    path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return path


@pytest.mark.parametrize("name", ["words.vec", "glove.txt", "words.vec.gz"])
@pytest.mark.parametrize("content", [GLOVE, "4 3\n" + GLOVE, GLOVE.replace("\n", " \n"), GLOVE.replace("\n", "\r\n")])
def test_each_unit_gets_its_vector_and_the_others_zeros(tmp_path, name, content):
    matrix, found = read_vectors(written(tmp_path, content, name), TOKENS)
    assert matrix.dtype == np.float32
    assert matrix.tolist() == [[0, 0, 0], [0, 0, 0], [1, 2, 3], [7, 8, 9], [-4, 0.5, 0.25], [0, 0, 0]]
    assert found.tolist() == [False, False, True, True, True, False]


def test_a_unit_found_only_with_capitals_gets_the_first_of_them(tmp_path):
    matrix, _ = read_vectors(written(tmp_path, "FILM 1\nFilm 2\nthe 3\n"), TOKENS)
    assert matrix[3].tolist() == [1]


@pytest.mark.parametrize("content", ["Film 1\nfilm 2\nFILM 3\n", "film 2\nFilm 1\nfilm 3\n"])
def test_the_exact_spelling_beats_capitals_wherever_it_stands(tmp_path, content):
    matrix, _ = read_vectors(written(tmp_path, content), TOKENS)
    assert matrix[3].tolist() == [2]


def test_units_with_capitals_are_matched_as_they_are(tmp_path):
    matrix, found = read_vectors(written(tmp_path, "us 1\nUS 2\n"), ["US", "us", "Us"])
    assert matrix[:, 0].tolist() == [2, 1, 0]
    assert found.tolist() == [True, True, False]


@pytest.mark.parametrize("header", ["", "3 3\n"])
@pytest.mark.parametrize("bad", ["film 1 2", "film 1 2 3 4"])
def test_a_line_of_another_width_is_named(tmp_path, header, bad):
    line = 2 + bool(header)
    with pytest.raises(DataError) as raised:
        read_vectors(written(tmp_path, f"{header}good 1 2 3\n{bad}\n"), TOKENS)
    width = len(bad.split()) - 1
    assert f"words.vec, line {line}: {width} values where the first line has 3" in str(raised.value)


@pytest.mark.parametrize("value", ["two", "1,5", "", "nan", "inf", "1e999"])
def test_a_value_that_is_not_a_number_is_named_by_its_line(tmp_path, value):
    with pytest.raises(DataError, match=r"words\.vec, line 2: a value is not a number; pass a \.vec or GloVe file"):
        read_vectors(written(tmp_path, f"good 1 2 3\nfilm 1 {value} 3\n"), TOKENS)


@pytest.mark.parametrize("content", ["", "\n\n", "400000 300\n", "word\n"])
def test_a_file_without_vectors_is_an_error(tmp_path, content):
    with pytest.raises(DataError, match="holds no vectors"):
        read_vectors(written(tmp_path, content), TOKENS)


def test_a_file_without_a_vector_for_any_unit_is_an_error(tmp_path):
    with pytest.raises(DataError, match=r"no vector for any of the \d tokens of the texts; pass .*, of their language"):
        read_vectors(written(tmp_path, "Haus 1 2\nBaum 3 4\n"), TOKENS)


def test_a_broken_character_spoils_its_own_word_only(tmp_path):
    matrix, found = read_vectors(written(tmp_path, b"fi\xfflm 1 2\ngood 3 4\n"), TOKENS)
    assert found.tolist() == [False, False, True, False, False, False]
    assert matrix[2].tolist() == [3, 4]


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r"cannot read .*nowhere\.vec"):
        read_vectors(tmp_path / "nowhere.vec", TOKENS)


@pytest.mark.parametrize("damage", ["cut", "changed", "not gzip"])
def test_a_damaged_gz_file_is_one_clear_error(tmp_path, damage):
    whole = gzip.compress("".join(f"w{n} {n} {n * n} 3\n" for n in range(5000)).encode())
    content = {
        "cut": whole[: len(whole) // 2],
        "changed": whole[:1000] + bytes(200) + whole[1200:],
        "not gzip": GLOVE.encode(),
    }[damage]
    path = tmp_path / "words.vec.gz"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"words\.vec\.gz"):
        read_vectors(path, TOKENS)


def test_a_new_source_of_vectors_is_one_row_and_decodes_only_what_is_needed(tmp_path, monkeypatch):
    decoded = []

    def entries(path):
        for number, word in enumerate(["good", "unheard", "film"], 1):
            yield Entry(f"row {number}", word, 2, lambda word=word: decoded.append(word) or np.ones(2, np.float32))

    row = VectorSource(accepts=lambda path: path.suffix == ".toy", entries=entries, fix="pass a toy")
    monkeypatch.setattr("attnclf.text.vectors.SOURCES", {"toy": row, **SOURCES})
    matrix, found = read_vectors(tmp_path / "words.toy", TOKENS)
    assert (matrix.shape, found.tolist(), decoded) == (
        (6, 2),
        [False, False, True, True, False, False],
        ["good", "film"],
    )
