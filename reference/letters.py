"""Letters as images of MNIST's kind, drawn from the system's fonts: what a model of digits should refuse.

    python reference/letters.py FOLDER
    inkstone bench trust --against FOLDER

Needs Pillow. Each letter of each font becomes FOLDER/LETTER/FONT.png: light on dark, 28×28, the longer side 20 pixels, the
centre of mass in the middle. Left out: letters that are digits in some hand (B b g I i l O o q S s Z z) and fonts without
Latin letters of their own.
"""

import pathlib
import sys

from PIL import Image, ImageDraw, ImageFont

LETTERS = "ACDEFGHJKLMNPQRTUVWXYacdefhjkmnprtuvwxy"


def drawn(font, letter):
    picture = Image.new("L", (160, 160))
    ImageDraw.Draw(picture).text((40, 30), letter, 255, font=font)
    picture = picture.crop(picture.getbbox())
    scale = 20 / max(picture.size)
    size = [max(1, round(side * scale)) for side in picture.size]
    picture = picture.resize(size, Image.Resampling.LANCZOS)
    pixels, (width, height) = picture.load(), picture.size
    places = [(x, y, pixels[x, y]) for y in range(height) for x in range(width)]
    mass = sum(ink for _, _, ink in places)
    x = sum(x * ink for x, _, ink in places) / mass
    y = sum(y * ink for _, y, ink in places) / mass
    image = Image.new("L", (28, 28))
    image.paste(picture, (min(max(round(13.5 - x), 0), 28 - width), min(max(round(13.5 - y), 0), 28 - height)))
    return image


def main():
    folder = pathlib.Path(sys.argv[1])
    roots = [pathlib.Path("/usr/share/fonts"), pathlib.Path("/System/Library/Fonts"), pathlib.Path("C:/Windows/Fonts")]
    fonts = sorted(font for root in roots for font in root.glob("**/*.ttf"))
    for path in fonts:
        font = ImageFont.truetype(str(path), 80)
        for letter in LETTERS:
            # Upper and lower case are one folder name where file systems do not tell them apart.
            place = folder / (letter if letter.isupper() else f"{letter}_")
            place.mkdir(parents=True, exist_ok=True)
            drawn(font, letter).save(place / f"{path.stem}.png")
    print(f"{len(fonts)} fonts, {len(LETTERS)} letters")


if __name__ == "__main__":
    main()
