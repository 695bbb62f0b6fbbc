"""Writes functions.c from functions.txt and GDAL's headers: python3 generate.py [CLANG]"""

import json
import re
import subprocess
import sys
from pathlib import Path

here = Path(__file__).parent
names = (here / "functions.txt").read_text().split()
clang = sys.argv[1] if len(sys.argv) > 1 else "clang"
command = [clang, "-x", "c", "-fsyntax-only", "-Xclang", "-ast-dump=json", str(here / "include/CGDAL.h")]
tree = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
found = {node["name"]: node for node in tree["inner"] if node["kind"] == "FunctionDecl" and node["name"] in names}
assert set(found) == set(names), set(names) - set(found)


typedefs = {node["name"]: node["type"] for node in tree["inner"] if node["kind"] == "TypedefDecl"}
enums = {
    node["name"]
    for node in tree["inner"]
    if node["kind"] == "TypedefDecl" and node["inner"][0].get("ownedTagDecl", {}).get("kind") == "EnumDecl"
}


def plain(kind):
    """A type of the same calling convention that needs none of GDAL's headers: what is const changes between its versions."""
    text = kind.get("desugaredQualType", kind["qualType"])
    text = re.sub(r"\b(const|restrict)\b", "", text).strip()
    if "*" in text or "[" in text or "(" in text:
        return "void *"
    if text.startswith("enum ") or text in enums:
        return "int "
    known = {
        "void", "int", "unsigned int", "double", "size_t", "unsigned long", "long", "long long", "unsigned long long", "short",
    }
    assert text in known, text
    return text + " "


lines = [
    "// Every function of GDAL that is used, resolved when it is first called. Made by generate.py from functions.txt.",
    "#include <stddef.h>",
    "",
    '#include "loader.h"',
    "",
    "// Types are those of the calling convention: a pointer is a pointer, whatever it points to.",
    "#define LAZY(result, name, parameters, arguments) \\",
    "  __attribute__((visibility(\"hidden\"))) result name parameters { \\",
    "    static void *place; \\",
    "    void *found = __atomic_load_n(&place, __ATOMIC_ACQUIRE); \\",
    "    if (!found) __atomic_store_n(&place, found = hsi_gdal_function(#name), __ATOMIC_RELEASE); \\",
    "    return ((result(*) parameters)found)arguments; \\",
    "  }",
    "",
]
for name in names:
    node = found[name]
    parameters = [child for child in node.get("inner", []) if child["kind"] == "ParmVarDecl"]
    assert not node.get("variadic"), name
    result = node["type"]["qualType"].split("(")[0].strip()
    returned = plain(typedefs.get(result, {"qualType": result}))
    letters = "abcdefghijklmnopqrstuvwxyz"
    declared = ", ".join(plain(p["type"]) + letters[i] for i, p in enumerate(parameters)) or "void"
    passed = ", ".join(letters[: len(parameters)])
    lines.append(f"LAZY({returned.strip()}, {name}, ({declared}), ({passed}))")
(here / "functions.c").write_text("\n".join(lines) + "\n")
