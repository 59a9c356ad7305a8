"""Reads Terraform files with python-hcl2 and checks (or writes) what blocks, attributes and literals they hold.

    python hcl_blocks.py [--check | --write] [FOLDER FILE]

Needs `pip install python-hcl2==8.1.4`. For the `.tf` files under `tests/fixtures/deploy` the answer is
`tests/fixtures/deploy/hcl-blocks.txt`, one line for each attribute; with FOLDER and FILE, those under FOLDER are written
to FILE. Whatever is no literal is `?`. The test `files_hold_what_another_reader_finds` compares rolefit's reader with it.
"""

import pathlib
import re
import sys

import hcl2

FIXTURES = pathlib.Path(__file__).parent.parent / "fixtures" / "deploy"
# What python-hcl2 adds of its own.
NOT_THERE = ("__is_block__", "__comments__", "__inline_comments__")
ESCAPES = {"n": "\n", "t": "\t", "r": "\r", '"': '"', "\\": "\\"}


def unescaped(text):
    text = re.sub(r'\\(["\\ntr])', lambda found: ESCAPES[found.group(1)], text)
    text = re.sub(r"\\u([0-9a-fA-F]{4})", lambda found: chr(int(found.group(1), 16)), text)
    return text.replace("$${", "${").replace("%%{", "%{")


def open_parts(text):
    return re.search(r"[$%]\{", text.replace("$${", "").replace("%%{", ""))


def shown(value):
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return f"{value:g}"
    if isinstance(value, list):
        return "[" + ", ".join(shown(one) for one in value) + "]"
    if isinstance(value, dict):
        pairs = sorted((key_shown(key), shown(one)) for key, one in value.items() if key not in NOT_THERE)
        return "{" + ", ".join(f"{key} = {one}" for key, one in pairs) + "}"
    heredoc = re.fullmatch(r'"<<(-?)(\w+)\n(.*\n)?[ \t]*\2"', value, re.S)
    if heredoc:
        text = heredoc.group(3) or ""
        if open_parts(text):
            return "?"
        lines = text.splitlines()
        if heredoc.group(1):
            margin = min((len(line) - len(line.lstrip()) for line in lines if line.strip()), default=0)
            lines = [line[margin:] for line in lines]
        return repr_text("".join(line + "\n" for line in lines).replace("$${", "${").replace("%%{", "%{"))
    if value.startswith('"') and value.endswith('"') and not open_parts(value):
        return repr_text(unescaped(value[1:-1]))
    return "?"


def repr_text(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t").replace("\r", "\\r") + '"'


def key_shown(key):
    if key.startswith('"') or not key.startswith("${"):
        text = key.strip('"')
        return "?" if open_parts(text) else repr_text(unescaped(text))
    return "?"


def blocks(kind, value):
    """A block of some kind: labels are maps around its body."""
    for one in value:
        labels, body = [], one
        while "__is_block__" not in body:
            [(label, body)] = body.items()
            labels.append(label.strip('"'))
        yield " ".join([kind, *labels]), body


def lines(path, body, found):
    for key, value in body.items():
        if key in NOT_THERE:
            continue
        is_blocks = isinstance(value, list) and value and all(isinstance(one, dict) and has_body(one) for one in value)
        if is_blocks:
            for name, inner in blocks(key, value):
                found.append(f"{path} > {name}")
                lines(f"{path} > {name}", inner, found)
        else:
            found.append(f"{path}: {key} = {shown(value)}")


def has_body(value):
    while "__is_block__" not in value:
        if len(value) != 1:
            return False
        [value] = value.values()
        if not isinstance(value, dict):
            return False
    return True


def read(folder):
    answer, files = [], 0
    for path in sorted(folder.rglob("*.tf")):
        found = []
        try:
            lines(path.relative_to(folder).as_posix(), hcl2.loads(path.read_text()), found)
        except Exception as error:
            print(f"python-hcl2 cannot read {path}: {type(error).__name__}", file=sys.stderr)
            continue
        files += 1
        answer += sorted(found)
    return files, "\n".join(answer) + "\n"


def main():
    rest = [argument for argument in sys.argv[1:] if not argument.startswith("--")]
    if rest:
        files, text = read(pathlib.Path(rest[0]))
        pathlib.Path(rest[1]).write_text(text)
        print(f"{files} files, {text.count(chr(10))} lines")
        return
    golden = FIXTURES / "hcl-blocks.txt"
    files, text = read(FIXTURES)
    if "--write" in sys.argv[1:]:
        golden.write_text(text)
    elif golden.read_text() != text:
        sys.exit("hcl-blocks.txt differs from what python-hcl2 reads")
    print(f"python-hcl2 reads what the fixtures say: {files} files, {text.count(chr(10))} blocks and attributes")


main()
