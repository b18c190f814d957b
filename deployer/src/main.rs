//! The deployer.
fn main() {}
