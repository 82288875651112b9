// Times from a visitor's hand to the frame that shows all of the answer, taken in the page itself.
(() => {
  const all = (node, selector) => [
    ...(node.querySelectorAll?.(selector) ?? []),
    ...[...(node.querySelectorAll?.('*') ?? [])].flatMap(child => child.shadowRoot ? all(child.shadowRoot, selector) : []),
  ];
  // Shadow roots are looked for once and then kept: looking for them in every frame would take longer than what is measured.
  const kept = {};
  const one = selector => (kept[selector]?.isConnected ? kept[selector] : (kept[selector] = all(document, selector)[0]));
  const figures = () => Bokeh.documents.flatMap(doc => [...doc._all_models.values()])
    .filter(model => model.type === 'Figure' && Bokeh.index.find_one_by_id(model.id))
    .sort((a, b) => Bokeh.index.find_one_by_id(a.id).el.getBoundingClientRect().x - Bokeh.index.find_one_by_id(b.id).el.getBoundingClientRect().x);
  const source = (figure, name) => figure.renderers.find(renderer => renderer.name === name)?.data_source;
  // In the plain page the halo is the last renderer.
  const halo = figure => source(figure, 'halo') ?? figure.renderers.at(-1).data_source;
  const points = figure => source(figure, 'points') ?? figure.renderers[0].data_source;
  const box = () => one('.galaxy-strip') ?? one('.about');
  const inside = selector => [...(box()?.shadowRoot ?? box() ?? document).querySelectorAll(selector)];
  const pictures = () => inside('img').filter(image => image.alt !== 'dark to bright');
  // Each is given the figures on screen as the hand acts: to look for them again in every frame would take longer than what is measured.
  const watched = {
    tap: shown => {
      const before = [inside('b')[0]?.textContent, shown.map(figure => halo(figure).data.x)];
      return () => inside('b')[0] && inside('b')[0].textContent !== before[0] && pictures().length > shown.length
        && pictures().every(image => image.complete && image.naturalWidth) && shown.every((figure, i) => halo(figure).data.x !== before[1][i]);
    },
    epoch: shown => {
      const before = shown.map(figure => points(figure).data.x);
      return () => shown.every((figure, i) => points(figure).data.x !== before[i]);
    },
    threshold: shown => {
      const line = figure => figure.center.find(item => item.type === 'Span').location;
      const before = shown.map(line);
      return () => shown.every((figure, i) => line(figure) !== before[i]);
    },
    lasso: shown => {
      const before = [shown.map(figure => points(figure).data.alpha), one('.count')?.textContent];
      return () => shown.every((figure, i) => points(figure).data.alpha !== before[0][i])
        && (kept['.count'] = undefined, one('.count')?.textContent) !== before[1];
    },
  };
  window.times = [];
  window.arm = (name, event) => {
    const done = watched[name](figures());
    addEventListener(event, ({timeStamp}) => {
      const look = () => {
        // One more frame: what has come in is painted by then.
        if (done()) requestAnimationFrame(() => setTimeout(() => window.times.push(performance.now() - timeStamp)));
        else if (performance.now() - timeStamp < 30000) requestAnimationFrame(look);
        else window.times.push(NaN);
      };
      requestAnimationFrame(look);
    }, {capture: true, once: true});
  };
  window.places = () => figures().map(figure => {
    const view = Bokeh.index.find_one_by_id(figure.id), box = view.el.getBoundingClientRect(), frame = view.frame.bbox;
    return {id: figure.id, x: Array.from(points(figure).data.x ?? points(figure).data[Object.keys(points(figure).data)[0]]),
      y: Array.from(points(figure).data.y ?? []), frame: [box.x + frame.x, box.y + frame.y, frame.width, frame.height]};
  });
  window.pixel = (id, x, y) => {
    const view = Bokeh.index.find_one_by_id(id), box = view.el.getBoundingClientRect();
    return [box.x + view.frame.x_scale.compute(x), box.y + view.frame.y_scale.compute(y)];
  };
  window.seen = selector => one(selector)?.getBoundingClientRect().height > 0;
})();
