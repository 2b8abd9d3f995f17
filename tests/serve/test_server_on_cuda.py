"""The server on an NVIDIA GPU."""

import numpy as np
import pytest

from attnclf.runtime.onnxruntime_backend import has_gpu


@pytest.mark.gpu
@pytest.mark.skipif(not has_gpu(), reason="there is no NVIDIA driver here")
def test_a_server_on_a_gpu_answers_as_one_on_a_cpu_does(start, model, classifier, tickets):
    server = start("--model", f"tickets={model}", "--device", "cuda", "--port", 0)
    given = {"name": "text", "shape": [len(tickets)], "datatype": "BYTES", "data": tickets}
    body = {"inputs": [given], "outputs": [{"name": "probabilities"}]}
    status, said = server.post("/v2/models/tickets/infer", body)
    assert status == 200
    probabilities = np.array(said["outputs"][0]["data"], np.float32).reshape(said["outputs"][0]["shape"])
    np.testing.assert_allclose(probabilities, classifier.predict_proba(tickets), atol=1e-4)
