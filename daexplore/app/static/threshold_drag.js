// Move every boundary on the page while the threshold is dragged. The server's text follows on release.
// AT_THRESHOLD and PLACES are defined by the page.
const logit = Math.log(source.value / (1 - source.value));
for (const model of source.document._all_models.values()) {
  if (model.name !== AT_THRESHOLD || !model.tags.length) continue;
  const place = { Span: "location", BoxAnnotation: "left", Label: "x" }[model.type];
  const at = Math.round(logit * model.tags[0] * 10 ** PLACES) / 10 ** PLACES;
  if (Number.isFinite(logit)) model.setv({ [place]: at }, { sync: false });
}
