"""The model folder: whole or not there, checked when read, and never a way out of itself."""

import json
import os
import pickle

import numpy as np
import pytest

from attnclf.bundle import MANIFEST, checksum, new_bundle, open_bundle, write_manifest
from attnclf.errors import BundleError

DESCRIPTION = {"task": "single-label", "labels": ["good", "плохо"], "text": {"max_length": 9}}


def fill(folder, content="first"):
    (folder / "model.onnx").write_text(content, encoding="utf-8")
    (folder / "report").mkdir()
    (folder / "report" / "metrics.json").write_text("{}", encoding="utf-8")
    write_manifest(folder, DESCRIPTION)


@pytest.fixture
def bundle(tmp_path):
    destination = tmp_path / "deep" / "model"
    with new_bundle(destination) as folder:
        fill(folder)
    return destination


def rewrite(folder, **changes):
    manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    manifest.update(changes)
    (folder / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")


def write_half(destination, problem):
    with new_bundle(destination) as folder:
        (folder / "model.onnx").write_text("half", encoding="utf-8")
        raise problem


def names(folder):
    return sorted(path.name for path in folder.iterdir())


# Writing


def test_a_written_bundle_opens_and_every_file_is_the_one_written(bundle):
    opened = open_bundle(bundle)
    opened.verify()
    assert opened.labels == ("good", "плохо")
    assert not opened.multi_label
    assert opened.path("model.onnx").read_text(encoding="utf-8") == "first"
    assert opened.path("report/metrics.json") == bundle / "report" / "metrics.json"
    assert names(bundle.parent) == ["model"]


def test_a_new_bundle_replaces_the_old_one_as_a_whole(bundle):
    with new_bundle(bundle) as folder:
        fill(folder, "second")
        (folder / "report" / "metrics.json").unlink()
        write_manifest(folder, DESCRIPTION)
        assert (bundle / "model.onnx").read_text(encoding="utf-8") == "first", "the old one stays until the end"
    assert (bundle / "model.onnx").read_text(encoding="utf-8") == "second"
    assert list((bundle / "report").iterdir()) == []
    assert names(bundle.parent) == ["model"]


@pytest.mark.parametrize("problem", [ValueError, KeyboardInterrupt, SystemExit])
def test_a_failure_leaves_the_old_model_and_no_leftovers(bundle, problem):
    with pytest.raises(problem):
        write_half(bundle, problem)
    open_bundle(bundle).verify()
    assert (bundle / "model.onnx").read_text(encoding="utf-8") == "first"
    assert names(bundle.parent) == ["model"]


def test_a_failure_where_no_model_was_leaves_nothing(tmp_path):
    with pytest.raises(ValueError, match="halt"):
        write_half(tmp_path / "model", ValueError("halt"))
    assert names(tmp_path) == []


def test_a_failed_rename_keeps_the_old_model_in_its_place(bundle, monkeypatch):
    replace = type(bundle).replace

    def failing(self, target):
        if target == bundle and self.parent == bundle.parent:
            raise OSError("disk full")
        return replace(self, target)

    monkeypatch.setattr(type(bundle), "replace", failing)
    with pytest.raises(OSError, match="disk full"), new_bundle(bundle) as folder:
        fill(folder, "second")
    monkeypatch.undo()
    open_bundle(bundle).verify()
    assert (bundle / "model.onnx").read_text(encoding="utf-8") == "first"


def test_an_empty_folder_may_become_a_model(tmp_path):
    (tmp_path / "model").mkdir()
    with new_bundle(tmp_path / "model") as folder:
        fill(folder)
    open_bundle(tmp_path / "model").verify()


def test_a_folder_that_is_not_a_model_is_never_replaced(tmp_path):
    precious = tmp_path / "thesis" / "chapter.txt"
    precious.parent.mkdir()
    precious.write_text("years", encoding="utf-8")
    for destination in (precious.parent, precious):
        with pytest.raises(BundleError, match="exists and is not a model folder"), new_bundle(destination) as folder:
            fill(folder)
    assert precious.read_text(encoding="utf-8") == "years"
    assert names(tmp_path) == ["thesis"]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such permissions")
def test_a_model_may_be_read_by_whoever_the_umask_allows(tmp_path):
    old = os.umask(0o027)
    try:
        with new_bundle(tmp_path / "model") as folder:
            fill(folder)
    finally:
        os.umask(old)
    assert (tmp_path / "model").stat().st_mode & 0o777 == 0o750


def test_no_file_of_a_model_can_be_unpickled(bundle, model):
    for path in [*bundle.rglob("*"), *model.rglob("*")]:
        if path.is_file():
            with pytest.raises(Exception):  # noqa: B017, PT011, whatever pickle says of a file that is none
                pickle.loads(path.read_bytes())
            assert path.suffix not in {".pt", ".pkl", ".bin", ".npy", ".npz", ".zip"}


# Reading


def test_a_changed_file_is_refused_when_it_is_asked_for(bundle):
    (bundle / "model.onnx").write_text("First", encoding="utf-8")
    opened = open_bundle(bundle)
    opened.path("report/metrics.json")
    for ask in (lambda: opened.path("model.onnx"), opened.verify):
        with pytest.raises(BundleError, match=r"model\.onnx was changed or damaged; copy the model again"):
            ask()


def test_a_missing_file_is_named(bundle):
    (bundle / "model.onnx").unlink()
    with pytest.raises(BundleError, match=r"model\.onnx is missing"):
        open_bundle(bundle).path("model.onnx")


def test_a_file_that_the_manifest_does_not_list_is_not_read(bundle):
    (bundle / "extra.onnx").write_text("planted", encoding="utf-8")
    with pytest.raises(BundleError, match=r"has no extra\.onnx"):
        open_bundle(bundle).path("extra.onnx")


def test_a_link_is_not_followed_even_to_the_same_bytes(bundle, tmp_path):
    (bundle / "model.onnx").rename(tmp_path / "outside.onnx")
    (bundle / "model.onnx").symlink_to(tmp_path / "outside.onnx")
    with pytest.raises(BundleError, match="link"):
        open_bundle(bundle).path("model.onnx")


def test_a_linked_folder_inside_is_not_followed_either(bundle, tmp_path):
    (bundle / "report").rename(tmp_path / "outside")
    (bundle / "report").symlink_to(tmp_path / "outside", target_is_directory=True)
    with pytest.raises(BundleError):
        open_bundle(bundle).path("report/metrics.json")


@pytest.mark.parametrize(
    "name", ["../secret", "report/../../secret", "/etc/passwd", "..", "..\\secret", "report\\..\\..\\x"]
)
def test_a_manifest_that_points_outside_its_folder_is_refused(bundle, name):
    (bundle.parent / "secret").write_text("secret", encoding="utf-8")
    rewrite(bundle, checksums={name: checksum(bundle.parent / "secret")})
    with pytest.raises(BundleError, match="outside its folder; do not use this model"):
        open_bundle(bundle)


@pytest.mark.parametrize("name", ["", ".", "report", "report/"])
def test_a_folder_is_not_taken_for_a_file(bundle, name):
    rewrite(bundle, checksums={name: "0" * 64})
    with pytest.raises(BundleError):
        open_bundle(bundle).verify()


def test_another_format_version_names_both(bundle):
    rewrite(bundle, format_version=99)
    with pytest.raises(BundleError, match="has format version 99, this attnclf reads version 2; install"):
        open_bundle(bundle)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"text"',
        b"\xff\xfe\x00",
        b'{"format_version": 2}',
        b'{"format_version": 2, "labels": [], "task": "", "text": {}, "checksums": 3}',
        b'{"format_version": 2, "labels": [], "task": "", "text": {}, "checksums": [1, 2]}',
        b"[" * 100_000,
    ],
    ids=["empty", "cut", "list", "null", "text", "not UTF-8", "no keys", "sum of a number", "sums of a list", "deep"],
)
def test_a_damaged_manifest_is_one_clear_error(bundle, content):
    (bundle / MANIFEST).write_bytes(content)
    with pytest.raises(BundleError, match="is damaged; copy the model again or train it again"):
        open_bundle(bundle)


def test_what_is_no_model_folder_is_said_so(tmp_path):
    with pytest.raises(BundleError, match="there is no model folder"):
        open_bundle(tmp_path / "nowhere")
    with pytest.raises(BundleError, match=r"is not a model folder \(no attnclf.json\)"):
        open_bundle(tmp_path)
    file = tmp_path / "model.onnx"
    file.write_bytes(np.zeros(3).tobytes())
    with pytest.raises(BundleError, match="there is no model folder"):
        open_bundle(file)


def test_the_version_of_a_model_is_the_checksum_of_its_manifest(bundle):
    first = open_bundle(bundle)
    assert first.version == checksum(bundle / MANIFEST)
    rewrite(bundle, temperature=2.0)
    assert open_bundle(bundle).version == checksum(bundle / MANIFEST) != first.version
