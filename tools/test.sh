#!/usr/bin/env bash
# Builds everything and runs the tests; options go to ctest (tools/test.sh -L unit).
# shellcheck source=tools/lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

cd -- "$root"
clean_up_at_exit
tools/setup.sh
forget_other_servers
build all

# The tests' servers and files all go here, so that none outlives an interrupted run.
make_work_directory
export TMPDIR=$work
run ctest --test-dir build --output-on-failure --no-tests=error --parallel "$(nproc)" "$@"
