//! A commit reaches a branch, the image is built, and the service runs it.
