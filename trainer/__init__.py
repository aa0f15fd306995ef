"""The NumPy multilayer perceptron: how good is a setting? Many settings at once.

>>> import trainer
>>> curves = trainer.train_population(
...     X, y, X_validation, y_validation, settings=[{"learning_rate": 0.1}, {"learning_rate": 0.01}]
... )
>>> curves["validation_accuracy"]  # (epochs, settings)

`train_population` trains one network for each setting; `MLPClassifier` and `MLPRegressor` are one network by
scikit-learn's conventions; a search trains through `fit.fit`. All of them run the same few steps, described here in the
order in which data flow. It is enough to read this page before the modules.

**Notation.** K trials in a stack, B rows in a minibatch, I and O units in and out of a layer, C classes, E epochs, N
rows, P numbers that one trial learns. Activations are (K, B, O), weights (K, I, O), biases (K, 1, O), and what each
trial has its own of, such as its learning rate, is (K, 1, 1). `a W` is a matrix product for each of the K: K products
of BLAS, one after the other. So a stack is K ordinary networks side by side, and every formula is the textbook's.

**Why stacks.** A small network's step is a few small products and some thirty calls of NumPy, and the calls take
longer than the products. A stack of 25 makes the same thirty calls for 25 networks. What may differ between the
trials of a stack is what changes the shape of no array: learning rate, weight decay, momentum, dropout, first weights
… (`fields`).

**Rows** (`data`, `checks`). A source becomes training, validation and test rows. A column's mean and deviation are
computed from training rows alone, and applied unchanged to the others.

**First weights** (`initializers`). One draw (I, O) for each layer, times each trial's own standard deviation; biases
are 0. All trials share the draw, the order of minibatches and the noise of dropout, so they differ by their settings
only.

**Forward** (`network`, `layers`). A minibatch X (B, I) is the same for all trials. Each layer, in turn:

    z = a W + b          (K, B, O)    the first layer's a is X; its product with each W (I, O) gives the leading K
    z = γ ẑ + β          (K, B, O)    only with batch normalization: ẑ has mean 0 and variance 1 over the B rows
    a = f(z)             (K, B, O)    hidden layers: relu, tanh, …
    a = a · mask         (K, B, O)    only with dropout: 0 with probability p, else 1 / (1 − p)

The last layer's z are the outputs (K, B, C), called logits.

**Loss** (`losses`). It replaces the outputs by their gradient; for classes ∂L/∂z = (softmax(z) − one-hot) / B. Here,
where the gradient is smallest, it is multiplied by the trial's learning rate, if the optimizer is linear in it: all
that follows is linear too, so that the result at the weights is η ∂L/∂W already, and P multiplications by η are saved.

**Backward** (`network`). The layers in reverse, each from the ∂L/∂z (K, B, O) of its own outputs:

    ∂L/∂W = aᵀ ∂L/∂z     (K, I, O)
    ∂L/∂b = Σ ∂L/∂z      (K, 1, O)    over the B rows
    ∂L/∂a = ∂L/∂z Wᵀ     (K, B, I)    for the layer before; not for the first
    ∂L/∂z = ∂L/∂a · f′   (K, B, I)    of the layer before: through its dropout, its f and its batch normalization

**Update** (`optimizers`, `schedules`, `pieces`). All parameters of a trial lie in one row of theta (K, P), and their
gradients in an array like it. So the update is a few passes over whole arrays, whatever the number of layers: long
gradients are clipped, weight decay and L1 are added to them (of weights only), and θ changes.

**Epochs** (`stack`, `fit`). The rows in a fresh order, B at a time; the last minibatch may be short. B = N is
gradient descent on the whole batch, B = 1 on one row at a time. Then training and validation rows are scored
(`metrics`): dropout off, batch normalization by its running statistics. A trial whose loss or parameters are no longer
finite leaves the stack.

**What holds.** A trial's results are the same to the last bit whether it is trained alone or in any stack: every
product and every sum runs inside one trial, everything else is elementwise, and no draw has K in its shape. All passes
write into arrays that are allocated once, aligned to cache lines (`arrays`). `population` chooses how many trials make
a stack, by the network's size alone, and trains stacks side by side, in processes of their own (`workers`) where that
is faster.
"""

import lazy_loader

# scikit-learn, which the estimators need, takes a second to import: not before somebody asks for one.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
