#!/usr/bin/env python3
# Part of Cascade. SPDX-License-Identifier: Apache-2.0
"""Checks the prose of Markdown:  scripts/check-prose.py [FILE...]

No sentence has more than 40 words, relative links lead to a file and a heading that exist, and spelling is American.
A heading, a list item and a cell of a table are texts of their own. Code is not prose: a code span counts as one word.
Without files, all Markdown of the repository is checked, new files included.
"""
import re
import subprocess
import sys
from pathlib import Path

LONGEST = 40
ROOT = Path(__file__).resolve().parent.parent

# How a British word begins, and what takes the place of that.
AMERICAN = {
    "analyse": "analyze", "analysing": "analyzing", "artefact": "artifact", "behaviour": "behavior",
    "catalogue": "catalog", "centre": "center", "colour": "color", "discretis": "discretiz", "favour": "favor",
    "generalis": "generaliz", "grey": "gray", "initialis": "initializ", "judgement": "judgment",
    "labelled": "labeled", "licence": "license", "modelling": "modeling", "neighbour": "neighbor",
    "normalis": "normaliz", "optimis": "optimiz", "organis": "organiz", "parameteris": "parameteriz",
    "personalis": "personaliz", "recognis": "recogniz", "regularis": "regulariz", "serialis": "serializ",
    "summaris": "summariz", "tokenis": "tokeniz",
}
BRITISH = re.compile(rf"\b(?:re|un|de)?({'|'.join(AMERICAN)})\w*", re.I)
PLURALS = {"analyses"}  # the noun is spelt so in America too

FENCE = re.compile(r"\s*(`{3,}|~{3,})")
HEADING = re.compile(r"^\s*#{1,6}\s+")
ITEM = re.compile(r"^\s*(?:[-*+]|\d+[.)])\s+")
TABLE_RULE = re.compile(r"[\s|:-]+")
COMMENT = re.compile(r"<!--.*?-->", re.S)
CODE_SPAN = re.compile(r"(`+)(?!`).+?(?<!`)\1(?!`)", re.S)
LINK = re.compile(r"(\[(?:[^\[\]]|\[[^\[\]]*\])*\])\(([^()\s]+)\)")
SENTENCE_END = re.compile(r"(?<!\be\.g)(?<!\bi\.e)(?<!\bal)(?<!\bvs)[.!?]\W*?\s+(?=\W*[A-Z0-9])")


def blank(match):
    """As many line breaks as `match` has, so that line numbers stay right."""
    return "\n" * match[0].count("\n")


def texts(markdown):
    """The texts of a file, each with the number of its first line. Code spans are the word `CODE` in them."""
    markdown = COMMENT.sub(blank, markdown)
    lines, first, fence, in_list, after_blank = [], 1, None, False, True
    for number, line in enumerate([*markdown.splitlines(), ""], 1):
        content = line.strip()
        mark = FENCE.match(line)
        indented = line.startswith("    ") and after_blank and not in_list
        is_code = bool(fence or mark or indented)
        if mark and not fence:
            fence = mark[1]
        elif mark and content.startswith(fence) and content == mark[1]:
            fence = None
        is_row = content.startswith("|") and not is_code
        is_start = ITEM.match(line) or HEADING.match(line)
        if lines and (is_code or is_row or is_start or not content):
            yield first, without_code(lines)
            lines = []
        if is_row and not TABLE_RULE.fullmatch(content):
            for cell in re.split(r"(?<!\\)\|", content.strip("|")):
                yield number, without_code([cell])
        elif content and not is_code and not is_row:
            first = first if lines else number
            lines.append(HEADING.sub("", ITEM.sub("", content.lstrip("> "))))
            if HEADING.match(line):
                yield first, without_code(lines)
                lines = []
        in_list = bool(ITEM.match(line)) or (in_list and (not content or line[0] == " "))
        after_blank = not content or (indented and after_blank)


def without_code(lines):
    """The lines as one text, each code span in it as one word."""
    return CODE_SPAN.sub(lambda span: "CODE" + blank(span), "\n".join(lines))


def sentences(text):
    """The sentences of a text as lists of words, each with the number of line breaks before it."""
    start = 0
    for end in [match.end() for match in SENTENCE_END.finditer(text)] + [len(text)]:
        yield text.count("\n", 0, start), [word for word in text[start:end].split() if re.search(r"\w", word)]
        start = end


def anchors(path):
    """What a link can name behind `#`: the headings of a file as GitHub writes them."""
    found, fenced = set(), False
    for line in path.read_text(encoding="utf-8").splitlines():
        fenced ^= bool(FENCE.match(line))
        if fenced or not HEADING.match(line):
            continue
        title = LINK.sub(r"\1", HEADING.sub("", line)).strip().lower()
        name = re.sub(r"[^\w\- ]", "", title).replace(" ", "-")
        found.add(next(n for n in (name, *(f"{name}-{k}" for k in range(1, 1000))) if n not in found))
    return found


def link_problem(target, path):
    """What is wrong with a link in the file `path`; nothing when it leads somewhere, or out of the repository."""
    if re.match(r"[a-z][a-z0-9+.-]*:", target, re.I):
        return None
    name, _, anchor = target.partition("#")
    file = path.parent / name if name else path
    if not file.exists():
        return f"the link '{target}' leads to no file"
    if anchor and file.suffix == ".md" and anchor not in anchors(file):
        return f"the link '{target}' leads to no heading of {file.name}"
    return None


def problems(path):
    """What is wrong with a file, each with its line."""
    for first, text in texts(path.read_text(encoding="utf-8")):
        for link in LINK.finditer(text):
            if problem := link_problem(link[2], path):
                yield first + text.count("\n", 0, link.start()), problem
        prose = LINK.sub(r"\1", text)
        for breaks, words in sentences(prose):
            if len(words) > LONGEST:
                beginning = " ".join(words[:8])
                yield first + breaks, f'{len(words)} words, expected at most {LONGEST}: "{beginning}..."'
        for word in BRITISH.finditer(prose):
            if word[0].lower() not in PLURALS:
                better = word[0].lower().replace(word[1].lower(), AMERICAN[word[1].lower()])
                yield first + prose.count("\n", 0, word.start()), f"'{word[0]}' is British, expected '{better}'"


def markdown_files():
    """All Markdown files of the repository that git does not ignore."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "*.md"]
    names = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\0")
    return [ROOT / name for name in sorted(set(names)) if name and (ROOT / name).exists()]


def main():
    failed = False
    for file in [Path(name).resolve() for name in sys.argv[1:]] or markdown_files():
        name = file.relative_to(ROOT) if file.is_relative_to(ROOT) else file
        for line, problem in sorted(problems(file)):
            print(f"{name}:{line}: {problem}", file=sys.stderr)
            failed = True
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
