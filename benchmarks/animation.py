"""The moving picture of README.md: galaxies crossing the boundary while noDA, MMD and DANN train,
an evaluated epoch a frame.

`python benchmarks/animation.py [--out FILE]` serves the explorer over a copy of the example runs,
moves its epoch from the first to the last, and photographs the three panels at each. The axes stay
the same throughout. Beside the GIF it writes its last frame as PNG, for people who ask for reduced
motion.
"""

import argparse
import io
import sys
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import Page
from scipy.spatial import cKDTree
from screens import METHODS, ROOT, at_rest, chromium, compared, served, small

sys.path.insert(0, str(ROOT / "tests" / "browser"))

from screen import panels, wait_for_panels

WIDTH, HEIGHT = 1280, 1000  # of the page [px]
SCALE = 1.5  # of the picture's pixels to the page's
ENDS, BETWEEN = 1200, 600  # [ms] the first and the last frame, and the others
COLOURS = 128
_MARGIN, _CLOSE = (
    8,
    3,
)  # [px] left of and below what is photographed, and above it; to the right of it are the tools
_FIX = """([x, y]) => Bokeh.documents.flatMap(doc => [...doc._all_models.values()])
  .filter(model => model.type === 'Figure' && (model.tags[0] || '').startsWith('panel-'))
  .forEach(figure => { figure.x_range.setv({start: x[0], end: x[1]}); figure.y_range.setv({start: y[0], end: y[1]}); })"""
_TOP_AND_BOTTOM = """() => {
  const all = root => [...root.querySelectorAll('*')].flatMap(node => [node, ...(node.shadowRoot ? all(node.shadowRoot) : [])]);
  const boxes = name => all(document).filter(node => node.classList.contains(name)).map(node => node.getBoundingClientRect());
  const feet = boxes('panel-foot');
  return [Math.min(...boxes('legend').map(box => box.top)), Math.max(...feet.map(box => box.bottom)),
    Math.min(...boxes('legend').map(box => box.left)), Math.max(...feet.map(box => box.right))];
}"""


def main() -> None:
    """Make the picture."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "images" / "boundary.gif")
    out = parser.parse_args().out
    runs = compared()
    if len({tuple(run.evaluated) for run in runs}) > 1:
        sys.exit("The example runs were evaluated at different epochs: make examples.")
    with served() as url, chromium() as browser:
        page = browser.new_context(
            viewport={"width": WIDTH, "height": HEIGHT}, device_scale_factor=SCALE
        ).new_page()
        page.set_default_timeout(120_000)
        page.goto(f"{url}?runs={','.join(run.id for run in runs)}")
        frames = photographed(page, runs[0].evaluated)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_bytes(moving(frames))
    out.with_suffix(".png").write_bytes(small(frames[-1]))
    for file in (out, out.with_suffix(".png")):
        print(f"{file.name}: {len(frames)} epochs, {file.stat().st_size / 1000:.0f} kB")


def photographed(page: Page, epochs: list[int]) -> list[bytes]:
    """A picture of the panels at each epoch, all on axes that hold the points of every epoch."""
    wait_for_panels(page, len(METHODS))
    seen = []
    for epoch in epochs:
        go(page, epoch)
        seen += [panel["points"] for panel in panels(page)]
    page.evaluate(_FIX, [widest([points[axis] for points in seen]) for axis in "xy"])
    page.mouse.move(WIDTH - 2, HEIGHT - 2)
    frames = []
    for epoch in epochs:
        go(page, epoch)
        at_rest(page, "Compare")
        top, bottom, left, right = page.evaluate(_TOP_AND_BOTTOM)
        width, height = right - left + _MARGIN, bottom - top + _CLOSE + _MARGIN
        frames.append(
            page.screenshot(
                clip={"x": left - _MARGIN, "y": top - _CLOSE, "width": width, "height": height}
            )
        )
    return frames


def widest(values: list[list[float]]) -> tuple[float, float]:
    """Limits that hold all but the outermost half per cent of each panel at each epoch, as the
    page's own do, and a margin.
    """
    low, high = np.percentile(values, [0.5, 99.5], axis=1)
    margin = 0.06 * (high.max() - low.min())
    return float(low.min() - margin), float(high.max() + margin)


def go(page: Page, epoch: int) -> None:
    """Move the slider there by its keys, and waits until all panels show that epoch."""
    slider = page.get_by_role("slider").first
    slider.press("Home")
    for _ in range(epoch - 1):
        slider.press("ArrowRight")
    for place in range(len(METHODS)):
        page.locator(".panel-head").nth(place).get_by_text(f"epoch {epoch} ").wait_for()
    page.wait_for_timeout(500)


def moving(frames: list[bytes]) -> bytes:
    """A GIF without end, all frames in one palette, so that nothing but the galaxies changes."""
    pictures = [Image.open(io.BytesIO(frame)).convert("RGB") for frame in frames]
    together = Image.fromarray(np.concatenate([np.asarray(picture) for picture in pictures]))
    colours = np.reshape(together.quantize(COLOURS, kmeans=1).getpalette() or [], (-1, 3)).astype(
        np.uint8
    )
    # The mean of white and of what is nearly white would stand out on a white page.
    colours[colours.sum(axis=1).argmax()] = 255
    # Pillow's own search for the nearest colour is a coarse one: it draws white as another grey.
    nearest = cKDTree(colours)
    drawn = [
        Image.fromarray(nearest.query(np.asarray(picture))[1].astype(np.uint8), "L")
        for picture in pictures
    ]
    for picture in drawn:
        picture.putpalette(colours.ravel().tolist())
    durations = [ENDS, *[BETWEEN] * (len(drawn) - 2), ENDS]
    made = io.BytesIO()
    drawn[0].save(
        made,
        "GIF",
        save_all=True,
        append_images=drawn[1:],
        duration=durations,
        loop=0,
        optimize=False,
    )
    return made.getvalue()


if __name__ == "__main__":
    main()
