"""tests/check must refuse what it says it refuses: each rule is broken once in a small tree of its own."""
import subprocess
from pathlib import Path

import pytest

CHECK = Path(__file__).resolve().parent.parent / "check"
HEADER = "#pragma once\n"


def check(root, files):
    sources = {"common/base/README.md": "", "common/stream/README.md": "", "origin/README.md": "", **files}
    for name, text in sources.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    result = subprocess.run([CHECK, root], capture_output=True, text=True, timeout=30, check=False)
    return result.returncode, result.stdout


def function(lines):
    return "int long_one(int a,\n             int b) {\n" + "\ta++;\n" * (lines - 3) + "}\n"


def test_accepts_a_clean_tree(tmp_path):
    status, text = check(tmp_path, {
        "common/base/a.h": HEADER,
        "common/stream/b.c": '#include "common/base/a.h"\n#include "common/stream/b.h"\n' + function(100),
        "common/stream/b.h": HEADER,
        "origin/main.c": '#include "common/stream/b.h"\n',
    })
    assert status == 0, text


@pytest.mark.parametrize("name,text,complaint", [
    ("common/base/a.c", '#include "common/stream/b.h"\n', "against the order"),
    ("common/stream/a.c", '#include "origin/b.h"\n', "against the order"),
    ("origin/a.c", '#include "edge/b.h"\n', "against the order"),
    ("origin/a.c", '#include "../common/base/a.h"\n', "write it from the root"),
    ("origin/a.c", "#include <libavformat/avformat.h>\n", "libav lives in"),
    ("common/base/a.c", "#include <libswscale/swscale.h>\n", "libav lives in"),
    ("common/base/a.h", "int a(void);\n", "no #pragma once"),
    ("common/base/a.c", function(101), "long_one has 101 lines"),
    ("common/base/a.c", "\n" * 801, "the file has 801 lines"),
    ("common/base/a.c", "/* TO" "DO: later */\n", "finish it"),
    ("common/codec/a.c", "int a;\n", "common/codec/: no README.md"),
])
def test_refuses(tmp_path, name, text, complaint):
    status, output = check(tmp_path, {name: text})
    assert status == 1
    assert complaint in output
