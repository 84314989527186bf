"""Fixtures for pytest that give a kit for tests. A suite that does not import this module pays nothing for it.

In ``conftest.py``::

    from credkit.testing.fixtures import async_credkit_world, credkit_world  # noqa: F401
"""

from __future__ import annotations

import pytest

from credkit.testing.kits import AsyncTestWorld, TestWorld, async_kit_for_tests, kit_for_tests

__all__ = ["async_credkit_world", "credkit_world"]


@pytest.fixture
def credkit_world() -> TestWorld:
    """Return a blocking kit over in-memory stores, new for each test: `.kit`, `.inbox`, `.clock`, `.add`, `.using`."""
    return kit_for_tests()


@pytest.fixture
def async_credkit_world() -> AsyncTestWorld:
    """Return an async kit over in-memory stores, new for each test. It opens nothing until it is used, so any plugin for async tests will do."""
    return async_kit_for_tests()
