#!/usr/bin/env python3
# Part of Cascade. SPDX-License-Identifier: Apache-2.0
"""Writes what DocC makes the site from:  scripts/docs-catalog.py FOLDER

A catalog for each public module, with a sentence of Documentation/modules.md and the lines of its snippet, and one
with the guides of Documentation/. Every module must have a snippet, which the tests run.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
GUIDES = ROOT / "Documentation"


def modules():
    """The public modules with what each holds, in the order of the table."""
    rows = re.findall(r"^\| `(Cascade\w*)` \| (.+?) \| (?:yes|no) \|$", (GUIDES / "modules.md").read_text(), re.M)
    return [(name, text) for name, text in rows if name != "CascadeCommand"]


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
    folder = pathlib.Path(sys.argv[1])
    for module, text in modules():
        catalog = folder / f"{module}.docc"
        catalog.mkdir(parents=True)
        sentence = text[0].upper() + text[1:]
        (catalog / f"{module}.md").write_text(f"# ``{module}``\n\n{sentence}.\n\n## Overview\n\n```swift\n{snippet(module)}\n```\n")
    catalog = folder / "Guides.docc"
    catalog.mkdir()
    paths = sorted(path for path in GUIDES.rglob("*.md") if path != GUIDES / "README.md")
    for path in paths:
        (catalog / f"{page(path)}.md").write_text(guide(path))
    topics = "\n".join(f"- <doc:{page(path)}>" for path in paths)
    root = re.sub(r"^(# .*)$", r"\1\n\n@Metadata {\n    @TechnologyRoot\n}", guide(GUIDES / "README.md"), count=1, flags=re.M)
    (catalog / "Guides.md").write_text(f"{root.rstrip()}\n\n## Topics\n\n### All guides\n\n{topics}\n")


if __name__ == "__main__":
    main()
