# The same as `cargo xtask …`, for those who like recipes: `just --list`.

_default:
    @just --list --unsorted

# Find or start a Docker engine and make the base images; `just setup --all` makes every stand-in
[group('machine')]
setup *args:
    cargo xtask setup {{ args }}

# Stop the engine that setup started
[group('machine')]
down:
    cargo xtask down

# Grade the bundled FastAPI submission from a git URL
[group('try')]
demo:
    cargo xtask demo

# Grade any submission: `just grade URL --out out/one`
[group('try')]
grade source *args:
    cargo run --quiet --package grader -- grade {{ source }} {{ args }}

# Set up and run every test and check
[group('check')]
test:
    cargo xtask test

# Check the rules that the compiler does not know
[group('check')]
tidy:
    cargo xtask tidy

# What the pipeline of this repository runs
[group('check')]
ci:
    .ci/run

# Format the code
[group('check')]
fmt:
    cargo fmt --all

# Accept golden files as they come out now; read the difference before committing it
[group('check')]
bless *args:
    cargo xtask bless {{ args }}

# Grade every submission with known truth: `just accuracy --only '*/good' --rounds 10`
[group('measure')]
accuracy *args:
    cargo xtask bench accuracy {{ args }}

# How fast a stack comes up and goes, beside compose and by hand: `just bringup --rounds 5`
[group('measure')]
bringup *args:
    cargo xtask bench bringup {{ args }}

# Try the readers of hostile text for an hour: `just fuzz --minutes 60`
[group('measure')]
fuzz *args:
    cargo xtask fuzz {{ args }}

# Two hundred rounds of a small stack, and a kill in every sort of engine call
[group('measure')]
soak *args:
    cargo xtask soak {{ args }}
