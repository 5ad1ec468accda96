//! The leak gate.

fn main() {}
