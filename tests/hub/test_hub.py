"""Models on the hub: pushed, fetched and refused, over HTTP with a stand-in for the hub on this machine."""

import json
import pickle
import shutil

import pytest
from standin import TOKEN, commit_hash, running

from attnclf.bundle import open_bundle
from attnclf.errors import HubError
from attnclf.hub import located
from attnclf.runtime.classifier import Classifier

TEXTS = "my parcel is late\nI was charged twice\n"


@pytest.fixture(scope="module")
def hub():
    with running() as hub:
        yield hub


@pytest.fixture(scope="module")
def settings(hub, tmp_path_factory):
    """What a person sets to use this hub; the cache is empty at first."""
    place = tmp_path_factory.mktemp("hub")
    return {"HF_ENDPOINT": hub.url, "HF_HOME": str(place), "HF_TOKEN": TOKEN, "HF_HUB_DISABLE_XET": "1"}


@pytest.fixture(scope="module")
def pushed(attnclf, model, settings, hub, tmp_path_factory):
    """The model on the hub as `me/tickets`, from a folder in which a file lies that is none of the model's."""
    folder = shutil.copytree(model, tmp_path_factory.mktemp("pushed") / "model")
    (folder / "secrets.txt").write_text("not listed")
    done = attnclf("push", folder, "me/tickets", env=settings)
    assert (done.returncode, done.stdout) == (0, f"{hub.url}/me/tickets\n"), done.stderr
    assert "predict -m hf:me/tickets" in done.stderr
    return "hf:me/tickets"


def refused(done, *words):
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("Error: ")
    for word in words:
        assert word in line


def test_exactly_the_files_that_the_model_lists_go_up_in_one_commit(pushed, hub, model):
    (files,) = hub.commits["me/tickets"]
    listed = json.loads((model / "attnclf.json").read_text())["checksums"]
    assert set(files) == {"attnclf.json", *listed}
    for name, content in files.items():
        assert content == (model / name).read_bytes()
    assert not hub.private["me/tickets"]


def test_a_model_of_the_hub_predicts_and_does_so_without_network_too(attnclf, pushed, hub, settings, model):
    expected = attnclf("predict", "-m", model, input=TEXTS).stdout
    done = attnclf("predict", "-m", pushed, input=TEXTS, env=settings)
    assert (done.returncode, done.stdout, done.stderr) == (0, expected, "")
    asked = len(hub.seen)
    done = attnclf("predict", input=TEXTS, env={**settings, "HF_HUB_OFFLINE": "1", "ATTNCLF_MODEL": pushed})
    assert (done.returncode, done.stdout, done.stderr) == (0, expected, "")
    assert len(hub.seen) == asked
    done = attnclf("predict", "-m", pushed, input=TEXTS, env={**settings, "HF_ENDPOINT": "http://127.0.0.1:9"})
    assert (done.returncode, done.stdout, done.stderr) == (0, expected, "")  # no network, though nobody said so


def test_a_pickled_model_of_the_hub_is_fetched_where_it_is_not_in_the_cache(pushed, here, monkeypatch, tmp_path):
    from huggingface_hub import constants

    classifier = Classifier.load(pushed, device="cpu", threads=1)
    kept = pickle.dumps(classifier)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "another machine"))
    other = pickle.loads(kept)
    assert other.bundle.folder != classifier.bundle.folder
    assert other.predict(["my parcel"]) == classifier.predict(["my parcel"])


def test_a_model_of_the_hub_is_served_under_its_name_there(pushed, here, monkeypatch):
    from attnclf_cli.serve import _named

    (name,), (folder,) = zip(*_named([pushed]).items(), strict=True)
    assert name == pushed.rpartition("/")[2]
    assert _named([f"other={pushed}@main"]) == {"other": folder}
    assert open_bundle(folder)


@pytest.fixture
def here(monkeypatch, settings, hub, tmp_path):
    """Let `huggingface_hub` use the stand-in in this process, with an empty cache and no token."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", hub.url)
    address = constants.HUGGINGFACE_CO_URL_TEMPLATE[constants.HUGGINGFACE_CO_URL_TEMPLATE.index("/{repo_id}") :]
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", hub.url + address)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "token"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setenv("HF_ENDPOINT", hub.url)
    return hub


def test_only_the_files_that_the_model_lists_are_fetched_once(here, pushed, model):
    here.commits["me/more"] = [{**here.commits["me/tickets"][0], "run.py": b"print('hello')", "model.bin": b"x" * 99}]
    here.seen.clear()
    folder = located("hf:me/more")
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert names == set(here.commits["me/tickets"][0])
    assert not any(path.is_symlink() for path in folder.rglob("*"))
    fetched = [path for method, path in here.seen if method == "GET"]
    assert len(fetched) == len(set(fetched)) == len(names)
    assert located("hf:me/more") == folder
    assert fetched == [path for method, path in here.seen if method == "GET"]


def test_a_revision_is_what_was_pushed_then_and_the_branch_moves_on(here, pushed):
    (first,) = here.commits["me/tickets"]
    changed = {**first, "README.md": b"# changed\n"}
    manifest = json.loads(first["attnclf.json"])
    import hashlib

    manifest["checksums"]["README.md"] = hashlib.sha256(b"# changed\n").hexdigest()
    here.commits["me/two"] = [first, {**changed, "attnclf.json": json.dumps(manifest).encode()}]
    old = located(f"hf:me/two@{commit_hash('me/two', 0)}")
    assert (old / "README.md").read_bytes() == first["README.md"]
    assert (located("hf:me/two") / "README.md").read_bytes() == b"# changed\n"
    assert located("hf:me/two@main") == located("hf:me/two") != old


def test_a_damaged_file_on_the_hub_is_refused_and_not_kept(here, pushed, tmp_path):
    files = here.commits["me/tickets"][0]
    here.commits["me/bad"] = [{**files, "model.onnx": files["model.onnx"][:-1] + b"?"}]
    with pytest.raises(HubError, match=r"me/bad on the hub is incomplete: model.onnx was changed or damaged"):
        located("hf:me/bad")
    assert not list((tmp_path / "cache" / "models--me--bad" / "attnclf").iterdir())


def test_a_model_that_names_files_outside_its_folder_is_refused(here, pushed):
    files = here.commits["me/tickets"][0]
    manifest = json.loads(files["attnclf.json"])
    manifest["checksums"]["../../outside"] = "00"
    here.commits["me/evil"] = [{**files, "attnclf.json": json.dumps(manifest).encode()}]
    with pytest.raises(Exception, match="outside its folder"):
        located("hf:me/evil")


@pytest.mark.parametrize(
    ("argument", "words"),
    [
        ("hf:me/nothing", "the hub has no model me/nothing, or it is private; check the name, or sign in"),
        ("hf:me/locked", "the model me/locked is gated; ask for access on its page and sign in"),
        ("hf:me/tickets@v9", "the model me/tickets has no revision v9"),
        ("hf:me/other", "me/other on the hub is not a whole model of attnclf"),
        ("hf:tickets", "hf:tickets is no name on the hub; write it as hf:owner/name"),
        ("hf:a/b/c", "is no name on the hub"),
        ("hf:me/..", "'me/..' is no name on the hub"),
    ],
)
def test_what_cannot_be_fetched_is_one_line_with_the_remedy(here, pushed, in_session, argument, words):
    here.commits["me/locked"], here.commits["me/other"] = [{}], [{"config.json": b"{}"}]
    here.gated.add("me/locked")
    done = in_session("info", "-m", argument)
    assert (done.exit_code, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("Error: ")
    assert words in line


def test_a_hub_that_does_not_answer_is_one_line(attnclf, settings):
    unknown = {**settings, "HF_ENDPOINT": "http://127.0.0.1:9"}
    refused(attnclf("info", "-m", "hf:me/unseen", env=unknown), "the hub cannot be reached", "check the network")
    unknown["HF_HUB_OFFLINE"] = "1"
    refused(attnclf("info", "-m", "hf:me/unseen", env=unknown), "HF_HUB_OFFLINE is set", "not in the cache")


@pytest.mark.parametrize(
    ("name", "token", "words"),
    [
        ("me/new", None, "needs a token of the hub; sign in with hf auth login, or set HF_TOKEN"),
        ("others/new", TOKEN, "writing others/new is not allowed with this token"),
        ("new", TOKEN, "'new' is no name on the hub; write it as owner/name"),
    ],
)
def test_a_push_that_is_not_allowed_is_one_line(here, in_session, monkeypatch, model, name, token, words):
    if token is not None:
        monkeypatch.setenv("HF_TOKEN", token)
    done = in_session("push", model, name)
    assert (done.exit_code, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert words in line


def test_a_damaged_model_is_not_pushed(here, in_session, monkeypatch, model, tmp_path):
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    folder = shutil.copytree(model, tmp_path / "model")
    (folder / "README.md").write_text("# edited by hand\n")
    done = in_session("push", folder, "me/damaged")
    assert "was changed or damaged" in done.stderr
    assert "me/damaged" not in here.commits


def test_a_new_repository_can_be_private(here, in_session, monkeypatch, model):
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    assert in_session("push", model, "me/private", "--private").exit_code == 0
    assert here.private["me/private"]
