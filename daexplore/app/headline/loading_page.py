"""What stands on the page while it is being built: the sentence, in plain HTML, read before anything else is loaded."""

import re
from html import escape

from markupsafe import Markup
from panel_material_ui.base import BASE_TEMPLATE

__all__ = ["TEMPLATE", "loading_html"]

# It lies above the page until that is drawn: nothing moves when it goes, and no hand is quicker than the page. Scripts in the head
# would hold back its painting.
TEMPLATE = BASE_TEMPLATE.environment.from_string(
    """{% extends "base.html" %}
{% block js_resources %}{% endblock %}
{% block postamble %}
{% if resources %}
{% for css in resources.css.values() %}<link rel="stylesheet" href="{{ css }}">{% endfor %}
{% for raw_css in resources.raw_css %}<style type="text/css">{{ raw_css }}</style>{% endfor %}
{% endif %}
{% endblock %}
{% block loader %}
<div id="loader" style="display: none; background: none">
  <div class="spinner" style="display: none"></div><div id="loader-error"></div>
</div>
<div id="first-words">{{ first_words }}</div>
<style>
  /* All sizes of type follow this one: on a screen of 3840 pixels they are half as large again. */
  html { font-size: max(16px, 0.625vw); }
  #first-words {
    position: fixed; inset: 0; z-index: 9998; padding: 0 20px;
    background: #fff; color: #1a1a1a; font: 14px/1.5 Arial, Helvetica, sans-serif;
  }
  #first-words header { margin: 0 -20px; padding: 0 24px; line-height: 62px; font-size: 18px; border-bottom: 1px solid #ddd; }
  #first-words .headline { font-size: 16px; margin: 84px 0 0; }
  #first-words small { color: #595959; }
</style>
<script>
  (function leave() {
    if (window.Bokeh?.index?.roots?.[0]?.is_idle) document.getElementById("first-words")?.remove();
    else setTimeout(leave, 50);
  })();
</script>
{{ bokeh_js if bokeh_js }}
{% if resources %}
{% for src in resources.js.values() %}<script src="{{ src }}"></script>{% endfor %}
{% for src in resources.js_modules.values() %}<script src="{{ src }}" type="module"></script>{% endfor %}
{% endif %}
{% endblock %}"""
)


def loading_html(sentence: str, runs: list[str]) -> Markup:
    """The page's first words.

    Args:
        sentence: the comparison as markup, if it is known already; it is made of escaped parts.
        runs: names of the runs on screen, which stand in its place otherwise.
    """
    # Words that explain themselves cannot yet.
    plain = re.sub(r"</?button[^>]*>", "", sentence)
    told = plain or (f"Comparing {escape(', '.join(runs))} …" if runs else "Opening …")
    return Markup(f"<header>daexplore</header><p class='headline'>{told}</p>")
