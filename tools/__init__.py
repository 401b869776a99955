"""What the assistant may call; knows nothing of audio or of the wire."""

from tools.context import ArgumentsError, Image, ToolContext, ToolError
from tools.loading import ToolLoadError
from tools.policy import Policy
from tools.result import Result
from tools.spec import AnyTool, Tool, ToolDefinitionError, ToolSpec, tool
from tools.toolbox import Toolbox

__all__ = [
    "AnyTool",
    "ArgumentsError",
    "Image",
    "Policy",
    "Result",
    "Tool",
    "ToolContext",
    "ToolDefinitionError",
    "ToolError",
    "ToolLoadError",
    "ToolSpec",
    "Toolbox",
    "tool",
]
