"""Doors: gradient checks under the names and signatures that other libraries have for theirs.

``chainrule.compat.torch.gradcheck`` and ``gradgradcheck``, ``chainrule.compat.scipy.check_grad``,
``chainrule.compat.jax.check_grads``: change the import, and a failure names the entry and why.
"""
