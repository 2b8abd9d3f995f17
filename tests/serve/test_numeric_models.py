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


@pytest.mark.parametrize("path", ["/predict", "/explain"])
def test_a_row_is_sent_as_an_object_as_predict_reads_it_from_jsonl(numeric, path):
    status, right = numeric.post(path, {"text": ROW})
    assert status == 200
    rows = [{"age": 30, "income": 2000}, {"income": " 2000 ", "age": "30", "name": "not read", "id": 7}]
    assert numeric.lines(path, "".join(json.dumps(row) + "\n" for row in rows).encode()) == [right, {"id": 7, **right}]
    assert numeric.post(path, {"row": rows[0]}) == (200, right)
    status, said = numeric.post(path, {"rows": [rows[0], rows[0]]})
    assert (status, *said.values()) == (200, [right, right])


def test_an_object_that_is_no_row_is_told_the_form(numeric, server):
    form = '; a row of this model is {"age": NUMBER, "income": NUMBER}'
    for row, said in (
        ({"age": 34}, "'income' is missing"),
        ({"age": 34, "income": None}, "'income' is missing"),
        ({"age": 34, "income": "much"}, "'income' is 'much', not a number"),
        ({"age": 34, "income": 1e31}, "'income' is 1e+31, not a number"),
    ):
        assert numeric.post("/predict", {"row": row}) == (400, {"error": said + form})
        (line,) = numeric.lines("/predict", json.dumps(row).encode())
        assert line == {"error": "line 1: " + said + form}
    assert numeric.lines("/predict", b'{"text": "%s", "id": 1}' % ROW.encode())[0]["id"] == 1
    status, answer = numeric.post("/predict", {"age": 34, "income": 2000})
    assert (status, answer["error"]) == (
        400,
        "age: there is no such field; use: top_k, threshold, attention, text, texts, row, rows, model",
    )
    assert numeric.post("/predict", {"row": {"age": True, "income": 1}})[0] == 400
    assert numeric.post("/predict", {"row": {"age": 1, "income": 1}, "text": ROW})[0] == 400
    assert server.post("/predict", {"row": {"age": 34}}) == (
        400,
        {"error": "this model reads text, not rows of numbers; send text or texts"},
    )


def test_methods_that_take_words_out_and_contrasts_are_refused(numeric):
    status, answer = numeric.post("/explain", {"text": ROW, "compare": True, "against": "old"})
    assert (status, answer["error"]) == (
        400,
        "no method of this model gives words a sign for or against a label; leave --against out",
    )
    status, answer = numeric.post("/explain", {"text": ROW, "method": "auto"})
    assert (status, answer["error"]) == (
        400,
        "auto goes by words taken out, and this model reads numeric columns; name a method",
    )
