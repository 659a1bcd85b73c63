//! Clock domains, crossings and the wake wheel
