"""Draws the asset graph as SVG from the definitions: `python -m gvlm_assets.graph docs/asset-graph.svg`."""

import sys
from collections.abc import Mapping
from html import escape
from pathlib import Path

import dagster as dg

BOX_W, BOX_H, GAP_X, GAP_Y, MARGIN = 158, 34, 46, 16, 24
COLOURS = {
    "ingest": "#dbeafe",
    "sampling": "#dcfce7",
    "perception": "#fef9c3",
    "timeline": "#fae8ff",
    "query": "#ffe4e6",
    "dataset": "#ffedd5",
}


def layers(upstream: Mapping[str, set[str]]) -> dict[str, int]:
    """The longest path from a source to each asset: its column in the drawing."""
    depth: dict[str, int] = {}

    def visit(name: str) -> int:
        if name not in depth:
            depth[name] = 1 + max((visit(parent) for parent in upstream[name]), default=-1)
        return depth[name]

    for name in sorted(upstream):
        visit(name)
    return depth


def reduced(upstream: Mapping[str, set[str]]) -> dict[str, set[str]]:
    """Edges that no longer path stands for, so that the drawing can be read."""

    def ancestors(name: str) -> set[str]:
        return upstream[name].union(*(ancestors(parent) for parent in upstream[name]))

    return {
        name: {p for p in parents if not any(p in ancestors(other) for other in parents - {p})}
        for name, parents in upstream.items()
    }


def svg(defs: dg.Definitions) -> str:
    """The asset graph, left to right, coloured by group."""
    graph = defs.resolve_asset_graph()
    names = sorted(key.to_user_string() for key in graph.get_all_asset_keys())
    upstream = {n: {k.to_user_string() for k in graph.get(dg.AssetKey(n)).parent_keys} for n in names}
    groups = {n: graph.get(dg.AssetKey(n)).group_name for n in names}
    places = _places(layers(upstream), upstream)
    width = MARGIN * 2 + max(x for x, _ in places.values()) + BOX_W
    height = MARGIN * 2 + max(y for _, y in places.values()) + BOX_H + 26
    edges = [_edge(places[p], places[n]) for n, parents in sorted(reduced(upstream).items()) for p in sorted(parents)]
    boxes = [_box(n, places[n], COLOURS[groups[n]]) for n in names]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
            'font-family="sans-serif" font-size="13">',
            f'<rect width="{width}" height="{height}" fill="white"/>',
            *edges,
            *boxes,
            *_legend(height),
            "</svg>\n",
        ]
    )


def _places(depth: Mapping[str, int], upstream: Mapping[str, set[str]]) -> dict[str, tuple[int, int]]:
    """Upper left corners. Within a column the order is that of the mean height of what an asset is made from."""
    columns: dict[int, list[str]] = {}
    for name, column in depth.items():
        columns.setdefault(column, []).append(name)
    tallest = max(len(names) for names in columns.values())
    places: dict[str, tuple[int, int]] = {}

    def height(name: str) -> tuple[float, str]:
        above = [places[parent][1] for parent in upstream[name]]
        return (sum(above) / len(above) if above else 0.0, name)

    for column in sorted(columns):
        offset = (tallest - len(columns[column])) * (BOX_H + GAP_Y) // 2
        for row, name in enumerate(sorted(columns[column], key=height)):
            places[name] = (MARGIN + column * (BOX_W + GAP_X), MARGIN + offset + row * (BOX_H + GAP_Y))
    return places


def _edge(start: tuple[int, int], end: tuple[int, int]) -> str:
    x0, y0 = start[0] + BOX_W, start[1] + BOX_H // 2
    x1, y1 = end[0], end[1] + BOX_H // 2
    bend = max(20, (x1 - x0) // 2)
    return f'<path d="M{x0},{y0} C{x0 + bend},{y0} {x1 - bend},{y1} {x1},{y1}" fill="none" stroke="#94a3b8"/>'


def _box(name: str, place: tuple[int, int], colour: str) -> str:
    x, y = place
    return (
        f'<rect x="{x}" y="{y}" width="{BOX_W}" height="{BOX_H}" rx="6" fill="{colour}" stroke="#64748b"/>'
        f'<text x="{x + BOX_W // 2}" y="{y + BOX_H // 2 + 5}" text-anchor="middle">{escape(name)}</text>'
    )


def _legend(height: int) -> list[str]:
    y = height - MARGIN
    return [
        f'<rect x="{MARGIN + n * 120}" y="{y - 12}" width="14" height="14" fill="{colour}" stroke="#64748b"/>'
        f'<text x="{MARGIN + n * 120 + 20}" y="{y}">{group}</text>'
        for n, (group, colour) in enumerate(COLOURS.items())
    ]


if __name__ == "__main__":
    from gvlm_assets.definitions import defs as project

    Path(sys.argv[1]).write_text(svg(project))
