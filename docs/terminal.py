"""Draws what a command prints as an SVG of a terminal: the pictures of the README.

    python3 docs/terminal.py docs/train.svg 'inkstone train' 'inkstone predict five.png'

Each command is run in a shell, both of its outputs together, as through a pipe. Standard library only.
"""

import html
import subprocess
import sys

CELL, LINE, MARGIN = 8.4, 19, 18


def capture(command):
    done = subprocess.run(command, shell=True, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    return done.stdout.rstrip("\n").split("\n")


def row(text, y, colour):
    return f'<text x="{MARGIN}" y="{y}" fill="{colour}" xml:space="preserve">{html.escape(text)}</text>'


def main():
    target, commands = sys.argv[1], sys.argv[2:]
    lines = []
    for command in commands:
        lines.append(("$ " + command, "#7ee787"))
        lines += [(text, "#e6edf3") for text in capture(command)]
        lines.append(("", "#e6edf3"))
    lines.pop()
    width = 2 * MARGIN + CELL * max(len(text) for text, _ in lines)
    height = 2 * MARGIN + LINE * len(lines)
    rows = "\n".join(row(text, MARGIN + LINE * (i + 0.75), colour) for i, (text, colour) in enumerate(lines))
    font = "font-family=\"ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace\" font-size=\"14\""
    with open(target, "w", encoding="utf-8") as file:
        file.write(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" {font}>\n')
        file.write(f'<rect width="100%" height="100%" rx="8" fill="#0d1117"/>\n{rows}\n</svg>\n')


if __name__ == "__main__":
    main()
