"""What the assistant may call; knows nothing of audio or of the wire."""

from tools.context import ToolContext, ToolError
from tools.loading import ToolLoadError
from tools.spec import Tool, ToolDefinitionError, ToolSpec, tool
from tools.toolbox import Result, Toolbox

__all__ = [
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
