//! Allocators against closed forms, brute force and a slow model of their own.
