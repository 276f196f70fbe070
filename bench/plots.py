"""The picture of `bench.growth`: four charts in one SVG, which follows the reader's light or dark mode."""

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any, NamedTuple

WIDTH, HEIGHT = 270, 185
"""Of one chart. Letters are large beside it, so that they can be read where the whole picture is 400 px wide."""

LIGHT = {"paper": "#ffffff", "ink": "#1f2328", "lines": "#d1d9e0", "first": "#0969da", "second": "#bc4c00"}
DARK = {"paper": "#0d1117", "ink": "#e6edf3", "lines": "#3d444d", "first": "#58a6ff", "second": "#f0883e"}


class Chart(NamedTuple):
    """A chart: its title, and the columns that it shows: the first as a line, the second as a dashed one."""

    title: str
    columns: Sequence[str]


def picture(rows: Sequence[Mapping[str, float | str]], x: str, group: str, charts: Sequence[Chart]) -> str:
    """An SVG with the charts in two columns.

    Args:
        rows: the values, by column.
        x: the column of the horizontal axis, which is logarithmic, and its title.
        group: the column by whose two values lines are coloured, and the legend's title.
        charts: what to show.
    """
    shown = sorted({row[x] for row in rows})
    pairs = [charts[place : place + 2] for place in range(0, len(charts), 2)]
    spec = {
        "data": {"values": [dict(row) for row in rows]},
        "vconcat": [{"hconcat": [_chart(chart, x, shown, group) for chart in pair], "spacing": 34} for pair in pairs],
        "spacing": 22,
        "padding": 12,
        "config": _CONFIG,
    }
    svg: str = import_module("vl_convert").vegalite_to_svg(spec)
    dark = "".join(
        f'[{part}="{LIGHT[name]}"]{{{part}:{colour}}}' for name, colour in DARK.items() for part in ("fill", "stroke")
    )
    head, end, rest = svg.partition(">")
    return f"{head}{end}<style>@media (prefers-color-scheme: dark){{{dark}}}</style>{rest}\n"


def _chart(chart: Chart, x: str, shown: Sequence[Any], group: str) -> dict[str, Any]:
    legend = {"orient": "top", "direction": "horizontal", "symbolType": "stroke", "symbolStrokeWidth": 4}
    colours = {"range": [LIGHT["first"], LIGHT["second"]]}
    return {
        "width": WIDTH,
        "height": HEIGHT,
        "title": chart.title,
        "layer": [
            {
                "mark": {"type": "line", "strokeWidth": 3, "point": {"size": 60}, "strokeDash": dashes},
                "encoding": {
                    "x": {
                        "field": x,
                        "type": "quantitative",
                        "scale": {"type": "log", "nice": False},
                        "axis": {"values": shown, "format": "~s", "labelOverlap": False},
                    },
                    "y": {
                        "field": column,
                        "type": "quantitative",
                        "title": None,
                        "axis": {"tickCount": 4, "minExtent": 34},
                    },
                    "color": {"field": group, "type": "nominal", "sort": None, "scale": colours, "legend": legend},
                },
            }
            for column, dashes in zip(chart.columns, ([1, 0], [7, 5]), strict=False)
        ],
    }


_CONFIG: Mapping[str, Any] = {
    "background": LIGHT["paper"],
    "font": "Helvetica, Arial, sans-serif",
    "view": {"stroke": None},
    "title": {"fontSize": 17, "color": LIGHT["ink"], "anchor": "start", "offset": 12},
    "axis": {
        "labelFontSize": 15,
        "titleFontSize": 15,
        "titleFontWeight": "normal",
        "labelColor": LIGHT["ink"],
        "titleColor": LIGHT["ink"],
        "gridColor": LIGHT["lines"],
        "domainColor": LIGHT["lines"],
        "tickColor": LIGHT["lines"],
    },
    "axisX": {"grid": False},
    "legend": {
        "labelFontSize": 15,
        "titleFontSize": 15,
        "titleFontWeight": "normal",
        "labelColor": LIGHT["ink"],
        "titleColor": LIGHT["ink"],
    },
}
