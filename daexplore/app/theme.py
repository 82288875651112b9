"""The page's theme and its one style sheet."""

from typing import Any

from daexplore.utils.files import static_text

__all__ = ["STYLE", "THEME"]

STYLE = static_text("app", "explorer.css")
"""Style sheet of the panes with markup of their own."""

THEME: dict[str, Any] = {
    mode: {
        "palette": {"primary": {"main": main}, "background": {"default": ground, "paper": paper}},
        "typography": {"fontSize": 13, "button": {"textTransform": "none"}},
        "shape": {"borderRadius": 6},
        "components": {
            "MuiAppBar": {
                "styleOverrides": {
                    "root": {
                        "backgroundColor": paper,
                        "color": ink,
                        "boxShadow": "none",
                        "borderBottom": f"1px solid {line}",
                        "backgroundImage": "none",
                    }
                }
            },
            "MuiToggleButton": {
                "styleOverrides": {
                    "root": {"whiteSpace": "nowrap", "padding": "3px 9px", "fontSize": "0.75rem"}
                }
            },
        },
    }
    for mode, main, ground, paper, ink, line in (
        ("light", "#274b6d", "#fcfcfb", "#ffffff", "#1a1a1a", "#e3e3e0"),
        ("dark", "#9cc4e4", "#121416", "#1a1d20", "#f2f2f2", "#33383d"),
    )
}
"""Material theme, light and dark: one quiet accent that is neither domain's hue."""
