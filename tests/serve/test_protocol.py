"""The Open Inference Protocol, asked by a public client and by hand; and the OpenAPI document, tried out."""

import subprocess
import sys

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
    ],
)
def test_a_request_that_breaks_the_protocol_is_told_why(server, body, said):
    status, answer = server.post("/v2/models/tickets/infer", body)
    assert status == 400
    assert said in answer["error"]


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
