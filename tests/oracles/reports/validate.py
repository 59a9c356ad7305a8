"""Has every sample report judged by those who read such files, and shows that each judge can say no.

    python validate.py FOLDER TOOLS

FOLDER is what samples.py wrote; TOOLS holds Microsoft's SARIF multitool and the JUnit schemas that Jenkins and others
publish (`tests/run` fetches both, pinned).
"""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import jsonschema
from lxml import etree
from markdown_it import MarkdownIt

HERE = pathlib.Path(__file__).parent
ROOT = pathlib.Path(__file__).parents[3]
# GitHub refuses longer comments: https://github.com/orgs/community/discussions/27190
MOST_CHARACTERS = 65_536


def sarif(files):
    """Microsoft's validator with the rules of the format and of GitHub's code scanning, run once over all files."""
    tool = TOOLS / "sarif" / "Sarif.Multitool"
    # Without the library for languages that a fresh machine lacks.
    environment = {**os.environ, "DOTNET_SYSTEM_GLOBALIZATION_INVARIANT": "1"}
    with tempfile.TemporaryDirectory() as folder:
        log = pathlib.Path(folder) / "log.sarif"
        done = subprocess.run(
            [tool, "validate", *files, "--rule-kind", "Sarif;Ghas", "--level", "Error;Warning", "--output", log],
            capture_output=True,
            text=True,
            env=environment,
        )
        assert log.exists(), done.stdout + done.stderr
        run = json.loads(log.read_text())["runs"][0]
    told = run["invocations"][0].get("toolExecutionNotifications", [])
    found = [f"{notice['message']['text']}" for notice in told if notice.get("level") in ("error", "warning")]
    for result in run.get("results", []):
        place = result["locations"][0]["physicalLocation"]
        name = pathlib.PurePosixPath(place["artifactLocation"]["uri"]).parent.name
        line = place.get("region", {}).get("startLine", 0)
        text = result["message"].get("text") or " ".join(result["message"].get("arguments", []))
        found.append(f"{name}:{line}: {result['ruleId']} {text}")
    return found


def junit(file):
    """The schema by which Jenkins reads JUnit files."""
    schema = etree.XMLSchema(etree.parse(TOOLS / "junit" / "jenkins-junit.xsd"))
    schema.validate(etree.fromstring(file.read_bytes()).getroottree())
    return [str(error) for error in schema.error_log]


def against(schema):
    """A judge by JSON schema."""
    validator = jsonschema.Draft202012Validator(json.loads(schema.read_text()))

    def judge(file):
        return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(json.loads(file.read_text()))]

    return judge


def gitlab(file):
    """The documented fields; and no fingerprint twice, since GitLab keeps one entry of each."""
    found = against(HERE / "gitlab-code-quality.schema.json")(file)
    prints = [entry["fingerprint"] for entry in json.loads(file.read_text())]
    return found + [f"fingerprint twice: {one}" for one in sorted(set(prints)) if prints.count(one) > 1]


def github(file):
    """Workflow commands as the runner reads them, ten of each level; the last line may tell of more."""
    found, levels = [], {}
    for line in file.read_text().splitlines():
        command = re.fullmatch(r"::(error|warning|notice) ([^:]*)::(.+)", line)
        if not command:
            if not re.fullmatch(r"\d+ more findings?: .*", line):
                found.append(f"no command: {line}")
            continue
        levels[command[1]] = levels.get(command[1], 0) + 1
        properties = dict(pair.split("=", 1) for pair in command[2].split(","))
        if sorted(properties) != ["col", "file", "line", "title"]:
            found.append(f"properties {sorted(properties)}: {line}")
    return found + [f"{count} of {level}" for level, count in levels.items() if count > 10]


def markdown(file):
    """What GitHub would render: tables of equal rows, no element but our own, within the limit of a comment."""
    text = file.read_text()
    found = [] if len(text) <= MOST_CHARACTERS else [f"{len(text)} characters"]
    if not text.startswith("<!-- rolefit:comment -->\n"):
        found.append("no mark to find the comment by")
    lines = text.splitlines()
    tables = 0
    for token in flat(MarkdownIt("commonmark").enable("table").parse(text)):
        if token.type == "table_open":
            tables += 1
            # A row may have fewer or more cells and be a row all the same: so the bars are counted, as GitHub does.
            widths = {cells(line) for line in lines[slice(*token.map)]}
            found += [] if len(widths) == 1 else [f"rows of {sorted(widths)} cells at line {token.map[0] + 1}"]
        elif token.type in ("html_block", "html_inline"):
            elements = re.findall(r"<[^>]*>?", token.content)
            found += [f"element {one}" for one in elements if one not in OWN_ELEMENTS]
        elif token.type == "text" and re.search(r"(?<![\w`])@\w", token.content):
            found.append(f"mentions somebody: {token.content}")
    rows = sum(line.startswith("|") for line in lines)
    in_tables = sum(map(lambda t: t.map[1] - t.map[0], (t for t in MarkdownIt("commonmark").enable("table").parse(text) if t.type == "table_open")))
    if rows != in_tables:
        found.append(f"{rows} rows, but only {in_tables} are part of a table")
    return found


OWN_ELEMENTS = {
    "<!-- rolefit:comment -->",
    "<details>",
    "</details>",
    "<summary>",
    "</summary>",
    "<br>",
    "<code>",
    "</code>",
}


def flat(tokens):
    for token in tokens:
        yield token
        yield from flat(token.children or [])


def cells(line):
    """Cells of a table's row, by cmark-gfm's rule: a backslash escapes the punctuation after it, itself too."""
    return len(re.sub(r"\\[!-/:-@\[-`{-~]", "", line.strip()).strip("|").split("|"))


def html(file):
    """Every element is closed, every id is there once, and every link leads to one."""
    text = file.read_text()
    ids = re.findall(r'\sid="([^"]*)"', text)
    found = [f"id twice: {one}" for one in sorted(set(ids)) if ids.count(one) > 1]
    found += [f"leads nowhere: #{one}" for one in sorted(set(re.findall(r'href="#([^"]*)"', text)) - set(ids))]
    parser = etree.HTMLParser(recover=True)
    etree.fromstring(text.encode(), parser)
    for error in parser.error_log:
        # libxml2 knows the elements of HTML 4.
        if not re.search(r"Tag (main|header|section|details|summary|svg|path|g|text|circle|rect|title|nav|search|line|defs|use|symbol) invalid", error.message):
            found.append(f"line {error.line}: {error.message}")
    return found


JUDGES = {
    "junit": junit,
    "gitlab": gitlab,
    "github": github,
    "json": against(ROOT / "docs" / "schemas" / "rolefit-report-v1.json"),
    "markdown": markdown,
    "html": html,
}

# Format → how a good file of the sample `demo` is made bad: each judge must see it.
BREAK = {
    "sarif": lambda text: without_locations(text),
    "junit": lambda text: text.replace("<testcase ", "<testcase surprise='1' "),
    "gitlab": lambda text: text.replace('"severity": "critical"', '"severity": "dreadful"'),
    "github": lambda text: text.replace(",line=", ",line=1:2,line="),
    "json": lambda text: text.replace('"verdict": "keep"', '"verdict": "perhaps"').replace('"level": "error"', '"level": 7'),
    "markdown": lambda text: text.replace("| `", "| | <img src=x> `", 1),
    "html": lambda text: text.replace("</table>", "", 1).replace('id="search"', 'id="f0"'),
}


def without_locations(text):
    log = json.loads(text)
    for result in log["runs"][0]["results"]:
        del result["locations"]
    return json.dumps(log)


def main(samples):
    failed = False
    for form, judge in [("sarif", None), *JUDGES.items()]:
        files = sorted(samples.glob(f"*/report.{form}"))
        assert len(files) >= 10, f"only {len(files)} samples of {form}"
        found = sarif(files) if form == "sarif" else [f"{f.parent.name}: {one}" for f in files for one in judge(f)]
        for one in found[:20]:
            print(f"{form}: {one}", file=sys.stderr)
        failed |= bool(found)
        with tempfile.TemporaryDirectory() as folder:
            good = (samples / "demo" / f"report.{form}").read_text()
            broken = pathlib.Path(folder) / f"report.{form}"
            if form == "sarif":
                broken = broken.with_suffix(".sarif")
            broken.write_text(BREAK[form](good))
            assert broken.read_text() != good, form
            assert sarif([broken]) if form == "sarif" else judge(broken), f"{form}: a broken file passes"
        print(f"{form}: {len(files)} files, {len(found)} complaints; a broken one is refused")
    return failed


if __name__ == "__main__":
    TOOLS = pathlib.Path(sys.argv[2]).resolve()
    sys.exit(main(pathlib.Path(sys.argv[1]).resolve()))
