#!/usr/bin/env python3
# Part of Cascade. SPDX-License-Identifier: Apache-2.0
"""Writes what DocC makes the site from:  scripts/docs-catalog.py FOLDER

FOLDER/graphs holds the symbol graphs of the public modules, one folder each. Links in them that lead to another module
are completed with its name. FOLDER/catalogs gets a catalog for each module, with a sentence of Documentation/modules.md
and the lines of its snippet, and one with the guides of Documentation/. Prints the catalogs' names, the modules from the
bottom up. Every module must have a snippet, which the tests run.

    scripts/docs-catalog.py --modules    prints the modules alone
"""
import json
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
GUIDES = ROOT / "Documentation"


def modules():
    """What each public module holds, by name, from the bottom up."""
    text = (GUIDES / "modules.md").read_text()
    layers = re.findall(r"^\| \d+ \| (.+) \|$", text, re.M)
    order = [name for layer in layers for name in re.findall(r"`(\w+)`", layer)]
    rows = dict(re.findall(r"^\| `(Cascade\w+)` \| (.+?) \| (?:yes|no) \|$", text, re.M))
    return {name: rows[name] for name in order if name in rows and name != "CascadeCommand"}


def complete_links(graphs):
    """Puts the module's name into links to symbols of other modules, which DocC finds only so."""
    files = {path: json.loads(path.read_text()) for path in sorted(graphs.glob("*/*.symbols.json"))}
    homes = {}
    for path, graph in files.items():
        for symbol in graph["symbols"]:
            homes.setdefault("/".join(symbol["pathComponents"]), set()).add(path.parent.name)
    bare = {re.sub(r"\(.*", "", name): name for name in homes}

    def completed(match, module):
        name = bare.get(re.sub(r"\(.*", "", match[1]), match[1])
        owners = homes.get(match[1]) or homes.get(name) or {module}
        return match[0] if module in owners else f"``/{sorted(owners)[0]}/{match[1]}``"

    for path, graph in files.items():
        for symbol in graph["symbols"]:
            for line in symbol.get("docComment", {}).get("lines", []):
                line["text"] = re.sub(r"``([^`/][^`]*)``", lambda m: completed(m, path.parent.name), line["text"])
        path.write_text(json.dumps(graph))


def snippet(module):
    """The lines that a snippet shows."""
    path = ROOT / "Tests" / "SnippetTests" / f"{module}Snippet.swift"
    if not path.exists():
        sys.exit(f"docs-catalog: {path.relative_to(ROOT)} is missing; every public module has a snippet")
    text = path.read_text()
    found = re.search(r"// snippet\.show\n(.*?)^ *// snippet\.hide", text, re.M | re.S)
    if not found:
        sys.exit(f"docs-catalog: {path.relative_to(ROOT)}: found no lines between // snippet.show and // snippet.hide")
    lines = found[1].rstrip().split("\n")
    indent = min(len(line) - len(line.lstrip()) for line in lines if line.strip())
    return "\n".join(line[indent:] for line in lines)


def page(path):
    """What a guide is called in the site."""
    return "-".join(path.relative_to(GUIDES).with_suffix("").parts)


def guide(path):
    """A guide whose links lead to pages of the site; links to other files and to headings become text."""

    def link(match):
        text, target = match[1], match[2]
        if re.match(r"https?:", target):
            return match[0]
        file = (path.parent / target.split("#")[0]).resolve()
        if target.startswith("#") or not file.is_relative_to(GUIDES) or file.suffix != ".md":
            return text
        return f"[{text}](doc:{'Guides' if file == GUIDES / 'README.md' else page(file)})"

    parts = re.split(r"(^```.*?^```$|`[^`\n]+`)", path.read_text(), flags=re.M | re.S)
    return "".join(part if part.startswith("`") else re.sub(r"(?<!!)\[([^\]]+)\]\(([^)\s]+)\)", link, part) for part in parts)


def main():
    if sys.argv[1] == "--modules":
        return print("\n".join(modules()))
    folder = pathlib.Path(sys.argv[1]) / "catalogs"
    complete_links(folder.parent / "graphs")
    for module, text in modules().items():
        catalog = folder / f"{module}.docc"
        catalog.mkdir(parents=True)
        sentence = text[0].upper() + text[1:]
        page_text = f"# ``{module}``\n\n{sentence}.\n\n## Overview\n\n```swift\n{snippet(module)}\n```\n"
        (catalog / f"{module}.md").write_text(page_text)
    catalog = folder / "Guides.docc"
    catalog.mkdir()
    paths = sorted(path for path in GUIDES.rglob("*.md") if path != GUIDES / "README.md")
    for path in paths:
        (catalog / f"{page(path)}.md").write_text(guide(path))
    topics = "\n".join(f"- <doc:{page(path)}>" for path in paths)
    root = "@Metadata {\n    @TechnologyRoot\n}"
    text = re.sub(r"^# .*$", f"# Guides\n\n{root}", guide(GUIDES / "README.md"), count=1, flags=re.M)
    (catalog / "Guides.md").write_text(f"{text.rstrip()}\n\n## Topics\n\n### All guides\n\n{topics}\n")
    print("\n".join([*modules(), "Guides"]))


if __name__ == "__main__":
    main()
