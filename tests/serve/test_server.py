"""What the server answers."""

import itertools
import json
import math
import shutil
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from running import wait_for

from attnclf.bundle import open_bundle
from attnclf.runtime.records import record

TEXT = "my parcel is late"


def test_a_text_gets_the_object_that_the_command_line_prints(server, attnclf, model):
    for options, arguments in (({}, []), ({"top_k": 2, "attention": True}, ["-k", "2", "--attention"])):
        printed = attnclf("predict", "-m", model, "-f", "jsonl", *arguments, input=f"{TEXT}\n").stdout
        assert server.post("/predict", {"text": TEXT, **options}) == (200, json.loads(printed))


def test_a_list_gets_a_list_in_its_order(server):
    status, said = server.post("/predict", {"texts": [TEXT, "", "I was charged twice"]})
    assert status == 200
    assert [one["label"] for one in said["predictions"]] == ["delivery", None, "billing"]
    assert server.post("/predict", {"texts": []}) == (200, {"predictions": []})


def test_a_threshold_chooses_among_several_labels(server):
    body = {"text": "за воду насчитали вдвое больше", "model": "topics"}
    few, many = (server.post("/predict", {**body, "threshold": cut})[1]["labels"] for cut in (0.9999, 0.0))
    assert not few
    assert len(many) == len(server.get("/labels")[1]["models"]["topics"]["labels"])


def test_an_explanation_is_the_object_that_the_command_line_prints(server, attnclf, model):
    for options, arguments in (
        ({"method": "leave-one-out", "against": "billing"}, ["--method", "leave-one-out", "--against", "billing"]),
        ({"against": "billing"}, ["--against", "billing"]),
        ({"method": ["attention", "occlusion"]}, ["--method", "attention", "--method", "occlusion"]),
    ):
        printed = attnclf("explain", "-m", model, "-f", "json", *arguments, input=f"{TEXT}\n").stdout
        status, said = server.post("/explain", {"text": TEXT, **options})
        assert (status, rounded(said)) == (200, rounded(json.loads(printed)))


def rounded(value):
    """A value without the last bits of its numbers."""
    if isinstance(value, dict):
        return {name: rounded(one) for name, one in value.items()}
    if isinstance(value, list):
        return [rounded(one) for one in value]
    return round(value, 5) if isinstance(value, float) else value


def test_explanations_of_a_list_come_in_its_order(server):
    status, said = server.post("/explain", {"texts": [TEXT, ""], "faithfulness": False})
    assert status == 200
    assert [one["label"] for one in said["explanations"]] == ["delivery", None]


def test_the_labels_of_every_model_are_listed(server, classifier, multi_classifier):
    _, said = server.get("/labels")
    tickets, topics = said["models"]["tickets"], said["models"]["topics"]
    assert tickets["labels"] == list(classifier.labels)
    assert topics["labels"] == list(multi_classifier.labels)
    assert (tickets["task"], topics["task"]) == ("single-label", "multi-label")
    assert (tickets["default"], topics["default"]) == (True, False)
    assert "leave-one-out" in tickets["methods"]
    assert "integrated-gradients" not in tickets["methods"]  # it needs torch


def test_requests_that_share_a_batch_get_the_answers_they_would_get_alone(server, classifier, tickets):
    alone = {text: record(classifier, classifier.predict([text])[0]) for text in tickets[:120]}
    sent = list(itertools.islice(itertools.cycle(alone), 240))
    with ThreadPoolExecutor(16) as clients:
        said = list(clients.map(lambda text: server.post("/predict", {"text": text}), sent))
    assert [status for status, _ in said] == [200] * len(sent)
    for text, (_, answer) in zip(sent, said, strict=True):
        assert answer["label"] == alone[text]["label"]
        assert answer["score"] == pytest.approx(alone[text]["score"], abs=2e-5)


def test_lines_in_give_lines_out(server, tickets):
    lines = "".join(json.dumps(text if number % 2 else {"text": text}) + "\n" for number, text in enumerate(tickets))
    said = server.lines("/predict?top_k=2", lines.encode())
    _, first = server.post("/predict", {"texts": tickets[:100], "top_k": 2})
    assert len(said) == len(tickets)
    for one, other in zip(said, first["predictions"], strict=False):
        assert [label["label"] for label in one["labels"]] == [label["label"] for label in other["labels"]]
        assert one["score"] == pytest.approx(other["score"], abs=2e-5)


def test_a_line_that_cannot_be_read_is_answered_by_its_error(server):
    body = b'"my parcel is late"\n{"x": 1}\n\xff\n\n"' + 20_001 * b"a" + b'"\n"I was charged twice"'
    good, unknown, broken, blank, long, last = server.lines("/predict", body)
    assert good["label"] == "delivery"
    assert unknown["error"] == "line 2: neither a string nor an object with a text"
    assert broken["error"].startswith("line 3: Invalid JSON")
    assert blank == {"label": None, "score": None}
    assert long["error"] == "line 5: more than 20,000 characters"
    assert last["label"] == "billing"


def test_a_list_can_be_answered_as_lines(server):
    body = json.dumps({"texts": [TEXT, ""], "faithfulness": False}).encode()
    said = server.lines("/explain", body, kind="application/json", accept="application/x-ndjson")
    assert [one["label"] for one in said] == ["delivery", None]
    assert [one["label"] for one in server.lines("/explain?method=ngrams&faithfulness=false", b'"my parcel"\n')]


def test_a_stream_with_wrong_options_is_refused(server):
    for query, said in (("top_k=0", "top_k: "), ("model=x", "no model 'x'"), ("nope=1", "nope: ")):
        status, _, body = server.request(
            "POST", f"/predict?{query}", b'"a"\n', {"Content-Type": "application/x-ndjson"}
        )
        assert status in (400, 404)
        assert said in body["error"]
    for query, said in (
        ("method=x", "unknown method 'x'"),
        ("method=ngrams&method=x", "unknown method 'x'"),
        ("compare=true&compare=false", "compare is given twice"),
    ):
        status, _, body = server.request(
            "POST", f"/explain?{query}", b'"a"\n', {"Content-Type": "application/x-ndjson"}
        )
        assert (status, body["error"].split(";")[0]) == (400, said)


def test_a_stream_may_ask_for_several_methods(server):
    (said,) = server.lines("/explain?method=leave-one-out&method=ngrams&faithfulness=false", b'"my parcel is late"\n')
    assert [one["method"] for one in said["methods"]] == ["leave-one-out", "ngrams"]


def test_a_method_that_is_not_known_is_answered_by_those_that_the_server_can_use(server):
    _, body = server.post("/explain", {"text": "a", "method": "x"})
    assert "leave-one-out" in body["error"]
    assert "integrated-gradients" not in body["error"]


def test_the_model_of_the_environment_may_lie_in_a_folder_with_a_space(start, model, tmp_path):
    (tmp_path / "my model").symlink_to(model)
    served = start("--port", "0", ATTNCLF_MODEL=str(tmp_path / "my model"))
    assert served.post("/predict", {"text": TEXT})[1]["label"] == "delivery"


def test_without_a_model_serve_says_how_to_name_one(in_session):
    done = in_session("serve", "--port", "0")
    assert (done.returncode, done.stderr) == (1, "Error: no model is named; pass --model DIR, or set ATTNCLF_MODEL\n")


@pytest.mark.parametrize("option", ["--drain", "--deadline", "--batch-delay", "--patience"])
def test_a_span_that_is_no_number_is_a_wrong_use(in_session, model, option):
    done = in_session("serve", "--model", model, option, "nan")
    assert done.returncode == 2
    assert "nan is not a number" in done.stderr


@pytest.mark.parametrize(
    ("path", "body", "status", "said"),
    [
        ("/predict", {"text": "a", "texts": ["b"]}, 400, "give either text or texts"),
        ("/predict", {}, 400, "give either text or texts"),
        ("/predict", {"text": 1}, 400, "text: Input should be a valid string"),
        ("/predict", {"text": "a", "top_k": 0}, 400, "top_k: "),
        ("/predict", {"text": "a", "threshold": 2}, 400, "threshold: "),
        ("/predict", {"text": "a", "threshold": 0.5, "top_k": 2}, 400, "leave out top_k or threshold"),
        ("/predict", {"text": "a", "colour": "red"}, 400, "colour: "),
        ("/predict", {"text": "a", "model": "x"}, 404, "no model 'x' is served; use one of: tickets, topics, changing"),
        ("/predict", {"texts": ["a"] * 101}, 413, "101 texts in one request; send at most 100"),
        ("/predict", {"text": "a" * 20_001}, 413, "a text is too long; send at most 20,000 characters"),
        ("/explain", {"text": "a", "method": "x"}, 400, "unknown method 'x'"),
        ("/explain", {"text": "a", "method": "integrated-gradients"}, 400, "the server has no torch"),
        ("/explain", {"text": "a", "against": "x"}, 400, "the model has no label 'x'"),
        ("/explain", {"text": "a", "map": True}, 400, "has no map"),
    ],
)
def test_a_request_that_makes_no_sense_is_told_what_is_wrong_in_one_line(server, path, body, status, said):
    got, answer = server.post(path, body)
    assert got == status
    assert answer["error"].startswith(said) or said in answer["error"]
    assert "\n" not in answer["error"]
    assert "/tmp" not in answer["error"]


def test_an_unknown_address_and_a_wrong_method_say_so(server):
    assert server.get("/nothing") == (404, {"error": "not found"})
    assert server.get("/predict") == (405, {"error": "method not allowed"})


def test_health_metrics_and_documents_are_there(server):
    assert server.get("/healthz") == (200, {"status": "alive"})
    assert server.get("/readyz") == (200, {"status": "ready"})
    before = server.metric('attnclf_texts_total{model="tickets",work="predict"}')
    server.post("/predict", {"texts": [TEXT] * 3})
    assert server.metric('attnclf_texts_total{model="tickets",work="predict"}') == before + 3
    for name in ("request_seconds_bucket", "batch_texts_sum", "batch_tokens_sum", "queue", "tokens_total"):
        assert f"attnclf_{name}" in server.get("/metrics")[1].decode()
    assert set(server.get("/openapi.json")[1]["paths"]) > {"/predict", "/explain", "/labels", "/v2/models/{name}/infer"}
    status, page = server.get("/docs")
    assert status == 200
    assert b"POST /predict" in page
    assert b"<script" not in page


def test_replies_tell_browsers_to_be_careful(server):
    for method, path, body in (("GET", "/labels", None), ("POST", "/predict", {"text": "a"}), ("GET", "/x", None)):
        _, headers, _ = server.request(method, path, body)
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert "Access-Control-Allow-Origin" not in headers
        assert "Server" not in headers


def test_a_page_of_another_site_is_not_let_in(server):
    assert server.post("/predict", {"text": "a"}, Origin="http://evil.example")[0] == 403
    assert server.post("/predict", {"text": "a"}, Host="evil.example")[0] == 403
    assert server.post("/predict", {"text": "a"}, Origin=f"http://127.0.0.1:{server.port}")[0] == 200


def test_a_replaced_model_takes_over_without_a_dropped_request_and_a_damaged_one_does_not(
    server, changing, multi_model, tmp_path
):
    def labels():
        return server.get("/labels")[1]["models"]["changing"]["labels"]

    def asked(_):
        return server.post("/predict", {"text": TEXT, "model": "changing"})[0]

    old, new = list(open_bundle(changing).labels), list(open_bundle(multi_model).labels)
    with ThreadPoolExecutor(4) as clients:
        statuses = clients.map(asked, range(200))
        shutil.copytree(multi_model, tmp_path / "new")
        changing.rename(tmp_path / "old")
        (tmp_path / "new").rename(changing)
        assert wait_for(lambda: labels() == new)
        assert set(statuses) == {200}
    # Damage: the version in service stays.
    network = changing / "model.onnx"
    good = network.read_bytes()
    network.write_bytes(good[: len(good) // 2])
    assert wait_for(lambda: server.metric('attnclf_reloads_total{model="changing",result="failure"}') == 1)
    assert labels() == new
    assert asked(0) == 200
    assert any("changing stays at version" in line for line in server.said)
    # And back again.
    shutil.rmtree(changing)
    (tmp_path / "old").rename(changing)
    assert wait_for(lambda: labels() == old)


def test_a_link_is_served_under_its_own_name_whatever_it_points_to(start, model, multi_model, tmp_path):
    link = tmp_path / "current"
    link.symlink_to(model)
    server = start("--model", link, "--port", 0)
    _, before = server.get("/v2/models/current")
    (tmp_path / "next").symlink_to(multi_model)
    (tmp_path / "next").rename(link)
    assert wait_for(lambda: server.get("/v2/models/current")[1]["versions"] != before["versions"])
    _, after = server.get("/v2/models/current")
    assert (before["name"], after["name"]) == ("current", "current")
    assert [output["name"] for output in after["outputs"]][:2] == ["label", "labels"]
    assert list(server.get("/labels")[1]["models"]) == ["current"]


@pytest.mark.parametrize("typed", [".", "../single/", "./"])
def test_a_folder_is_served_under_its_name_however_it_is_typed(model, typed, monkeypatch):
    from attnclf_cli.serve import _named

    monkeypatch.chdir(model)
    assert list(_named([typed])) == ["single"]


def test_a_signal_loads_all_models_again(server):
    loaded = [f'attnclf_reloads_total{{model="{name}",result="success"}}' for name in ("tickets", "topics")]
    before = [server.metric(series) for series in loaded]
    server.process.send_signal(signal.SIGHUP)
    assert wait_for(lambda: [server.metric(series) for series in loaded] == [count + 1 for count in before])
    assert server.post("/predict", {"text": TEXT})[0] == 200


@pytest.mark.skipif(sys.platform != "linux", reason="looks at what the process has mapped")
def test_the_server_has_not_loaded_torch(server):
    assert server.post("/explain", {"text": TEXT, "method": "kernel-shap"})[0] == 200
    mapped = Path(f"/proc/{server.process.pid}/maps").read_text(encoding="utf-8")
    assert "/onnxruntime/" in mapped
    assert not [name for name in ("torch", "sklearn", "pandas", "pyarrow") if f"/{name}/" in mapped]


def test_numbers_in_replies_are_finite(server):
    _, said = server.post("/explain", {"texts": ["", "a", TEXT * 5, "é" * 600]})

    def numbers(value):
        if isinstance(value, dict | list):
            for one in value.values() if isinstance(value, dict) else value:
                yield from numbers(one)
        elif isinstance(value, float):
            yield value

    assert all(map(math.isfinite, numbers(said)))
