#!/usr/bin/env python3
# Part of Cascade. SPDX-License-Identifier: Apache-2.0
"""Writes what each setting means into Swift, from the documentation comments of the settings' properties.

    scripts/setting-meanings.py            writes Sources/<module>/SettingMeanings.swift of each module with settings
    scripts/setting-meanings.py --check    says which of these files are not current, and fails when one is not
    scripts/setting-meanings.py FOLDER...  the same for the modules of another package, for example Sources/MyModels

`cascade models NAME` prints the meanings. A setting without a comment has none.
"""
import re
import sys
from pathlib import Path

TYPE = re.compile(
    r"^\s*(?:(?:public|package|internal|fileprivate|private|final|indirect)\s+)*"
    r"(struct|class|enum|extension|actor|protocol)\s+([A-Za-z_][\w.]*)([^{]*)\{"
)
PROPERTY = re.compile(r"^\s*(?:public |package )?(?:var|let) ([a-z]\w*)(?:\s*:[^={]*)?\s*(=|$|//)")
NAME = "SettingMeanings.swift"
MODULES = ["CascadeNN", "CascadeDiffusion", "CascadeRecommenders"]


def is_settings(clause, protocols):
    """Whether an inheritance clause names a protocol of settings."""
    conformances = re.split(r"[,&\s]+", clause.split(" where ")[0].lstrip(": ").strip())
    return any(name.split(".")[-1] in protocols for name in conformances)


def sentence(lines):
    """The first paragraph of a documentation comment, without marks that are for DocC."""
    text = []
    for line in lines:
        if not line or line.startswith("- "):
            break
        text.append(line)
    words = " ".join(text).replace("``", "`").strip()
    return words


def blank_literals(line):
    """A line of code without what lies in quotes or after `//`, so that braces can be counted."""
    line = re.sub(r'"(?:[^"\\]|\\.)*"', '""', line)
    return line.split("//")[0]


def declarations(text):
    """Every type, with its dotted name, its inheritance clause, and the documented properties of structs."""
    found, stack, depth, comment = [], [], 0, []
    in_literal = False
    for line in text.splitlines():
        stripped = line.strip()
        if in_literal:
            in_literal = '"""' not in stripped
            continue
        if stripped.startswith("///"):
            comment.append(stripped[3:].strip())
            continue
        if stripped.count('"""') == 1:
            in_literal = True
        code = blank_literals(line)
        match = TYPE.match(code)
        if match:
            kind, name, clause = match.groups()
            dotted = ".".join([entry["name"] for entry in stack] + [name])
            entry = {"name": name, "dotted": dotted, "kind": kind, "clause": clause, "properties": [], "depth": depth}
            stack.append(entry)
            found.append(entry)
        elif stack and depth == stack[-1]["depth"] + 1:
            field = PROPERTY.match(code)
            if field and comment:
                stack[-1]["properties"].append((field.group(1), sentence(comment)))
        if stripped and not stripped.startswith("@"):
            comment = []
        depth += code.count("{") - code.count("}")
        while stack and depth <= stack[-1]["depth"]:
            stack.pop()
    return found


def read(folder):
    """The types of a module by file."""
    paths = sorted(path for path in folder.rglob("*.swift") if path.name != NAME)
    return [entry for path in paths for entry in declarations(path.read_text())]


def literal(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def swift(entries, structs, protocols):
    """The Swift file of a module; None without settings."""
    blocks, imports = [], set()
    for entry in entries:
        if entry["kind"] == "protocol" or not is_settings(entry["clause"], protocols):
            continue
        properties = entry["properties"]
        if not properties and entry["kind"] == "extension" and entry["dotted"] in structs:
            properties, origin = structs[entry["dotted"]]
            imports.add(origin)
        if not properties:
            continue
        lines = [f"            {literal(name)}: {literal(meaning)}," for name, meaning in properties]
        blocks.append(
            f"extension {entry['dotted']} {{\n    public static var meanings: [String: String] {{\n        [\n"
            + "\n".join(lines)
            + "\n        ]\n    }\n}\n"
        )
    if not blocks:
        return None
    head = (
        "// Part of Cascade. SPDX-License-Identifier: Apache-2.0\n"
        "// Written by scripts/setting-meanings.py from the documentation comments; change those.\n"
        "// swift-format-ignore-file\n\n"
    )
    return head + "".join(f"public import {name}\n\n" for name in sorted(imports)) + "\n".join(sorted(blocks))


def main():
    arguments = [argument for argument in sys.argv[1:] if argument != "--check"]
    root = Path(__file__).resolve().parent.parent
    folders = [Path(argument) for argument in arguments] or [root / "Sources" / name for name in MODULES]
    modules = {folder: read(folder) for folder in folders}
    everything = [entry for entries in modules.values() for entry in entries]
    # Settings that another module declares and a module of these makes settings, for example CandidateSettings.
    foreign = {} if arguments else {"CascadeDatasets": read(root / "Sources" / "CascadeDatasets")}
    structs = {e["dotted"]: (e["properties"], name) for name, types in foreign.items() for e in types if e["properties"]}
    protocols = {"Settings", "InlinedSettings", "LifelongSettings", "TwoStageSettings", "DiffusionSettings"}
    while True:  # protocols that refine these
        more = {
            e["name"] for e in everything if e["kind"] == "protocol" and is_settings(e["clause"], protocols)
        } - protocols
        if not more:
            break
        protocols |= more
    stale = []
    for folder, entries in modules.items():
        text, path = swift(entries, structs, protocols), folder / NAME
        if text == (path.read_text() if path.exists() else None):
            continue
        stale.append(path)
        if "--check" not in sys.argv:
            path.write_text(text) if text else path.unlink()
    if "--check" in sys.argv and stale:
        names = ", ".join(str(path) for path in stale)
        sys.exit(f"setting-meanings: not current: {names}; run scripts/setting-meanings.py")


if __name__ == "__main__":
    main()
