"""A served model that reads numeric columns: rows of numbers as texts, and what cannot be one."""

import json

import pytest
from support import invoke, shapes_unchecked

ROW = "age=30, income=2000"
NDJSON = {"Content-Type": "application/x-ndjson"}


@pytest.fixture(scope="module")
def numeric(start, one_thread, tmp_path_factory):
    folder = tmp_path_factory.mktemp("numeric")
    rows = [f"{age},{1000 + 10 * age},{'old' if age > 40 else 'young'}" for age in range(20, 80)]
    (folder / "rows.csv").write_text("\n".join(["age,income,label", *rows]) + "\n")
    with shapes_unchecked():
        done = invoke(
            "train", folder / "rows.csv", "--out", folder / "model", "--architecture", "feature-gate",
            "--feature-columns", "age, income", "--device", "cpu", "--epochs", "3",
        )  # fmt: skip
    assert done.returncode == 0, done.output
    return start("--model", folder / "model", "--port", "0")


@pytest.mark.parametrize("number", ["nan", "inf", "-inf", "1e39", "1e31"])
@pytest.mark.parametrize("path", ["/predict", "/explain"])
def test_what_is_no_finite_number_is_refused(numeric, path, number):
    status, answer = numeric.post(path, {"text": f"age={number}, income=2000"})
    assert status == 400
    assert "is not a row of the model's columns" in answer["error"]


def test_a_line_that_is_no_row_is_answered_by_its_error_and_the_others_by_their_labels(numeric):
    body = "".join(json.dumps(text) + "\n" for text in [ROW, "forty", ROW]).encode()
    first, wrong, last = numeric.lines("/predict", body)
    assert first == last == numeric.post("/predict", {"text": ROW})[1]
    assert wrong == {"error": "'forty' is not a row of the model's columns; write it as 'age=NUMBER, income=NUMBER'"}
    (alone,) = numeric.lines("/explain", b'"forty"\n')
    assert alone == wrong


def test_methods_that_take_words_out_and_contrasts_are_refused(numeric):
    status, answer = numeric.post("/explain", {"text": ROW, "compare": True, "against": "old"})
    assert (status, answer["error"]) == (
        400,
        "no method of this model says for which label a word speaks; leave --against out",
    )
    status, answer = numeric.post("/explain", {"text": ROW, "method": "auto"})
    assert (status, answer["error"]) == (
        400,
        "auto goes by words taken out, and this model reads numeric columns; name a method",
    )
