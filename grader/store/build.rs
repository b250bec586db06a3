//! Migrations are part of the program: a new one makes it be built anew.

fn main() {
    println!("cargo:rerun-if-changed=migrations");
}
