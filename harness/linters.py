"""Gets what checks pipelines of CI systems: actionlint, and the schemas that GitHub's and GitLab's own editors use.

The schemas are published as files of repositories; a package of pip's index ships copies of them.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import zipfile
from pathlib import Path
from typing import Any

from harness.modules import goproxy
from harness.places import HarnessError, cache_folder, fresh_folder, run

_ACTIONLINT = "github.com/rhysd/actionlint/cmd/actionlint@v1.7.12"
_SCHEMAS = "check-jsonschema==0.39.0"
_SCHEMAS_DIGEST = "14ce5c94871c551268ea948ffe21e9f1464dc48fb20bf9a4c13deeaaf756cf9b"


def actionlint() -> Path:
    """Return the program, which is compiled once per machine."""
    folder = cache_folder() / "actionlint"
    with fresh_folder(folder, _ACTIONLINT) as new:
        if new:
            env = {**os.environ, "GOBIN": str(new), "GOPROXY": goproxy(), "GOFLAGS": "-mod=mod", "CGO_ENABLED": "0"}
            run("go", "install", _ACTIONLINT, env=env, cwd=Path("/"))
    return folder / "actionlint"


def schema(name: str) -> dict[str, Any]:
    """Return a schema by its name in the package, such as gitlab-ci."""
    folder = cache_folder() / "pipeline-schemas"
    with fresh_folder(folder, _SCHEMAS) as new:
        if new:
            run(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", new, _SCHEMAS)
    (wheel,) = folder.glob("*.whl")
    if hashlib.sha256(wheel.read_bytes()).hexdigest() != _SCHEMAS_DIGEST:
        raise HarnessError(f"{wheel} is not the file that was looked at")
    with zipfile.ZipFile(wheel) as files:
        found = json.loads(files.read(f"check_jsonschema/builtin_schemas/vendor/{name}.json"))
    assert isinstance(found, dict)
    return found
