// Text and lines of the figures in the page's colours, which follow the reader's light or dark mode and turn light for printing.
(() => {
  const paint = () => {
    const style = getComputedStyle(document.documentElement);
    const [ink, quiet, line] = ["--ink", "--quiet", "--line"].map(name => style.getPropertyValue(name).trim());
    for (const document of window.Bokeh ? Bokeh.documents : []) {
      for (const model of document._all_models.values()) {
        if (model.type.endsWith("Axis")) {
          model.setv({axis_label_text_color: ink, major_label_text_color: ink, axis_line_color: quiet, major_tick_line_color: quiet});
        } else if (model.type === "Title") {
          model.text_color = ink;
        } else if (model.type === "Grid") {
          model.setv({grid_line_color: line, grid_line_alpha: 1});
        }
      }
    }
  };
  const begin = () => {
    paint();
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", paint);
    matchMedia("print").addEventListener("change", paint);
  };
  // Figures are made once the page is read; until the last is there, look again.
  const wait = (left) => {
    const places = document.querySelectorAll("[data-root-id]").length;
    const roots = window.Bokeh ? Bokeh.documents.reduce((sum, each) => sum + each.roots().length, 0) : 0;
    if (roots >= places || left === 0) begin(); else setTimeout(wait, 50, left - 1);
  };
  wait(400);
})();
