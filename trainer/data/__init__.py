"""From a source (a built-in name, a file, a folder of MNIST) to the rows that a network is trained and scored on.

`read` makes a `Table` of a source; `split` sets its test rows apart and divides the others into training and validation
rows (`Splits`); `load` does both and returns a `Draw`, which makes one split after another. Test rows are in no
`Splits` but the one that is asked for by name, `TEST`. What is learned from data (means, standard deviations, what
replaces a missing value, the list of a column's categories) is learned from training rows alone and applied unchanged
to all others.
"""

import lazy_loader

# A source's name is asked for, as when the shell completes it, before numpy is needed.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
