"""Colours that stay apart with each kind of colour blindness, in light and dark.

Red, green and amber fall together for one man in twenty, which is why pass is blue and fail orange. No colour stands
alone: a symbol, a word, a dash or the size of a bar says the same.
"""

from __future__ import annotations

from collections.abc import Mapping

LIGHT: Mapping[str, str] = {
    "bg": "#ffffff",
    "card": "#f6f7f9",
    "fg": "#1b1f24",
    "mut": "#59626e",
    "grid": "#d9dde3",
    "pass": "#0072b2",
    "fail": "#c2410c",
    "inconclusive": "#59626e",
    "error": "#7a1f6b",
    "dot": "#5b9bd5",
    "bad": "#c2410c",
    "timeout": "#7a1f6b",
    "cut": "#111827",
    "refused": "#00795a",
    "line": "#111827",
    "held": "#9ccbe8",
    "stuck": "#f0b429",
    "down": "#b83a0a",
    "band": "#e69f00",
    "label": "#9a3d06",
    "s1": "#0072b2",
    "s2": "#c2410c",
    "s3": "#00795a",
    "s4": "#8e4585",
}
DARK: Mapping[str, str] = {
    "bg": "#0f1318",
    "card": "#171c23",
    "fg": "#e6e9ee",
    "mut": "#9aa5b1",
    "grid": "#2b323b",
    "pass": "#56b4e9",
    "fail": "#ff6a2b",
    "inconclusive": "#9aa5b1",
    "error": "#e0a3cf",
    "dot": "#3f8fd0",
    "bad": "#ff6a2b",
    "timeout": "#ffe08a",
    "cut": "#7ef0c8",
    "refused": "#e0a3cf",
    "line": "#e6e9ee",
    "held": "#2b6f9c",
    "stuck": "#f5c04a",
    "down": "#ff6a2b",
    "band": "#e69f00",
    "label": "#f5c04a",
    "s1": "#56b4e9",
    "s2": "#ff8a4c",
    "s3": "#3ecfa4",
    "s4": "#e0a3cf",
}


def var(name: str) -> str:
    """A colour as an SVG attribute. The fallback holds where a content policy blocks the page's own CSS."""
    return f"var(--{name},{LIGHT[name]})"


def css() -> str:
    """The variables, for light and dark; paper is light."""
    light, dark = (";".join(f"--{name}:{value}" for name, value in scheme.items()) for scheme in (LIGHT, DARK))
    return (
        f":root{{color-scheme:light dark;{light}}}"
        f"@media (prefers-color-scheme:dark){{:root{{{dark}}}}}"
        f"@media print{{:root{{{light}}}}}"
    )
