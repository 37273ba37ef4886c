"""The one script that draws all charts without a network: Vega, Vega-Lite and Vega-Embed."""

from __future__ import annotations

import functools

import altair as alt
import vl_convert

BUNDLE_NAME = "vega-embed.js"
"""Where ``charts.js`` looks for the bundle: beside itself."""

VEGA_LITE = ".".join(alt.SCHEMA_VERSION.removeprefix("v").split(".")[:2])
"""The Vega-Lite release that Altair writes for, as vl-convert names it."""

BANNER = (
    "/* Vega, Vega-Lite and Vega-Embed, (c) University of Washington Interactive Data Lab, BSD 3-Clause licence */\n"
)


@functools.cache
def vega_bundle() -> bytes:
    """Vega-Embed and all it needs as one classic script that defines ``vegaEmbed`` and no other global.

    It takes a second or two to make and is the same for the same versions of vl-convert and Altair.
    """
    code = vl_convert.javascript_bundle(snippet="window.vegaEmbed = vegaEmbed;", vl_version=VEGA_LITE)
    return f"{BANNER}(function () {{\n{code}\n}})();\n".encode()
