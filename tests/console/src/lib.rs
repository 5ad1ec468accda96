//! Nothing: the test is in `tests`. The package is one of its own since nothing else needs a gRPC client.
