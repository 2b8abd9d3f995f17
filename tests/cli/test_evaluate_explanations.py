"""`attnclf evaluate --explanations`: the figures beside the report, as a table, as json and as a picture."""

import json

import pytest

MEAN = {"mean", "low", "high"}


@pytest.fixture
def evaluated(in_session, model):
    return lambda data, *options: in_session("evaluate", data, "-m", model, *options)


@pytest.fixture(scope="module")
def marked(tmp_path_factory):
    path = tmp_path_factory.mktemp("rows") / "marked.jsonl"
    rows = [
        {"text": "my parcel never came", "label": "delivery", "why": ["parcel"]},
        {"text": "I was charged twice for May", "label": "billing", "why": ["charged twice"]},
        {"text": "the app is broken", "label": "technical", "why": None},
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_json_has_the_documented_keys_beside_those_of_the_report(evaluated, marked):
    done = evaluated(marked, "--explanations", "--rationale-column", "why", "-f", "json")
    assert done.exit_code == 0, done.stderr
    record = json.loads(done.stdout)
    assert record["rows"] == 3
    found = record["explanations"]
    assert set(found) == {"texts", "marked", "marked_share", "methods", "curve_shares", "permutation"}
    assert (found["texts"], found["marked"]) == (3, 2)
    assert found["marked_share"] == pytest.approx((1 / 4 + 2 / 6) / 2)
    assert {"attention", "leave-one-out", "random"} <= set(found["methods"])
    for name, worth in found["methods"].items():
        assert set(worth) == {"comprehensiveness", "sufficiency", "curve", "tau", "plausibility", "milliseconds"}
        for figure in ("comprehensiveness", "sufficiency"):
            assert {removal: set(mean) for removal, mean in worth[figure].items()} == {"delete": MEAN, "mask": MEAN}
        assert len(worth["curve"]) == len(found["curve_shares"])
        assert (worth["tau"] is None) == (name == "leave-one-out")
        assert set(worth["plausibility"]) == {"auprc", "token_f1", "iou_f1"}
    assert set(found["permutation"]) == {"texts", "distance", "changed"}
    assert "evidence in 2 rows" in done.stderr
    assert "Explanations: 3 of 3 rows; attention, " in done.stderr


def test_without_explanations_nothing_of_them_is_made_or_read(evaluated, marked):
    done = evaluated(marked, "-f", "json")
    assert "explanations" not in json.loads(done.stdout)
    assert "vidence" not in done.stderr
    assert "Explanations" not in done.stderr


def test_the_sample_and_the_methods_are_those_that_were_asked_for(evaluated, examples):
    data = examples / "tickets" / "tickets.csv"
    options = ("--explanations", "--explain-rows", "12", "--method", "ngrams", "--method", "attention", "-f", "json")
    done = evaluated(data, *options)
    assert "Explanations: 12 of 360 rows drawn at random (seed 0); ngrams, attention, random\n" in done.stderr
    record = json.loads(done.stdout)
    assert (record["rows"], record["explanations"]["texts"]) == (360, 12)
    assert list(record["explanations"]["methods"]) == ["ngrams", "attention", "random"]
    assert record["explanations"]["methods"]["ngrams"]["plausibility"] is None


def test_the_tables_stand_below_the_report_and_the_picture_in_its_file(evaluated, marked, tmp_path):
    done = evaluated(marked, "--explanations", "--method", "attention", "--plot", tmp_path / "curves.svg")
    assert done.exit_code == 0, done.stderr
    assert done.stdout.index("Labels, %") < done.stdout.index("Faithfulness over 3 texts, words deleted")
    assert (tmp_path / "curves.svg").read_text(encoding="utf-8").count("<polyline") == 2
    assert [path.name for path in tmp_path.iterdir()] == ["curves.svg"]


@pytest.mark.parametrize(
    "option",
    [("--explain-rows", "5"), ("--method", "attention"), ("--rationale-column", "why"), ("--plot", "a.svg")],
    ids=lambda option: option[0],
)
def test_an_option_that_needs_explanations_says_so(evaluated, marked, option):
    done = evaluated(marked, *option)
    assert done.exit_code == 2
    assert "needs --explanations" in done.stderr
    assert option[0] in done.stderr


def test_what_cannot_be_done_is_one_line_before_anything_is_scored(evaluated, marked, tmp_path):
    unknown = evaluated(marked, "--explanations", "--method", "vibes")
    assert (unknown.exit_code, unknown.stdout) == (1, "")
    assert unknown.stderr.startswith("Error: unknown method 'vibes'; use one of: attention, ")
    assert len(unknown.stderr.splitlines()) == 1
    column = evaluated(marked, "--explanations", "--rationale-column", "whence")
    assert column.exit_code == 1
    assert column.stderr.splitlines()[-1].startswith("Error: marked.jsonl: there is no column 'whence'")
    nowhere = evaluated(marked, "--explanations", "--plot", tmp_path / "none" / "curves.svg")
    assert (nowhere.exit_code, nowhere.stdout) == (1, "")
    assert nowhere.stderr.splitlines()[-1].endswith("No such file or directory; pass another --plot")
    ending = evaluated(marked, "--explanations", "--plot", tmp_path / "curves.png")
    assert ending.exit_code == 2
    assert "svg" in ending.stderr
