#!/usr/bin/env bash
# Puts the released binary on the runner and says where it is. Nothing is built.
#
# VERSION (a release's tag, else the one of this checkout), REPOSITORY (owner/name of the Action), GH_TOKEN; a binary that
# is there already is named by GRADER_BINARY.
set -euo pipefail

say() { echo "grader=$1" >>"$GITHUB_OUTPUT"; }

if [ -n "${GRADER_BINARY:-}" ]; then
    say "$GRADER_BINARY"
    exit 0
fi

case "$(uname -s)-$(uname -m)" in
    Linux-x86_64) target=x86_64-unknown-linux-gnu ;;
    Linux-aarch64) target=aarch64-unknown-linux-gnu ;;
    *)
        echo "::error title=grader::There is no binary for $(uname -s) on $(uname -m); use a Linux runner."
        exit 2
        ;;
esac

# The Action and its binary are one release: a workflow that pins the Action's commit pins both.
if [ -z "${VERSION:-}" ]; then
    VERSION=v$(sed -n 's/^version = "\([0-9][0-9A-Za-z.+-]*\)"$/\1/p' "$GITHUB_ACTION_PATH/Cargo.toml" | head -n 1)
fi
if ! [[ $VERSION =~ ^v[0-9][0-9A-Za-z.+-]*$ ]]; then
    echo "::error title=grader::The version has to be a release's tag such as v0.1.0."
    exit 2
fi

folder=$RUNNER_TEMP/grader-$VERSION
archive=grader-$target.tar.gz
mkdir -p "$folder"
cd "$folder"
for file in "$archive" SHA256SUMS; do
    curl --fail --silent --show-error --location --proto '=https' --tlsv1.2 --retry 5 --retry-connrefused \
        --output "$file" "${GITHUB_SERVER_URL:-https://github.com}/$REPOSITORY/releases/download/$VERSION/$file"
done
grep -F "  $archive" SHA256SUMS | sha256sum --check --strict --quiet -

# The checksums come from the same place as the archive; where it was built is proved by its attestation.
if command -v gh >/dev/null; then
    gh attestation verify "$archive" --repo "$REPOSITORY" >/dev/null
else
    echo "::notice title=grader::gh is not on this runner, so the binary's provenance was not verified, only its checksum."
fi
tar --extract --gzip --no-same-owner --file "$archive" grader
say "$folder/grader"
