"""A file or folder that is written has its name when it is complete, and not before."""

import json
import os

import fsspec
import pytest

from attnclf.atomic import atomic_folder, atomic_upload, atomic_write, output_path
from attnclf.bundle import new_bundle
from attnclf.errors import ConfigError
from attnclf.export.triton import write_model


def writers(path):
    """Return each writer with what makes `path` hold a text by it."""

    def file(text):
        with atomic_write(path) as temporary:
            temporary.write_text(text)
            yield

    def folder(text):
        with atomic_folder(path) as temporary:
            (temporary / "a").write_text(text)
            yield

    def upload(text):
        with atomic_upload(fsspec.filesystem("file"), str(path)) as stream:
            stream.write(text)
            stream.flush()
            yield

    return {"file": file, "folder": folder, "upload": upload}


def content(path):
    return (path / "a" if path.is_dir() else path).read_text()


@pytest.mark.parametrize("kind", ["file", "folder", "upload"])
def test_the_old_content_stays_until_the_new_one_is_complete(tmp_path, kind):
    path = tmp_path / "name"
    write = writers(path)[kind]
    list(write("old"))
    for step in write("new"):
        assert step is None
        assert content(path) == "old"
        assert len(list(tmp_path.iterdir())) == 2
    assert content(path) == "new"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("kind", ["file", "folder", "upload"])
@pytest.mark.parametrize("exists", [True, False])
def test_an_interrupted_writer_leaves_what_was_there(tmp_path, kind, exists):
    path = tmp_path / "name"
    write = writers(path)[kind]
    if exists:
        list(write("old"))
    running = write("half")
    next(running)
    with pytest.raises(KeyboardInterrupt):
        running.throw(KeyboardInterrupt)
    assert [content(found) for found in tmp_path.iterdir()] == ["old"] * exists


def test_two_writers_of_one_file_end_with_one_complete_file(tmp_path):
    path = tmp_path / "name"
    write = writers(path)["file"]
    first, second = write("first"), write("second")
    next(first), next(second)
    list(second), list(first)
    assert [content(found) for found in tmp_path.iterdir()] == ["first"]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such permissions")
def test_a_link_and_the_permissions_stay(tmp_path):
    kept, link = tmp_path / "kept", tmp_path / "link"
    kept.write_text("old")
    kept.chmod(0o640)
    link.symlink_to(kept)
    with atomic_write(link) as temporary:
        temporary.write_text("new")
    assert link.is_symlink()
    assert (kept.read_text(), kept.stat().st_mode & 0o777) == ("new", 0o640)


def test_a_folder_that_must_be_new_does_not_replace_another(tmp_path):
    (tmp_path / "name").mkdir()
    (tmp_path / "name" / "a").write_text("old")
    with pytest.raises(FileExistsError), atomic_folder(tmp_path / "name", replace=False) as temporary:
        (temporary / "a").write_text("new")
    assert [content(path) for path in tmp_path.iterdir()] == ["old"]


def test_what_a_ray_job_would_lose_is_refused_by_every_writer(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    models = tmp_path / "models"
    for job, lost in (({"runtime_env": {"working_dir": "gcs://_ray_pkg_1.zip"}}, True), ({"runtime_env": {}}, False)):
        monkeypatch.setenv("RAY_JOB_CONFIG_JSON_ENV_VAR", json.dumps(job))
        assert output_path(tmp_path / "out", option="--out", model=models) == tmp_path / "out"
        if not lost:
            assert str(output_path("out", option="--out", model=models)) == "out"
            continue
        with pytest.raises(ConfigError, match="and out with it; pass an absolute path or a URL as --out"):
            output_path("out", option="--out", model=models)
        with pytest.raises(ConfigError, match="and out with it; pass an absolute path or a URL as --to"):
            write_model(models, type(tmp_path)("out"))
        with pytest.raises(ConfigError, match="and out with it"), new_bundle(type(tmp_path)("out")):
            pass
        assert not list(tmp_path.iterdir())
