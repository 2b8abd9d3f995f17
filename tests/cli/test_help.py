"""Help on a terminal of 80 columns, the width that a terminal has when nobody has changed it."""

import pytest
import typer
from attnclf_cli.app import COMMANDS, application
from typer.testing import CliRunner


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_cuts_no_name_of_an_option(command):
    options = [one for one in typer.main.get_command(application()).commands[command].params if one.opts[0][0] == "-"]
    done = CliRunner(env={"COLUMNS": "80"}).invoke(application(), [command, "--help"])
    assert done.exit_code == 0
    assert {flag for one in options for flag in (*one.opts, *one.secondary_opts)} <= set(done.stdout.split())
