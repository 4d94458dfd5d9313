"""The one door to torchvision, open also where its compiled operators do not fit the installed torch."""

from __future__ import annotations

import importlib
import sys
from types import ModuleType

FAKES = "torchvision._meta_registrations"


def torchvision() -> ModuleType:
    """Import torchvision; afterwards its submodules import as usual.

    Beside a CPU-only torch the compiled operators of PyPI's torchvision do not load, and the module that
    declares fake versions of them raises. Transforms, datasets and utils need none of these operators, so an
    empty module takes its place, but only once the real import has failed for that reason.

    Raises:
        RuntimeError: the import failed for another reason than a missing operator.
    """
    try:
        return importlib.import_module("torchvision")
    except RuntimeError as error:
        if "operator torchvision::" not in str(error):
            raise
    for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
        del sys.modules[name]  # the failed import leaves halves behind
    sys.modules[FAKES] = ModuleType(FAKES)
    return importlib.import_module("torchvision")
