// Markup that reports clicks: buttons with data-say send its JSON; other elements with data-galaxy
// become buttons, by mouse and keyboard, and send ["galaxy", id].
export function render({ model, el }) {
  const mark = () => el.querySelectorAll("[data-say][data-galaxy]").forEach(
    button => button.setAttribute("aria-pressed", String(button.dataset.galaxy === model.chosen)));
  const focused = () => el.getRootNode().activeElement?.dataset;
  const draw = () => {
    const kept = focused(), key = kept?.key, galaxy = kept?.galaxy, left = el.querySelector(".wide")?.scrollLeft;
    el.innerHTML = model.markup;
    for (const item of el.querySelectorAll("[data-galaxy]:not([data-say])")) {
      item.tabIndex = 0;
      item.setAttribute("role", "button");
    }
    mark();
    if (left) el.querySelector(".wide")?.scrollTo({ left });
    const again = key ? `[data-key="${CSS.escape(key)}"]` : galaxy ? `[data-galaxy="${CSS.escape(galaxy)}"]` : "";
    if (again) el.querySelector(again)?.focus();
  };
  const press = event => {
    const item = event.target.closest("[data-say], [data-galaxy]");
    if (!item) return;
    if (item.dataset.say) {
      // Native buttons turn Enter and Space into clicks themselves.
      if (event.type === "click") model.send_msg(JSON.parse(item.dataset.say));
    } else if (event.type === "click" || event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      model.send_msg(["galaxy", item.dataset.galaxy]);
    }
  };
  el.addEventListener("click", press);
  el.addEventListener("keydown", press);
  model.on("markup", draw);
  model.on("chosen", mark);
  draw();
}
