// Paints many points into one image, pixel by pixel: a canvas takes ten times as long for their outlines, or for copies of a picture.
const stamps = new Map();
let asked = false, sums = new Float32Array(0), chosen = {};

const corners = {
  triangle: r => [[-r, r / Math.sqrt(3)], [r, r / Math.sqrt(3)], [0, -2 * r / Math.sqrt(3)]],
  square: r => [[-r, -r], [r, -r], [r, r], [-r, r]],
  diamond: r => [[0, -r], [r / 1.5, 0], [0, r], [-r / 1.5, 0]],
  hex: r => Array.from({length: 6}, (_, i) => [r * Math.cos(i * Math.PI / 3), r * Math.sin(i * Math.PI / 3)]),
  star: r => Array.from({length: 10}, (_, i) => (i % 2 ? r / 2.5 : r)).map((s, i) => [s * Math.sin(i * Math.PI / 5), -s * Math.cos(i * Math.PI / 5)]),
};

// What a marker covers: for each of its pixels where it is, red, green, blue, and how much of it is covered (0 to 1).
function stamp(marker, fill, edge, size, ratio) {
  const key = `${marker} ${fill} ${edge} ${size} ${ratio}`;
  if (stamps.has(key)) return stamps.get(key);
  const canvas = document.createElement('canvas'), half = Math.ceil((size / 2 + 1) * ratio), r = size * ratio / 2;
  canvas.width = canvas.height = 2 * half + 1;
  const pen = canvas.getContext('2d');
  pen.translate(half + 0.5, half + 0.5);
  [pen.fillStyle, pen.strokeStyle, pen.lineWidth] = [fill, edge || fill, ratio];
  pen.beginPath();
  if (marker === 'x') {
    for (const turn of [-1, 1]) { pen.moveTo(-r, -turn * r); pen.lineTo(r, turn * r); }
    pen.stroke();
  } else {
    if (corners[marker]) corners[marker](r).forEach(corner => pen.lineTo(...corner)); else pen.arc(0, 0, r, 0, 2 * Math.PI);
    pen.closePath();
    pen.fill();
    if (edge) pen.stroke();
  }
  const {data} = pen.getImageData(0, 0, canvas.width, canvas.width), covered = [];
  for (let i = 0; i < data.length / 4; i++) {
    const [red, green, blue, cover] = data.subarray(4 * i, 4 * i + 4);
    if (cover) covered.push(i % canvas.width - half, Math.floor(i / canvas.width) - half, red, green, blue, cover / 255);
  }
  stamps.set(key, Float32Array.from(covered));
  return stamps.get(key);
}

// The stamp of each point. While galaxies and hues stay what they are, so do the stamps: a step of the epoch only moves them.
function stampsOf({marker, colour, edge}, outlined, size, ratio) {
  const same = [marker, colour, outlined && edge, size, ratio];
  if (!chosen.same?.every((each, i) => each === same[i]))
    chosen = {same, stamps: Array.from(marker, (shape, i) => stamp(shape, colour[i], outlined ? edge[i] : '', size, ratio))};
  return chosen.stamps;
}

function paint({figure, dots, raster}) {
  const frame = Bokeh.index.find_one_by_id(figure.id)?.frame.bbox;
  if (!raster.visible || !frame || frame.width < 2 || frame.height < 2) return;
  const {x, y, alpha} = dots.data_source.data;
  const {start: left, end: right} = figure.x_range, {start: low, end: high} = figure.y_range;
  const size = dots.glyph.size.value, outlined = dots.glyph.line_alpha.value !== 0, ratio = window.devicePixelRatio || 1;
  const width = Math.round(frame.width * ratio), height = Math.round(frame.height * ratio);
  // Beyond each edge lies as much as a marker can reach, so that no pixel of one has to be asked where it is.
  const reach = Math.ceil(size * ratio) + 2, row = width + 2 * reach, rows = height + 2 * reach;
  if (sums.length === 4 * row * rows) sums.fill(0); else sums = new Float32Array(4 * row * rows);
  const across = width / (right - left), up = height / (high - low), of = stampsOf(dots.data_source.data, outlined, size, ratio);
  for (let i = 0; i < x.length; i++) {
    const column = Math.floor((x[i] - left) * across) + reach, line = Math.floor((high - y[i]) * up) + reach;
    if (!(column >= reach / 2 && column < row - reach / 2 && line >= reach / 2 && line < rows - reach / 2)) continue;
    const found = of[i];
    for (let k = 0; k < found.length; k += 6) {
      const at = 4 * ((line + found[k + 1]) * row + column + found[k]), over = found[k + 5] * alpha[i], rest = 1 - over;
      sums[at] = sums[at] * rest + found[k + 2] * over;
      sums[at + 1] = sums[at + 1] * rest + found[k + 3] * over;
      sums[at + 2] = sums[at + 2] * rest + found[k + 4] * over;
      sums[at + 3] = sums[at + 3] * rest + over;
    }
  }
  const bytes = new Uint8ClampedArray(4 * width * height);
  for (let line = 0, to = 0; line < height; line++) {
    for (let at = 4 * ((line + reach) * row + reach), last = at + 4 * width; at < last; at += 4, to += 4) {
      const cover = sums[at + 3];
      if (!cover) continue;
      [bytes[to], bytes[to + 1], bytes[to + 2], bytes[to + 3]] = [sums[at] / cover, sums[at + 1] / cover, sums[at + 2] / cover, 255 * cover];
    }
  }
  const image = new raster.data_source.data.image[0].constructor(new Uint32Array(bytes.buffer), [height, width]);
  // The image is the browser's own: the server need not hear of it.
  raster.data_source.setv({data: {image: [image], x: [left], y: [low], dw: [right - left], dh: [high - low]}}, {sync: false});
}

export default args => {
  // Changes that come together, such as both ends of a range, are painted once.
  if (asked) return;
  asked = true;
  queueMicrotask(() => { asked = false; paint(args); });
};
