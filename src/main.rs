//! The `rolefit` command: hands the arguments to the library and exits with its code.

#[global_allocator]
static MEMORY: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    rolefit::cli::run()
}
