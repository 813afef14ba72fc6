"""What the code says about itself, read without importing it: routes, ports, pools."""

import ast
import re
from pathlib import Path

_METHODS = ("get", "post", "delete", "put", "route")


def web_routes(root: Path) -> set[str]:
    """The paths of all routes that web's decorators name."""
    files = sorted((root / "web").rglob("*.py"))
    return {path for file in files for path in _routes_of(ast.parse(file.read_text(encoding="utf-8")))}


def _routes_of(tree: ast.Module) -> set[str]:
    decorators = [
        decorator
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef)
        for decorator in node.decorator_list
        if isinstance(decorator, ast.Call) and isinstance(decorator.func, ast.Attribute)
    ]
    return {
        call.args[0].value
        for call in decorators
        if isinstance(call.func, ast.Attribute) and call.func.attr in _METHODS and call.args
        if isinstance(call.args[0], ast.Constant) and isinstance(call.args[0].value, str)
    }


def constant(root: Path, file: str, name: str) -> int:
    """The whole number that `file` assigns to `name` at its top level; LookupError when it assigns none."""
    for node in ast.parse((root / file).read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and name in [ast.unparse(target) for target in node.targets]:
            return int(ast.literal_eval(node.value))
    raise LookupError(f"{file} assigns no whole number to {name}")


def metric_names(root: Path) -> set[str]:
    """The metrics that web's /metrics exposes."""
    source = (root / "web/health.py").read_text(encoding="utf-8")
    return set(re.findall(r'MetricFamily\(\s*"(\w+)"', source))
