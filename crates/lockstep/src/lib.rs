//! Lockstep: a cycle-accurate emulator of supernode fabrics
