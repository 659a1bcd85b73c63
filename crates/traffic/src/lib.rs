//! Memory traces: native formats, importers, descriptions
