#!/usr/bin/env python3
# Part of Cascade. SPDX-License-Identifier: Apache-2.0
"""Makes a DocC catalog of the guides:  scripts/docs-catalog.py FOLDER

Every page of Documentation/ becomes an article. Links between pages become links between articles; links to other files
of the repository stay as text.
"""
import pathlib
import re
import sys

GUIDES = pathlib.Path("Documentation")
LINK = re.compile(r"(?<!!)\[([^\]]+)\]\(([^)\s]+)\)")
# What the first page lists, in this order.
GROUPS = {
    "Start": ["tour", "glossary", "adding-a-model"],
    "Work": ["comparing", "analyzing", "simulated-worlds", "paper-readings"],
    "Operate": ["serving", "http-api", "deploying"],
}


def name(page):
    """The article's name: a page's path without its ending."""
    parts = page.relative_to(GUIDES).with_suffix("").parts
    return "-".join(part.lower() for part in parts if part != "README") or "guides"


def article(page, names):
    """The page's text with links between articles."""
    def link(match):
        text, target = match.groups()
        if re.match(r"[a-z]+:", target):
            return match[0]
        path = (page.parent / target.split("#")[0]).resolve() if not target.startswith("#") else None
        if path in names:
            return f"[{text}](<doc:{names[path]}>)"
        return text
    pieces = re.split(r"(^```.*?^```$)", page.read_text(), flags=re.M | re.S)
    return "".join(piece if piece.startswith("```") else LINK.sub(link, piece) for piece in pieces)


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True)
    pages = sorted(GUIDES.rglob("*.md"))
    names = {page.resolve(): name(page) for page in pages}
    for page in pages:
        (folder / f"{name(page)}.md").write_text(article(page, names))
    listed = {entry for entries in GROUPS.values() for entry in entries}
    groups = dict(GROUPS)
    groups["Results"] = sorted(n for n in names.values() if n.startswith("results"))
    rest = sorted(n for n in names.values() if n not in listed and n not in groups["Results"])
    groups["Design"] = rest
    topics = "\n\n".join(
        f"### {title}\n\n" + "\n".join(f"- <doc:{entry}>" for entry in entries) for title, entries in groups.items()
    )
    (folder / "Cascade.md").write_text(
        "# ``Cascade``\n\nTrain, evaluate and serve recommenders: retrieval, CTR ranking and query-aware ranking.\n\n"
        "## Overview\n\n`import Cascade` brings every module but the server and the store.\n\n"
        f"## Topics\n\n{topics}\n"
    )


if __name__ == "__main__":
    main()
