#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# core_launch.sh COMMAND...
#	  Runs a client program of PostgreSQL's own tests with a trace of its own,
#	  which its sessions get by start-up options; for pg_regress --launcher.
#
# Environment: CORE_TRACES, a file that gets a line "<base id> <test>"; CORE_KEY.

set -euo pipefail

read -r base </proc/sys/kernel/random/uuid
test=$(readlink "/proc/$$/fd/0")
echo "$base $(basename "$test")" >>"$CORE_TRACES"
eval "$(osprofiler context new --hmac-key "$CORE_KEY" --base-id "$base" \
	--format env)"
export PGOPTIONS="${PGOPTIONS:-} -c osprofiler.trace_info=$OSPROFILER_TRACE_INFO \
-c osprofiler.trace_hmac=$OSPROFILER_TRACE_HMAC"
unset OSPROFILER_TRACE_INFO OSPROFILER_TRACE_HMAC
exec "$@"
