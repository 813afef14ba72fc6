"""The peers are installed in an environment of their own; elsewhere this folder has no tests."""

import importlib.util
import warnings

if importlib.util.find_spec("vectorbt") is None:
    collect_ignore_glob = ["test_*.py"]
else:
    # Warnings are errors in our own code; what the peers' imports warn about is not ours to fix.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import backtesting  # noqa: F401
        import bt  # noqa: F401
        import vectorbt  # noqa: F401
