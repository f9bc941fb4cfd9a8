"""Write what follows from the command line's parser: the man page libpod.1, and completions for bash and zsh.

Usage: python3 packaging/generate.py OUTPUT_DIRECTORY, with libpod, shtab and argparse-manpage importable.
The output depends on the parser alone; no date and no path of this machine gets into it.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from libpod.cli import completion
from libpod.cli.main import make_parser

SEE_ALSO = """.SH SEE ALSO
.BR runtime\\-refresh (8),
.BR podman (1),
.BR runc (8),
.BR conmon (8),
.BR containers.conf (5),
.BR storage.conf (5)
"""


def man_page(parser: argparse.ArgumentParser) -> str:
    """Return the page for section 1, made by argparse-manpage 4 (PyPI) or 1.2 (Debian 12)."""
    summary = "containers, pods and the boot refresh"
    try:
        from argparse_manpage.manpage import Manpage
    except ImportError:
        from build_manpages.manpage import Manpage

        vars(parser)["man_short_description"] = summary
        text = str(Manpage(parser))
    else:
        data = {"project_name": "libpod", "manual_title": "User Commands", "description": summary}
        text = str(Manpage(parser, _data=data))
    return text.rstrip("\n") + "\n" + SEE_ALSO


def main(arguments: list[str]) -> None:
    """Write the three files."""
    output = Path(arguments[0])
    output.mkdir(parents=True, exist_ok=True)
    (output / "libpod.1").write_text(man_page(make_parser()))
    (output / "libpod.bash").write_text(completion.script("bash"))
    (output / "_libpod").write_text(completion.script("zsh"))


if __name__ == "__main__":
    main(sys.argv[1:])
