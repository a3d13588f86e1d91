"""What the tests of bytecode in flash share: the loader's folder, and the modules of the image."""

import pytest

import flashed


@pytest.fixture(scope="session")
def lib(mpy_cross, tmp_path_factory):
    return flashed.loader(mpy_cross, tmp_path_factory.mktemp("lib"))


@pytest.fixture(scope="session")
def code(mpy_cross, lib):
    return flashed.modules(mpy_cross, lib)
