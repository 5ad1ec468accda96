//! Nothing: the tests are in `tests`. The package is one of its own since nothing else needs these libraries.
