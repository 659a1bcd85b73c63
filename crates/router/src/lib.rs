//! Flit-level virtual-channel routers and network interfaces
