"""stdout and stderr of a command: full, closed, left by their reader, and in UTF-8 wherever they lead."""

import shutil
from pathlib import Path

import pytest

COMMANDS = {
    "predict": "echo my parcel | $attnclf predict -m MODEL",
    "info": "$attnclf info -m MODEL",
    "evaluate": "printf 'text,label\\na,billing\\nb,delivery\\n' | $attnclf evaluate - --input-format csv -m MODEL",
    "help": "$attnclf --help",
    "unbuffered": "PYTHONUNBUFFERED=1 $attnclf info -m MODEL",
}
every_command = pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
on_linux = pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")


@pytest.fixture
def run(attnclf, model):
    def run(script):
        return attnclf.shell(script.replace("MODEL", f"'{model}'"))

    return run


@on_linux
@every_command
def test_a_full_disk_is_one_line(run, command):
    done = run(f"{command} >/dev/full")
    assert done.returncode == 1
    wrong, remedy = done.stderr.splitlines()[-1].split("; ")
    assert wrong == "Error: cannot write to stdout: No space left on device"
    assert "elsewhere" in remedy
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


@every_command
def test_a_closed_stdout_is_one_line(run, command):
    done = run(f"{command} >&-")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "Error: stdout is closed; send the output to a file or a pipe"
    assert "Traceback" not in done.stderr


def test_a_closed_stdout_is_no_matter_where_nothing_is_said_there(run, tmp_path):
    done = run(f"echo my parcel | $attnclf predict -m MODEL --out '{tmp_path}/out.tsv' >&-")
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "out.tsv").read_text().count("\t") == 1


@every_command
def test_a_reader_that_leaves_early_is_no_problem(run, command):
    done = run(f"{command} | true; echo ${{PIPESTATUS[@]: -2:1}}")
    assert done.stdout == "0\n"
    assert "Error" not in done.stderr


@on_linux
@pytest.mark.parametrize("nowhere", ["/dev/full", "&-", " >(true)"])
def test_notes_that_nobody_reads_stop_nothing(run, nowhere):
    done = run(f"{COMMANDS['evaluate']} 2>{nowhere}")
    assert done.returncode == 0
    assert "rows (2 rows)" in done.stdout


@on_linux
@pytest.mark.parametrize("number", ["TERM", "INT"])
def test_a_signal_that_was_ignored_at_the_start_stays_ignored(run, number):
    done = run(f"""
trap '' {number}
(echo my parcel; sleep 3; echo my card) | $attnclf predict -m MODEL &
sleep 2.5
kill -{number} $!
wait $!; echo "status $?"
""")
    assert done.stdout.splitlines()[-1] == "status 0"
    assert done.stdout.count("\t") == 2


@on_linux
@pytest.mark.parametrize("kilobytes", [60_000, 140_000, 200_000])
def test_too_little_memory_is_one_line(run, kilobytes):
    done = run(f"ulimit -v {kilobytes}; echo my parcel | $attnclf predict -m MODEL")
    if done.returncode == 0:
        pytest.skip("this much is enough here")
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert "emory" in done.stderr


@pytest.mark.parametrize("words", ["bad_alloc", "cannot allocate memory", "can't start new thread"])
def test_a_name_that_speaks_of_memory_is_no_lack_of_it(attnclf, model, tmp_path, words):
    absent = attnclf("predict", "-m", tmp_path / words, input="my parcel")
    assert (absent.returncode, "there is no model folder" in absent.stderr) == (1, True), absent.stderr
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"a": "my parcel"}')
    column = attnclf("predict", "-m", model, rows, "--text-column", words)
    assert (column.returncode, "there is no column" in column.stderr) == (1, True), column.stderr


@pytest.fixture(scope="module")
def russian(model, tmp_path_factory):
    """A model with a label outside latin-1."""
    folder = shutil.copytree(model, tmp_path_factory.mktemp("russian") / "model")
    manifest = (folder / "attnclf.json").read_text(encoding="utf-8")
    (folder / "attnclf.json").write_text(manifest.replace('"account"', '"счёт"'), encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        (["info", "-m", "MODEL"], "счёт, billing"),
        (["info", "-m", "MODEL", "-f", "json"], '"счёт"'),
        (["explain", "-m", "MODEL", "--against", "x"], "use one of: счёт, billing"),
    ],
)
def test_the_output_is_utf8_whatever_the_locale_says(attnclf, russian, arguments, shown):
    arguments = [russian if word == "MODEL" else word for word in arguments]
    for encoding in ("cp1252", "ascii"):
        done = attnclf(*arguments, input="a\n", env={"PYTHONIOENCODING": encoding})
        assert "Traceback" not in done.stderr
        assert shown in done.stdout + done.stderr


def test_a_file_name_that_is_no_utf8_is_shown_with_its_bytes(attnclf, model, tmp_path):
    name = tmp_path / "caf\udce9.csv"
    try:
        name.write_text("text,label\na,billing\nb,delivery\n")
    except OSError:
        pytest.skip("the file system takes UTF-8 only")
    done = attnclf("evaluate", name, "-m", model)
    assert done.returncode == 0, done.stderr
    assert "rows (2 rows)" in done.stdout
