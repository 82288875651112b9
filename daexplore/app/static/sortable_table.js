export function render({model}) {
  const box = document.createElement("div"), table = box.appendChild(document.createElement("table"));
  const head = table.createTHead().insertRow(), body = table.createTBody(), lines = new Map();
  box.className = "ticks"; box.tabIndex = 0; box.setAttribute("role", "region"); table.className = "text";
  const add = (parent, tag, text, kind) => {
    const made = parent.appendChild(document.createElement(tag));
    if (text) made.textContent = text;
    if (kind) made.className = kind;
    return made;
  };
  const tickbox = (parent, label, react) => {
    const input = add(parent, "input");
    input.type = "checkbox"; input.setAttribute("aria-label", label); input.addEventListener("change", () => react(input.checked));
    return input;
  };
  // What holds the focus keeps it when its line moves.
  const keeping = draw => {
    const focus = box.getRootNode().activeElement;
    draw();
    if (focus && focus !== box && box.contains(focus)) focus.focus({preventScroll: true});
  };
  const all = tickbox(add(head, "th"), "all shown", on => {
    const keys = new Set(model.order), others = model.ticked.filter(key => !keys.has(key));
    model.ticked = on ? [...others, ...keys] : others;
  });
  function drawHead() {
    while (head.cells.length > 1) head.deleteCell(1);
    for (const column of model.columns) {
      const cell = add(head, "th", "", column.kind);
      const name = add(cell, column.key ? "button" : "span", column.text);
      cell.scope = "col"; cell.title = column.help || "";
      if (column.badge) add(name, "i", column.badge);
      if (!column.key) continue;
      cell.dataset.key = column.key;
      name.addEventListener("click", () => {
        if (model.sort === column.key) model.descending = !model.descending;
        else model.setv({sort: column.key, descending: false});
      });
    }
    drawSort();
  }
  function drawSort() {
    for (const cell of head.querySelectorAll("th[data-key]")) {
      const here = cell.dataset.key === model.sort;
      cell.setAttribute("aria-sort", here ? (model.descending ? "descending" : "ascending") : "none");
    }
  }
  function drawCell(line, cell, kind) {
    const place = add(line, "td", "", kind);
    if (cell.span) place.colSpan = cell.span;
    if (cell.text) add(place, cell.state ? "i" : cell.strong ? "b" : "span", cell.text, cell.state ? `state ${cell.state}` : "");
    if (cell.badge) add(place, "i", cell.badge, "beside");
    for (const chip of cell.chips || []) add(place, "i", chip, "chip");
    if (cell.small) add(place, "small", cell.small);
  }
  function lineOf(row) {
    const told = JSON.stringify(row), old = lines.get(row.key);
    if (old && old.told === told) return;
    const line = document.createElement("tr");
    if (row.damaged) line.className = "damaged";
    const box = tickbox(add(line, "td"), row.label, on => {
      const others = model.ticked.filter(key => key !== row.key);
      model.ticked = on ? [...others, row.key] : others;
    });
    row.cells.forEach((cell, i) => drawCell(line, cell, (model.columns[i] || {}).kind));
    lines.set(row.key, {told, line, box});
  }
  function drawRows() {
    const rows = JSON.parse(model.rows), keys = new Set(rows.map(row => row.key));
    for (const key of [...lines.keys()]) if (!keys.has(key)) lines.delete(key);
    rows.forEach(lineOf);
    drawOrder();
  }
  function drawOrder() {
    const found = model.order.map(key => lines.get(key)).filter(Boolean).map(each => each.line);
    if (found.length !== body.rows.length || found.some((line, i) => line !== body.rows[i])) keeping(() => body.replaceChildren(...found));
    table.hidden = !found.length;
    drawTicks();
  }
  function drawTicks() {
    const ticked = new Set(model.ticked), count = model.order.filter(key => ticked.has(key)).length;
    for (const [key, each] of lines) { each.box.checked = ticked.has(key); each.line.classList.toggle("ticked", ticked.has(key)); }
    all.checked = count > 0 && count === model.order.length; all.indeterminate = count > 0 && count < model.order.length;
  }
  const name = () => { box.setAttribute("aria-label", model.caption); table.setAttribute("aria-label", model.caption); };
  model.on("columns", drawHead); model.on("sort", drawSort); model.on("descending", drawSort);
  model.on("rows", drawRows); model.on("order", drawOrder); model.on("ticked", drawTicks); model.on("caption", name);
  name(); drawHead(); drawRows();
  return box;
}
