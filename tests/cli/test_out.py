"""`--out`: links are followed, devices and pipes are written to, and a folder is told from a file."""

import os
import re
import shutil
import stat
import subprocess
import threading

import pytest
from attnclf_cli.output import opened

from attnclf.errors import DataError

TEXT = "my parcel is late\n"

WRITERS = [("predict", "--out"), ("explain", "--out"), ("export", "--to")]


def written(invoke, model, command, option, place):
    return invoke(command, "-m", model, option, place, input=TEXT)


@pytest.mark.parametrize(("command", "option"), WRITERS)
@pytest.mark.parametrize("there", [True, False])
def test_a_link_stays_and_what_it_points_to_is_written(in_session, model, tmp_path, command, option, there):
    target, link = tmp_path / "target", tmp_path / "other" / "link"
    link.parent.mkdir()
    link.symlink_to("../target")
    if there:
        target.write_text("old")
    assert written(in_session, model, command, option, link).exit_code == 0
    assert link.is_symlink()
    assert not target.is_symlink()
    assert target.stat().st_size > len("old")
    assert set(tmp_path.rglob("*")) == {target, link.parent, link}


@pytest.mark.parametrize(("command", "option"), WRITERS)
def test_a_file_that_is_replaced_stays_as_private_as_it_was(in_session, model, tmp_path, command, option):
    place = tmp_path / "private"
    place.touch(mode=0o600)
    assert written(in_session, model, command, option, place).exit_code == 0
    assert place.stat().st_size
    assert stat.S_IMODE(place.stat().st_mode) == 0o600


@pytest.mark.parametrize(("command", "option"), WRITERS)
def test_a_pipe_with_a_name_gets_what_a_file_would(in_session, model, tmp_path, command, option):
    pipe, file, got = tmp_path / "pipe", tmp_path / "file", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: got.append(pipe.read_bytes()), daemon=True)
    reader.start()
    assert written(in_session, model, command, option, pipe).exit_code == 0
    assert pipe.is_fifo()
    reader.join(timeout=60)
    assert written(in_session, model, command, option, file).exit_code == 0
    assert got == [file.read_bytes()]


@pytest.mark.parametrize(("command", "option"), WRITERS)
def test_a_device_stays_a_device(in_session, model, tmp_path, command, option):
    device = tmp_path / "null"
    try:
        os.mknod(device, stat.S_IFCHR | 0o666, os.makedev(1, 3))
        device.write_text("x")
    except OSError:
        pytest.skip("needs the right to make a device")
    assert written(in_session, model, command, option, device).exit_code == 0
    assert device.is_char_device()
    assert list(tmp_path.iterdir()) == [device]


def test_a_program_of_the_shell_may_read_what_is_written(attnclf, model):
    done = attnclf.shell(f"echo 'my parcel' | $attnclf predict -m '{model}' --out >(cat); wait $!")
    assert (done.returncode, done.stderr) == (0, "")
    assert re.fullmatch(r"\w+\t\d\.\d{4}\n", done.stdout)


def test_a_program_of_the_shell_may_leave_early(attnclf, model):
    lines = "yes 'what is this' | head -20000"
    done = attnclf.shell(f"{lines} | $attnclf predict -m '{model}' --out >(head -1); echo ${{PIPESTATUS[2]}}; wait $!")
    assert done.stderr == ""
    assert "0" in done.stdout.splitlines()


@pytest.mark.parametrize(("command", "option"), WRITERS)
@pytest.mark.parametrize("place", [".", "..", "made", "made/", "made/link"])
def test_a_folder_is_refused_with_the_remedy(in_session, model, tmp_path, monkeypatch, command, option, place):
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "link").symlink_to(".")
    monkeypatch.chdir(tmp_path)
    done = written(in_session, model, command, option, place)
    assert (done.exit_code, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert "is a folder; name a file: " + option in line
    assert {path.name for path in tmp_path.rglob("*")} == {"made", "link"}


@pytest.mark.parametrize("out", ["", "new/", "/"])
def test_a_name_that_no_file_can_have_is_refused(model, tmp_path, monkeypatch, out):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=r"is a folder; name a file: --out .*FILE"), opened(out, model=model):
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("command", "option"), WRITERS)
def test_a_file_where_a_folder_should_be_is_one_line(in_session, model, tmp_path, command, option):
    (tmp_path / "file").write_text("x")
    done = written(in_session, model, command, option, tmp_path / "file" / "out")
    assert (done.exit_code, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert "Not a directory; pass another " + option in line


def test_a_device_that_is_full_is_one_line(attnclf, model, tmp_path):
    full = tmp_path / "full"
    try:
        os.mknod(full, stat.S_IFCHR | 0o666, os.makedev(1, 7))
        full.open("w").close()
    except OSError:
        pytest.skip("needs the right to make a device")
    for command, option in WRITERS:
        done = subprocess.run(
            [*attnclf.line, command, "-m", str(model), option, str(full)],
            input=TEXT, capture_output=True, text=True, check=False, timeout=300,
        )  # fmt: skip
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr == f"Error: cannot write {full}: No space left on device; pass another {option}\n"


@pytest.mark.parametrize(("command", "option"), WRITERS)
@pytest.mark.parametrize("name", ["new/", ""])
def test_a_folder_to_be_and_no_name_at_all_are_told_from_a_file(
    in_session, model, tmp_path, monkeypatch, command, option, name
):
    monkeypatch.chdir(tmp_path)
    done = written(in_session, model, command, option, name)
    assert done.exit_code == 1
    assert "is a folder; name a file: " + option in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("command", "option"), WRITERS)
@pytest.mark.parametrize("name", ["model/attnclf.json", "model/report/../labels.jsonl", "link.json"])
def test_nothing_is_written_into_the_folder_of_the_model_in_use(
    in_session, model, tmp_path, monkeypatch, command, option, name
):
    folder = shutil.copytree(model, tmp_path / "model")
    (tmp_path / "link.json").symlink_to("model/attnclf.json")
    before = contents(folder)
    monkeypatch.chdir(tmp_path)
    done = written(in_session, "model", command, option, name)
    assert (done.exit_code, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert line == f"Error: {name} is in the model folder, which would be damaged; pass another {option}"
    assert contents(folder) == before


def test_the_picture_of_evaluate_is_not_written_there_either(in_session, model, tmp_path):
    folder = shutil.copytree(model, tmp_path / "model")
    (tmp_path / "rows.csv").write_text("text,label\nmy card,billing\nno parcel,delivery\n")
    before = contents(folder)
    picture = next(folder.rglob("*.svg"))
    options = ["--explanations", "--method", "attention", "--plot", picture]
    done = in_session("evaluate", tmp_path / "rows.csv", "-m", folder, *options)
    assert done.exit_code == 1
    assert done.stderr.splitlines()[-1].endswith("which would be damaged; pass another --plot")
    assert contents(folder) == before


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_model_works_in_a_folder_whose_name_is_not_utf8(in_session, model, tmp_path):
    folder = tmp_path / os.fsdecode("模型".encode("gbk"))
    shutil.copytree(model, folder / "m")
    for asked in (
        ["predict", "--out", folder / "o.jsonl"],
        ["explain", "--method", "integrated-gradients", "--out", folder / "o.json"],
        ["export", "--to", folder / "o.onnx"],
        ["export", "--format", "triton", "--to", folder / "repository" / "m"],
    ):
        assert in_session(asked[0], "-m", folder / "m", *asked[1:], input=TEXT).exit_code == 0
        assert asked[-1].exists()
