//! Directory coherence as pure transition tables, caches, homes and checkers
