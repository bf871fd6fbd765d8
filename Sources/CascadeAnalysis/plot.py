# Part of Cascade. SPDX-License-Identifier: Apache-2.0
"""Draws a figure:  plot.py TARGET... < DESCRIPTION

The description (JSON) has a title, a caption and panels, each with two axes and series of points; every target is a file
in the format of its suffix. Equal descriptions give equal files. Exits with 3 when matplotlib is missing.
"""
import json
import sys
import textwrap

try:
    import matplotlib
except ImportError:
    sys.exit(3)

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter, ScalarFormatter

# Okabe and Ito's colors, which people with any kind of color vision can tell apart, then three more.
COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#8C6D31", "#7F7F7F", "#B8A800"]
STYLES = ["-", "--", ":", "-."]
MARKERS = ["o", "s", "^", "D"]

plt.rcParams.update({
    "font.size": 10, "axes.titlesize": 10, "figure.titlesize": 13, "axes.grid": True, "grid.alpha": 0.25,
    "axes.spines.top": False, "axes.spines.right": False, "axes.axisbelow": True, "svg.hashsalt": "cascade",
})


def line(axes, series):
    for one in series:
        color = COLOURS[one["color"] % len(COLOURS)]
        style = one["style"] % len(STYLES)
        marker = MARKERS[style] if len(one["x"]) <= 20 else None
        axes.plot(one["x"], one["y"], STYLES[style], color=color, marker=marker, markersize=4, label=one["name"])
        if one["low"]:
            axes.fill_between(one["x"], one["low"], one["high"], color=color, alpha=0.15, linewidth=0)


def bar(axes, series):
    width = 0.8 / len(series)
    for place, one in enumerate(series):
        middles = [x + (place - (len(series) - 1) / 2) * width for x in one["x"]]
        spread = None
        if one["low"]:
            spread = [[y - low for y, low in zip(one["y"], one["low"])],
                      [high - y for y, high in zip(one["y"], one["high"])]]
        axes.bar(middles, one["y"], width, yerr=spread, color=COLOURS[one["color"] % len(COLOURS)],
                 label=one["name"], error_kw={"elinewidth": 1, "capsize": 2})
        if len(series) * len(one["x"]) <= 8:
            for x, y, high in zip(middles, one["y"], one["high"] or one["y"]):
                axes.annotate(f"{y:.4g}", (x, high), xytext=(0, 3), textcoords="offset points", ha="center", fontsize=9)


def points(axes, series):
    size = 7 if sum(len(one["x"]) for one in series) > 500 else 20
    for one in series:
        axes.scatter(one["x"], one["y"], s=size, alpha=0.7, linewidths=0, label=one["name"],
                     color=COLOURS[one["color"] % len(COLOURS)])


def draw_panel(axes, panel):
    x, y, series = panel["x"], panel["y"], panel["series"]
    categories = x.get("categories")
    {"line": line, "bar": bar, "points": points}[panel["kind"]](axes, series)
    axes.set_title(panel["title"])
    axes.set_xlabel(x["label"])
    axes.set_ylabel(y["label"])
    if categories:
        names = [textwrap.fill(name, 14) for name in categories]
        longest = max(len(part) for name in names for part in name.split("\n"))
        is_tight = longest * len(names) > 55
        axes.set_xticks(range(len(names)), names, rotation=30 if is_tight else 0,
                        ha="right" if is_tight else "center", rotation_mode="anchor")
        axes.grid(False, axis="x")
        axes.margins(y=0.12)
    elif x["isLogarithmic"]:
        places = sorted({place for one in series for place in one["x"]})
        axes.set_xscale("log")
        if len(places) <= 12:
            axes.set_xticks(places, [f"{place:g}" for place in places])
        else:
            axes.xaxis.set_major_locator(LogLocator())
            axes.xaxis.set_major_formatter(ScalarFormatter())
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.minorticks_off()
    elif all(place == int(place) for one in series for place in one["x"]):
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if panel["kind"] == "bar":
        axes.set_ylim(bottom=min(0, axes.get_ylim()[0]))


def main():
    description = json.load(sys.stdin)
    panels = description["panels"]
    columns = 1 if len(panels) == 1 else 2 if len(panels) in (2, 4) else 3
    rows = -(-len(panels) // columns)
    width = 7.5 if columns == 1 else 5.2 * columns
    caption = textwrap.wrap(description["caption"], int(width * 15))
    heights = [4.2 * rows + 0.9, 0.16 * len(caption) + 0.1]
    page = plt.figure(figsize=(width, sum(heights)), layout="constrained")
    figure, foot = page.subfigures(2, 1, height_ratios=heights)
    cells = [axes for row in figure.subplots(rows, columns, squeeze=False) for axes in row]
    for axes, panel in zip(cells, panels):
        draw_panel(axes, panel)
    for axes in cells[len(panels):]:
        axes.remove()
    figure.suptitle(description["title"])
    foot.text(0.01, 0.95, "\n".join(caption), fontsize=8, color="#444444", ha="left", va="top")
    # One legend for all panels: equal names have equal colors.
    entries = {}
    for axes in cells[:len(panels)]:
        for handle, name in zip(*axes.get_legend_handles_labels()):
            if name and not name.startswith("_"):
                entries.setdefault(name, handle)
    if entries:
        fitting = max(1, int(width * 12 / (6 + max(map(len, entries)))))
        lines = -(-len(entries) // fitting)
        legend = figure.legend(entries.values(), entries.keys(), loc="outside lower center", frameon=False,
                               ncols=-(-len(entries) // lines))
        for handle in legend.legend_handles:
            handle.set_alpha(1)
            if hasattr(handle, "set_sizes"):
                handle.set_sizes([30])
    for target in sys.argv[1:]:
        fixed = {"Date": None} if target.endswith(".svg") else {"Software": None}
        page.savefig(target, dpi=150, metadata=fixed)


main()
