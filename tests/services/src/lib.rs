//! Small real programs that stop wrongly (feature `faulty`) or rightly.
