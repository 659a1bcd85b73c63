//! The pool's address map and HBM channel timing
