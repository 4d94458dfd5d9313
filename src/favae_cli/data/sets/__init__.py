"""The data sets, one module each, called as `data.name` is; each has a function `load`."""
