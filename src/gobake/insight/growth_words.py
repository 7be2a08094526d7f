"""What grew, in words: for gates, reports and `gobake size`."""

from __future__ import annotations

from gobake.checkout.requirements import Requirement
from gobake.insight.growth import Grown, Growth, LayerGrowth
from gobake.text.amounts import more_text, size_text

UNKNOWN = "what grew is unknown: the modules and layers of one of them are on no record"


def module_name(module: str) -> str:
    """The module as it is shown."""
    return {"": "(no module)", "std": "standard library"}.get(module, module)


def module_words(module: Growth) -> str:
    """A module that grew, with its versions and its package that grew most."""
    words = f"{module_name(module.module)}: {size_text(module.bytes)} more"
    if not module.before and not module.version:
        pass
    elif not module.before:
        words += f", new in {module.version}"
    elif module.before != module.version:
        words += f", {module.before} → {module.version}"
    package = next((name for name, size in module.packages if size > 0), "")
    words += f", in {package}" if package and package != module.module else ""
    return words + (f" ({source_words(module.source)})" if module.source else "")


def source_words(source: Requirement) -> str:
    """`go.mod:12, 3f2a9c1e 2026-11-24 Log better`."""
    commit = " ".join(filter(None, (source.commit, source.date, source.subject)))
    return f"{source.file}:{source.line}, {commit or f'commit unknown: {source.unknown}'}"


def culprit_words(change: Grown) -> str:
    """What did it: a module if the program explains the growth, else a layer; "" if nothing is known to have grown."""
    culprit, layer = change.culprit, change.layer
    program = sum(module.bytes for module in change.modules)
    if layer and (culprit is None or not culprit.module or layer.bytes > max(program, 0)):
        return layer_words(layer)
    words = module_words(culprit) if culprit else ""
    following = change.following
    return words + (f", and {module_name(following.module)}: {size_text(following.bytes)} more" if following else "")


def layer_words(layer: LayerGrowth) -> str:
    return f"the layer {layer.instruction or 'without an instruction'}: {size_text(layer.bytes)} more"


def growth_words(change: Grown) -> str:
    """`+412 kB, +9.1 %`; a share of less than 0.1 % is left out."""
    share = abs(change.share) * 100
    sign = "-" if change.bytes < 0 else "+"
    return more_text(change.bytes) + (f", {sign}{share:.1f} %" if share >= 0.1 else "")
