"""From a model file's expressions to the flat program.

:func:`lower` is the only entrance. One module an idea: ``subscripts`` and ``scope`` say what a name means;
``lowering`` walks the expressions; ``functions`` is the table of functions that a modeller may call, made up of
``events``, ``arrays``, ``delays``, ``randoms`` and ``tables``.
"""

from cluster_sd.program.lower.lowering import lower

__all__ = ["lower"]
