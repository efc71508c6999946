"""Charts: Vega-Lite through altair, drawn as SVG on this machine by vl-convert; no network, no script."""
