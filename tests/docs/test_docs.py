"""The documentation says what is: its commands run, its options, settings and links exist."""

import dataclasses
import json
import re
import runpy
import shutil

import pytest
import typer
from attnclf_cli.app import application
from manual import ROOT, anchors, blocks, coded, follow_readme, pages, read, rows, run

from attnclf import catalog
from attnclf.config import Config
from attnclf.config.presets import DEFAULT, PRESETS

GUIDES = [page for page in pages() if page.startswith("docs/")]
SETTINGS = "docs/configuration.md"


@pytest.fixture(scope="module")
def folder(once, tmp_path_factory):
    """A folder with the examples, in which the README has been followed from top to bottom; and what that printed."""
    place = tmp_path_factory.mktemp("guides") / "newcomer"
    shutil.copytree(once("newcomer", follow_readme), place)
    return place, json.loads((place / "printed.json").read_text(encoding="utf-8"))


def test_the_readme_can_be_followed_from_top_to_bottom(folder):
    place, (report, table, record, explained, evaluated) = folder
    assert "linear baseline" in report
    assert len(table.splitlines()) == 12
    assert record.startswith('{"label": "delivery"')
    assert explained.count("top words:") == 3
    assert (place / "why.html").read_text(encoding="utf-8").count("<article") == 12
    assert "rows (2 rows)" in evaluated
    assert "single-label, 4 labels" in evaluated


# Several trainings or rounds each.
LONG = ("docs/attention.md", "docs/explaining.md", "docs/speed.md", "docs/training.md")


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(page, id=page, marks=[pytest.mark.long] if page in LONG else [])
        for page in GUIDES
        if blocks(page, "sh")
    ],
)
def test_the_commands_of_a_guide_run(folder, page):
    place, _ = folder
    for block in blocks(page, "sh"):
        assert run(block, place)


@pytest.mark.parametrize(
    ("page", "code"),
    [
        pytest.param(page, code, id=page, marks=[pytest.mark.long] if page in LONG else [])
        for page in pages()
        for code in blocks(page, "python")
    ],
)
def test_the_python_of_a_page_runs(folder, page, code, tmp_path):
    place, _ = folder
    script = tmp_path / "example.py"
    script.write_text(code, encoding="utf-8")
    assert run(f"python {script}", place)


@pytest.mark.parametrize("page", [page for page in pages() if blocks(page, "toml")])
def test_the_settings_files_of_a_page_are_valid(page):
    import tomllib

    for block in blocks(page, "toml"):
        Config.from_dict(tomllib.loads(block))


def links(page):
    prose = re.sub(r"```.*?```", "", read(page), flags=re.DOTALL)
    return [link for link in re.findall(r"\]\(([^)\s]+)\)", prose) if "://" not in link]


@pytest.mark.parametrize("page", pages())
def test_links_lead_somewhere(page):
    missing = []
    for link in links(page):
        path, _, anchor = link.partition("#")
        target = ((ROOT / page).parent / path).resolve() if path else ROOT / page
        if not target.exists() or (anchor and anchor not in anchors(target.relative_to(ROOT))):
            missing.append(link)
    assert not missing


def test_the_readme_leads_to_every_guide():
    guides = {page for page in GUIDES if page.count("/") == 1} | {"docs/measurements/README.md"}
    assert guides & set(pages()) <= set(links("README.md"))


def commands():
    return typer.main.get_command(application()).commands


def documented():
    """Text of the section of each command, by the command's name."""
    sections = (re.split(r"^## ", read(page), flags=re.MULTILINE) for page in GUIDES)
    found = [section for page in sections for section in page if section.startswith("attnclf ")]
    return {section.split()[1]: section for section in found}


def test_every_command_has_a_section_and_no_other_command_has():
    assert set(documented()) == set(commands())


@pytest.mark.parametrize("name", sorted(commands()))
def test_every_option_of_a_command_is_documented_and_no_other_option_is(name):
    options = [option for option in commands()[name].params if option.param_type_name == "option"]
    offered = {flag for option in options for flag in (*option.opts, *option.secondary_opts)} - {"--help", "-h"}
    assert {flag for row in rows(documented()[name]) for flag in coded(row[0])} == offered


def test_the_design_page_lists_every_command():
    listed = re.findall(r"^attnclf (\w+)(?: .*DIR.*)?$", read("docs/design.md"), flags=re.MULTILINE)
    assert sorted(listed) == sorted(commands())


def fields(settings=None, prefix=""):
    """Default of every setting, by its full name."""
    for field in dataclasses.fields(settings or (settings := Config())):
        value = getattr(settings, field.name)
        if dataclasses.is_dataclass(value):
            yield from fields(value, f"{prefix}{field.name}.")
        else:
            yield f"{prefix}{field.name}", value


def written(value):
    """A setting's value as the page writes it."""
    if value is None:
        return "not set"
    return str(value).lower() if isinstance(value, bool) else str(value)


def test_every_setting_is_documented_with_its_default():
    listed = [row for row in rows(read(SETTINGS).split("## Presets")[0]) if len(row) == 4]
    assert {coded(row[0])[0]: row[2].strip("`") for row in listed} == {name: written(value) for name, value in fields()}


def leaves(values, prefix=""):
    for name, value in values.items():
        if isinstance(value, dict):
            yield from leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", written(value)


def changes(title):
    """What the table of a section says that each of its columns changes."""
    section = read(SETTINGS).split(f"## {title}\n")[1].split("\n## ")[0]
    names = coded(next(line for line in section.splitlines() if line.startswith("| setting")))
    listed = {name: {} for name in names}
    for setting, *values in rows(section):
        for name, value in zip(names, values, strict=True):
            if value:
                listed[name][setting.strip("`")] = value.strip("`")
    return listed


def test_every_preset_is_documented_with_its_values():
    assert changes("Presets") == {name: dict(leaves(values)) for name, values in PRESETS.items()}
    assert f"default `{DEFAULT}`" in read(SETTINGS)


def test_what_an_architecture_changes_is_documented():
    expected = {name: dict(leaves(row.changes)) for name, row in catalog.ARCHITECTURES.items() if row.changes}
    assert changes("Architectures") == expected


@pytest.mark.parametrize("kind", ["SCORES", "ALIGNMENTS", "CONTEXTS", "ARCHITECTURES"])
def test_every_mechanism_of_attention_is_documented_with_its_formula_and_source(kind):
    mechanisms = getattr(catalog, kind)
    section = read("docs/attention.md").split(f"## {kind.capitalize()}\n")[1].split("\n## ")[0]
    documented = {row[0].strip("`"): (row[1].strip("`"), row[2]) for row in rows(section)}
    assert documented == {name: (row.formula, row.source) for name, row in mechanisms.items()}


def test_the_picture_is_drawn_by_the_program_from_our_own_lines(folder, tmp_path):
    place, _ = folder
    pictures = runpy.run_path(str(ROOT / "docs" / "make_pictures.py"))
    pictures["draw_explanation"](place / "tickets-model", tmp_path / "explain.svg")
    fresh, kept = (path.read_text(encoding="utf-8") for path in (tmp_path / "explain.svg", ROOT / "docs/explain.svg"))
    for word in ("invoice", "password", "courier"):
        assert word in fresh
        assert word in kept
    assert re.search(r'viewBox="([^"]+)"', fresh)[1] == re.search(r'viewBox="([^"]+)"', kept)[1]
