"""Trunkline's server: the call, its legs, and what watches them."""

import os

# onnxruntime tells its maker over the network that it is used, unless this is set before it is
# loaded. A gateway that a user runs without a network, or with secrets, must not do that.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
