#!/usr/bin/env bash
# Makes the example reports: the good FastAPI submission as it is, the Express one with some planted defects together
# (middling), the FastAPI one with many (poor). Needs a built `grader` (first argument, target/debug/grader by default) and
# an engine that runs: docs/examples/make.sh [GRADER [good|middling|poor]…]
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
grader=$(realpath "${1:-$root/target/debug/grader}")
submissions=$root/fixtures/submissions
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1
export GIT_AUTHOR_NAME='A. Candidate' GIT_AUTHOR_EMAIL='candidate@example.com'
export GIT_COMMITTER_NAME=$GIT_AUTHOR_NAME GIT_COMMITTER_EMAIL=$GIT_AUTHOR_EMAIL
export GIT_AUTHOR_DATE='@1794800000 +0000' GIT_COMMITTER_DATE='@1794800000 +0000'

# submission NAME SOURCE DEFECT…: a repository called NAME with all of these defects
submission() {
  local name=$1 source=$2 defect
  shift 2
  bash "$submissions/$source/history.sh" "$work/$name" >/dev/null
  for defect in "$@"; do
    git -C "$work/$name" apply --index --3way "$submissions/$source/defects/$defect.patch" 2>/dev/null
    git -C "$work/$name" commit --quiet --message "Change ${defect//-/ }"
  done
}

# report NAME: grades it and keeps what people read
report() {
  # Below a threshold or not, a report is a report.
  (cd "$work" && "$grader" grade "./$1" --seed 1 --out "out-$1" >/dev/null) || [ $? -eq 1 ]
  mkdir -p "$here/$1"
  cp "$work/out-$1"/report.{html,md,json} "$here/$1/"
  # Where it was graded on this machine says nothing.
  sed -i "s#$work/##g" "$here/$1"/report.*
}

submission good fastapi-bookstore

submission middling express-bookstore doc-decisions org-lint api-filtering db-foreign-key-indexes db-timestamps \
  auth-rate-limit-retry-after error-validation-details error-media-type error-extremes org-size org-hygiene \
  auth-password-policy auth-password-salt db-n-plus-one db-transactions db-query-plans api-conditional doc-api error-leaks \
  org-container test-assertions

submission poor fastapi-bookstore auth-rate-limit auth-password-storage auth-object-access db-money-type \
  db-foreign-keys db-checks api-order-total api-pagination-complete api-pagination-size error-no-5xx error-stock \
  error-malformed-json org-configuration org-container org-duplication org-layers-business-step org-hygiene \
  test-automation auth-enumeration auth-password-exposure db-oversell db-n-plus-one db-persistence \
  error-dependency-down error-shutdown error-logging org-lint
# Only small parts have tests, the README stops early, and everything is in one commit.
git -C "$work/poor" rm -r --quiet tests/http tests/test_migrations.py
awk '/^## Settings/ { exit } { print }' "$work/poor/README.md" >"$work/README.md"
mv "$work/README.md" "$work/poor/README.md"
bash "$submissions/fastapi-bookstore/defects/org-history.sh" "$work/poor"

names=("${@:2}")
[ $# -gt 1 ] || names=(good middling poor)
for name in "${names[@]}"; do
  report "$name"
done
