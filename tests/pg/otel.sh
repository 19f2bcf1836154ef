#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# otel.sh
#	  A service in Node.js with OpenTelemetry's own SDK, PostgreSQL and an
#	  OpenTelemetry Collector: t/218_otel.pl, with nothing left out.
#
# OSPROFILER_OTELCOL names the Collector's program; without it a receiver of OTLP
# stands in, which decodes with a protobuf library (tests/drivers/otlp_collector.c).
# The packages of npm are kept in OSP_NODE, outside the tree.

set -euo pipefail
cd "$(dirname "$0")"

: "${BUILD:=$(cd ../.. && pwd)/build}"
: "${OSP_NODE:=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/osprofiler/node}"
packages=(pg @opentelemetry/{api,exporter-trace-otlp-proto,instrumentation}
	@opentelemetry/{instrumentation-pg,resources,sdk-trace-base,sdk-trace-node})

if [ -z "${OSPROFILER_OTELCOL:-}" ]; then
	make -s -C ../drivers BUILD="$BUILD" "$BUILD/tests/drivers/otlp_collector"
	export OSPROFILER_OTELCOL=$BUILD/tests/drivers/otlp_collector
fi
mkdir -p "$OSP_NODE"
[ -d "$OSP_NODE/node_modules/pg" ] ||
	npm install --silent --no-audit --no-fund --prefix "$OSP_NODE" "${packages[@]}"

# The test runs as another user, whom root's cache may be closed to.
modules=$(mktemp -d "${TMPDIR:-/tmp}/osprofiler-node.XXXXXX")
trap 'rm -rf "$modules"' EXIT
cp -r "$OSP_NODE/node_modules" "$modules/"
chmod -R a+rX "$modules"
NODE_PATH=$modules/node_modules ./run 218_otel.pl
