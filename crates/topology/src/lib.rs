//! Machines described in RON, elaborated into nodes, routers, links and routes.

pub mod routing;
pub mod spec;
