"""What all tests of the widgets share."""

import pytest


@pytest.fixture(autouse=True)
def colours(monkeypatch: pytest.MonkeyPatch) -> None:
    """With colours, whatever the person who runs the tests prefers."""
    monkeypatch.delenv("NO_COLOR", raising=False)
