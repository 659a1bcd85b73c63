//! The supernode: banks of models joined by wires, stepped in lockstep
