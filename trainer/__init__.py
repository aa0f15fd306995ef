"""The NumPy multilayer perceptron: how good is a setting?

A population of K networks of one shape is trained in lock-step as stacked arrays. In the order data flows:
`data` reads a source and sets rows apart, `initializers` draws first weights, `network` runs forward and
backward through `layers` and `losses`, `optimizers` steps, `metrics` scores, `fit` turns that into epochs.

Notation, used in every module: K trials in a population, B rows in a minibatch, I and O units in and out of a
layer, C classes, E epochs, N rows, P numbers in one network (all weights and biases).
"""
