"""The Open Inference Protocol, asked by a public client and by hand; and the OpenAPI document, tried out."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

TEXTS = ["my parcel is late", "", "I was charged twice for the same invoice"]
INPUT = {"name": "text", "shape": [3], "datatype": "BYTES", "data": TEXTS}


@pytest.fixture(scope="module")
def triton(server):
    client = pytest.importorskip("tritonclient.http")
    with client.InferenceServerClient(f"127.0.0.1:{server.port}") as asked:
        yield client, asked


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("binary", [True, False])
def test_a_public_client_gets_right_answers(triton, classifier, binary):
    client, asked = triton
    assert asked.is_server_live()
    assert asked.is_server_ready()
    assert asked.is_model_ready("tickets")
    assert "binary_tensor_data" in asked.get_server_metadata()["extensions"]
    known = asked.get_model_metadata("tickets")
    assert [tensor["name"] for tensor in known["outputs"]] == ["label", "score", "probabilities", "attention"]
    given = client.InferInput("text", [3], "BYTES")
    given.set_data_from_numpy(np.array([text.encode() for text in TEXTS], dtype=object), binary_data=binary)
    names = ("label", "score", "probabilities", "attention")
    wanted = [client.InferRequestedOutput(name, binary_data=binary) for name in names]
    said = asked.infer("tickets", [given], outputs=wanted, request_id="seven")
    right = classifier.predict(TEXTS)
    assert said.get_response()["id"] == "seven"
    labels = [label.decode() if isinstance(label, bytes) else label for label in said.as_numpy("label")]
    assert labels == [one.label or "" for one in right]
    np.testing.assert_array_equal(said.as_numpy("probabilities"), np.stack([one.probabilities for one in right]))
    np.testing.assert_array_equal(said.as_numpy("score"), np.float32([one.score or 0 for one in right]))
    for row, one in zip(said.as_numpy("attention"), right, strict=True):
        np.testing.assert_array_equal(row[: len(one.attention)], one.attention)
        assert not row[len(one.attention) :].any()


@pytest.mark.filterwarnings("ignore")
def test_a_public_client_that_names_no_outputs_gets_all(triton):
    client, asked = triton
    given = client.InferInput("text", [1], "BYTES")
    given.set_data_from_numpy(np.array([b"my parcel is late"], dtype=object))
    assert asked.infer("tickets", [given]).as_numpy("label").tolist() == [b"delivery"]


def test_several_labels_are_joined_as_on_the_command_line(server, multi_classifier):
    text = "за воду насчитали вдвое больше"
    body = {"inputs": [{**INPUT, "shape": [1, 1], "data": [[text]]}], "outputs": [{"name": "labels"}]}
    status, said = server.post("/v2/models/topics/infer", {**body, "parameters": {"threshold": 0.001}})
    assert status == 200
    (output,) = said["outputs"]
    assert output["data"] == ["|".join(multi_classifier.predict([text], threshold=0.001)[0].chosen)]
    assert "id" not in said


def test_a_version_that_is_served_is_found_and_no_other(server):
    _, described = server.get("/v2/models/tickets")
    (version,) = described["versions"]
    assert server.get(f"/v2/models/tickets/versions/{version}/ready") == (200, {"name": "tickets", "ready": True})
    assert server.post(f"/v2/models/tickets/versions/{version}/infer", {"inputs": [INPUT]})[0] == 200
    assert server.get("/v2/models/tickets/versions/1") == (
        404,
        {"error": f"tickets is served in version {version} only"},
    )


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"inputs": []}, "inputs: "),
        ({"inputs": [{**INPUT, "name": "x"}]}, "inputs.0.name: "),
        ({"inputs": [{**INPUT, "datatype": "FP32"}]}, "inputs.0.datatype: "),
        ({"inputs": [{**INPUT, "shape": [2]}]}, "the shape of text is [2], and there are 3 texts"),
        ({"inputs": [{**INPUT, "data": [1, 2, 3]}]}, "the data of text are strings"),
        ({"inputs": [{**INPUT, "data": [[["a"]]]}]}, "the data of text are strings"),
        ({"inputs": [INPUT], "outputs": [{"name": "x"}]}, "there is no output 'x'; use: label, score"),
        ({"inputs": [INPUT], "parameters": {"threshold": 7}}, "threshold is a number from 0 to 1"),
        ({"inputs": [{**INPUT, "parameters": {"binary_data_size": 9}}]}, "binary_data_size is 9, and 0 bytes follow"),
        (
            {"inputs": [{**INPUT, "parameters": {"content_type": "base64"}}]},
            "inputs.0.parameters.content_type: Input should be 'str'",
        ),
        ({"inputs": [INPUT], "parameters": {"content_type": "pd"}}, "parameters.content_type: Input should be 'str'"),
        (
            {"inputs": [{**INPUT, "parameters": {"shared_memory_region": "texts", "shared_memory_byte_size": 9}}]},
            "inputs.0.parameters.shared_memory_region: the server does not do this; leave it out",
        ),
        (
            {"inputs": [INPUT], "outputs": [{"name": "label", "parameters": {"shared_memory_region": "a"}}]},
            "outputs.0.parameters.shared_memory_region: the server does not do this; leave it out",
        ),
        (
            {"inputs": [INPUT], "outputs": [{"name": "probabilities", "parameters": {"classification": 2}}]},
            "outputs.0.parameters.classification: the server does not do this; leave it out",
        ),
        (
            {"inputs": [INPUT], "outputs": [{"name": "label", "parameters": {"binary_data": "false"}}]},
            "outputs.0.parameters.binary_data: Input should be a valid boolean",
        ),
        (
            {"inputs": [INPUT], "outputs": [{"name": "label", "parameters": {"content_type": "np"}}]},
            "label cannot go as 'np'; leave the parameter out",
        ),
        (
            {"inputs": [INPUT], "parameters": {"sequence_id": 7, "sequence_start": True}},
            "parameters.sequence_id: the server does not do this; leave it out",
        ),
        ({"inputs": [INPUT], "parameters": {"top_k": 2}}, "parameters.top_k: the server does not do this"),
        ({"inputs": [INPUT], "parameters": {"binary_data_output": 1}}, "parameters.binary_data_output: "),
    ],
)
def test_a_request_that_breaks_the_protocol_is_told_why(server, body, said):
    status, answer = server.post("/v2/models/tickets/infer", body)
    assert status == 400
    assert said in answer["error"]


def test_parameters_that_change_no_answer_are_let_by(server):
    body = {
        "model_name": "tickets",
        "parameters": {"priority": 1, "timeout": 1000, "content_type": "str"},
        "inputs": [{**INPUT, "parameters": {"content_type": "str"}}],
        "outputs": [
            {"name": "label", "parameters": {"content_type": "str"}},
            {"name": "score", "parameters": {"content_type": "np", "binary_data": False}},
        ],
    }
    plain = {"inputs": [INPUT], "outputs": [{"name": "label"}, {"name": "score"}]}
    infer = "/v2/models/tickets/infer"
    assert server.post(infer, body) == server.post(infer, plain)
    assert server.post(infer, body)[0] == 200


def test_outputs_go_as_bytes_where_the_request_says_so_unless_one_says_otherwise(server):
    body = {
        "inputs": [INPUT],
        "parameters": {"binary_data_output": True},
        "outputs": [{"name": "label", "parameters": {"binary_data": False}}, {"name": "score"}],
    }
    status, headers, said = server.request("POST", "/v2/models/tickets/infer", body)
    assert status == 200
    label, score = json.loads(said[: int(headers["Inference-Header-Content-Length"])])["outputs"]
    assert label["data"] == ["delivery", "", "billing"]
    assert score["parameters"] == {"binary_data_size": 12}


def test_texts_within_the_json_and_behind_it_are_refused(server):
    tensor = {"name": "text", "shape": [1], "datatype": "BYTES"}
    raw = b"\x02\0\0\0ab"
    for given, said in (
        ({**tensor, "data": ["a"]}, "binary_data_size is missing, and 6 bytes follow the JSON"),
        (
            {**tensor, "data": ["a"], "parameters": {"binary_data_size": 6}},
            "text has data within the JSON and behind it; send one of both",
        ),
    ):
        head = json.dumps({"inputs": [given]}).encode()
        status, _, answer = server.request(
            "POST", "/v2/models/tickets/infer", head + raw, {"Inference-Header-Content-Length": str(len(head))}
        )
        assert (status, answer["error"]) == (400, said)
    status, _, answer = server.request(
        "POST", "/v2/models/tickets/infer", raw, {"Inference-Header-Content-Length": "0"}
    )
    assert (status, answer["error"].partition(",")[0]) == (400, "the request has no JSON")


@pytest.mark.filterwarnings("ignore")
def test_a_public_client_is_refused_what_the_server_does_not_do(triton):
    client, asked = triton
    given = client.InferInput("text", [1], "BYTES")
    given.set_data_from_numpy(np.array([b"my parcel is late"], dtype=object))
    with pytest.raises(Exception, match="classification: the server does not do this"):
        asked.infer("tickets", [given], outputs=[client.InferRequestedOutput("probabilities", class_count=2)])
    with pytest.raises(Exception, match="sequence_id: the server does not do this"):
        asked.infer("tickets", [given], sequence_id=3)
    given.set_shared_memory("region", 21)
    with pytest.raises(Exception, match="shared_memory_region: the server does not do this"):
        asked.infer("tickets", [given])


@pytest.mark.filterwarnings("ignore")
def test_the_configuration_of_a_model_says_what_its_description_says(server, triton):
    """Clients such as pytriton's ask for it before they begin."""
    _, asked = triton
    config, described = asked.get_model_config("tickets"), asked.get_model_metadata("tickets")
    assert (config["name"], config["max_batch_size"], config["platform"]) == ("tickets", 0, described["platform"])
    kinds = {"BYTES": "TYPE_STRING", "FP32": "TYPE_FP32"}
    for given, tensors in ((config["input"], described["inputs"]), (config["output"], described["outputs"])):
        assert given == [
            {"name": one["name"], "data_type": kinds[one["datatype"]], "dims": one["shape"]} for one in tensors
        ]
    (version,) = described["versions"]
    assert asked.get_model_config("tickets", version) == config
    assert "model_configuration" in asked.get_server_metadata()["extensions"]
    assert server.get("/v2/models/tickets/versions/1/config")[0] == 404
    assert server.get("/v2/models/none/config")[0] == 404


def test_the_document_says_what_is_sent(server):
    document = server.get("/openapi.json")[1]
    operations = {
        f"{method} {path}": operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }
    for name, operation in operations.items():
        assert "422" not in operation["responses"], name
        for parameter in operation.get("parameters", ()):
            if parameter["in"] == "path":
                assert (parameter["required"], parameter["schema"]["type"]) == (True, "string"), name
            else:
                assert name in ("post /predict", "post /explain")
        assert operation["responses"]["200"]["content"], name
    for name in ("post /predict", "post /explain", "post /v2/models/{name}/infer"):
        assert {"400", "401", "403", "404", "408", "413", "415", "429", "503"} <= set(operations[name]["responses"])
    schemas = document["components"]["schemas"]
    assert not {"HTTPValidationError", "ValidationError"} & set(schemas)
    infer = operations["post /v2/models/{name}/infer"]["responses"]["200"]["content"]
    assert infer["application/json"]["schema"] == {"$ref": "#/components/schemas/InferenceReply"}
    assert set(server.post("/v2/models/tickets/infer", {"inputs": [INPUT]})[1]) < set(
        schemas["InferenceReply"]["properties"]
    )


def test_the_document_of_a_server_with_a_key_says_where_it_is_needed(start, model, server):
    keyed = start("--model", model, "--port", 0, ATTNCLF_API_KEY="key")
    document = keyed.get("/openapi.json")[1]
    (scheme,) = document["components"]["securitySchemes"]
    assert document["components"]["securitySchemes"][scheme]["scheme"] == "bearer"
    for path, methods in document["paths"].items():
        for operation in methods.values():
            is_open = path in ("/healthz", "/readyz", "/v2/health/live", "/v2/health/ready")
            assert operation.get("security", []) == ([] if is_open else [{scheme: []}]), path
    without = server.get("/openapi.json")[1]
    assert not any("security" in operation for methods in without["paths"].values() for operation in methods.values())


def test_a_generator_of_clients_leaves_no_operation_out(server, tmp_path):
    program = shutil.which("openapi-python-client", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    if program is None:
        pytest.skip("needs openapi-python-client: pip install --group clients")
    document = tmp_path / "openapi.json"
    document.write_text(json.dumps(server.get("/openapi.json")[1]))
    done = subprocess.run(
        [program, "generate", "--path", document, "--output-path", tmp_path / "client", "--meta", "none"],
        capture_output=True, text=True, timeout=300, check=False,
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
    )  # fmt: skip
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert "Endpoint will not be generated" not in said
    made = [path for path in (tmp_path / "client" / "api").glob("*/*.py") if path.name != "__init__.py"]
    assert len(made) == sum(map(len, server.get("/openapi.json")[1]["paths"].values()))


def test_binary_data_that_end_within_a_text_are_refused(server):
    head = b'{"inputs":[{"name":"text","shape":[1],"datatype":"BYTES","parameters":{"binary_data_size":6}}]}'
    for data, said in ((b"\x09\0\0\0ab", "end within a text"), (b"\x02\0\0\0\xff\xfe", "a text is not valid UTF-8")):
        status, _, answer = server.request(
            "POST", "/v2/models/tickets/infer", head + data, {"Inference-Header-Content-Length": str(len(head))}
        )
        assert (status, said in answer["error"]) == (400, True)


def test_what_the_document_allows_breaks_nothing(server):
    """Schemathesis sends what the OpenAPI document describes, and what it does not."""
    done = subprocess.run(
        [
            sys.executable, "-c", "from schemathesis.cli import schemathesis; schemathesis()", "run",
            f"http://127.0.0.1:{server.port}/openapi.json", "--max-examples", "4", "--seed", "0", "--no-color",
            "--phases", "examples,coverage,fuzzing", "--max-time", "5",
            "--checks", "not_a_server_error,content_type_conformance,response_schema_conformance",
        ],
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
