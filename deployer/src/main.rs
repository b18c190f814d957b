//! The program `deployer`, with the table in [`deployer::pipeline`].

fn main() -> std::process::ExitCode {
    deployer::main(deployer::pipeline::pipeline)
}
