"""Start one of the kit's child programs: ``python -I -S boot.py MODULE [ARG…]`` runs ``tests.kit.MODULE.main()``.

The isolated interpreter knows neither the repository nor site-packages, so that a child is as small,
and as much the same everywhere, as a Python process can be.
"""

import sys
from importlib import import_module
from pathlib import Path


def command(module: str, *arguments: str | bytes) -> list[str | bytes]:
    """The command line that starts one of the kit's child programs.

    Args:
        module: Its module's name inside ``tests.kit``.
        arguments: What it finds in ``sys.argv[1:]``; any bytes but NUL.

    Returns:
        An argument list for `subprocess.Popen` or `os.execv`.
    """
    return [sys.executable, "-I", "-S", __file__, module, *arguments]


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    del sys.argv[0]
    import_module(f"tests.kit.{sys.argv[0]}").main()
