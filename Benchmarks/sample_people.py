"""The people of samples/room.mp4 as pictures with COCO annotations, for training runs that need no other data."""
import json
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COCO = [0, 15, 14, 17, 16, 5, 2, 6, 3, 7, 4, 11, 8, 12, 9, 13, 10]  # of the 18 key points


def clip_data(folder, every):
    """Frames of the sample clip as pictures with COCO annotations."""
    lines = (ROOT / "samples/room.jsonl").read_text().splitlines()
    width, height = (json.loads(lines[0])[side] for side in ("width", "height"))
    subprocess.run(["ffmpeg", "-v", "error", "-i", ROOT / "samples/room.mp4", folder / "%d.jpg"], check=True)
    images, annotations = [], []
    for frame in map(json.loads, lines[1::every]):
        images.append({"id": frame["frame"], "file_name": f"{frame['frame'] + 1}.jpg", "width": width, "height": height})
        for person in frame["people"]:
            points = [person["keypoints"][index] for index in COCO]
            x, y, w, h = person["box"]
            annotations.append({
                "id": len(annotations), "image_id": frame["frame"], "category_id": 1, "iscrowd": 0, "num_keypoints": 17,
                "bbox": [x, y, w, h], "area": w * h / 2,
                "keypoints": [number for px, py, score in points for number in (px, py, 2 if score else 1)]})
    path = folder / "people.json"
    path.write_text(json.dumps({"images": images, "annotations": annotations}))
    return path
