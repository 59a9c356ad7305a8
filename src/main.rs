//! The `rolefit` command: hands the arguments to the library and exits with its code.

fn main() -> std::process::ExitCode {
    rolefit::cli::run()
}
