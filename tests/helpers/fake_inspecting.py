"""A stand-in for ``daexplore inspect``: ``python fake_inspecting.py HOW FOLDER`` writes what that
would, or fails as HOW says.
"""

import json
import os
import sys
import time
from pathlib import Path

# A child does not import from its script's folder.
sys.path.insert(0, str(Path(__file__).parent))
from fake_inspection import make_inspection


def main() -> None:
    how, folder = sys.argv[1], Path(sys.argv[2])
    with Path(os.environ["DAEXPLORE_PROGRESS"]).open("a") as feed:
        feed.write(json.dumps({"stage": "measuring", "done": 3, "total": 12}) + "\n")
    if how == "wait":
        time.sleep(60)
    if how == "refuse":
        print(
            "The bands differ: g, r and F814W. Give --set data.match_bands=position.",
            file=sys.stderr,
        )
        sys.exit(2)
    if how == "die":
        os.kill(os.getpid(), 9)
    (folder / "inspection.json").write_text(json.dumps(make_inspection()))
    (folder / "inspection.html").write_text("<!doctype html><title>inspection</title>")


if __name__ == "__main__":
    main()
