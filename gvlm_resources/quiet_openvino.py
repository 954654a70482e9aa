"""OpenVINO without its telemetry: `from gvlm_resources.quiet_openvino import openvino`.

`import openvino` reports the import to Google Analytics, unasked, from a process that it forks. Where the package that
does so cannot be imported, OpenVINO uses a stub of its own. A module that is None in `sys.modules` cannot be imported.
"""

import sys

sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]

import openvino  # noqa: E402

__all__ = ["openvino"]
