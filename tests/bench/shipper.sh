#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Points per second from a ring into each collector on this machine, and the
# agent's CPU time for one, by the shipper as it runs in production, beside the
# Python library into the same collector where it can. Best of three runs.
set -euo pipefail
cd "$(dirname "$0")"

: "${BUILD:?run me by: make bench-shipper}"
points=${BENCH_POINTS:-1000000}
dir=$(mktemp -d)
run=$(mktemp -d /dev/shm/osprofiler-bench-XXXXXX)
agent=
port=
sink=

clean_up() {
	[ -z "$agent" ] || kill "$agent" 2>/dev/null || true
	[ -z "$sink" ] || kill "$sink" 2>/dev/null || true
	../drivers/redis_server.sh stop "$dir"
	[ ! -d "$dir/rabbit" ] || ../drivers/rabbit_server.sh stop "$dir/rabbit"
	[ ! -d "$dir/mariadb" ] || ../drivers/mariadb_server.sh stop "$dir/mariadb"
	[ ! -d "$dir/postgres" ] || ../drivers/postgres_server.sh stop "$dir/postgres"
	[ ! -d "$dir/mongo" ] || ../drivers/standin_server.sh stop "$dir/mongo"
	[ ! -d "$dir/elastic" ] || ../drivers/standin_server.sh stop "$dir/elastic"
	rm -rf "$dir" "$run"
}
trap clean_up EXIT

rate() {
	local label=$1 uri=$2 length=${3:-100} best=0 cpu=999999 line number ticks
	for _ in 1 2 3; do
		rm -rf "$dir/traces.db"* "$dir/points.json"
		[ -z "$port" ] || redis-cli -p "$port" flushall >/dev/null
		"$BUILD/bin/osprofiler" agent --run-directory "$run" \
			--connection-string "$uri" &
		agent=$!
		line=$("$BUILD/tests/bench/bench_producer" "$run" "$points" "$length")
		number=${line%% *}
		ticks=$(($(cpu_ns "$agent") / points))
		[ "$number" -le "$best" ] || best=$number
		[ "$ticks" -ge "$cpu" ] || cpu=$ticks
		kill "$agent"
		wait "$agent" || true
		agent=
	done
	printf '%-20s %9d points/s  %6d ns of agent CPU a point\n' "$label" "$best" "$cpu"
}

# The processor time of a process, in nanoseconds.
cpu_ns() {
	echo $((($(cut -d ' ' -f 14,15 "/proc/$1/stat" | tr ' ' +)) * 1000000000 / $(getconf CLK_TCK)))
}

# What RabbitMQ takes from its own client library, and what that costs it.
bound() {
	local broker before most
	broker=$(tr -d '[:space:]' <"$dir/rabbit/pid")
	before=$(cpu_ns "$broker")
	most=$("$BUILD/tests/bench/rabbit_bound" "$rabbit" "$points" ${2:+"$2"})
	printf '%-20s %9d points/s  %6d ns of RabbitMQ'"'"'s CPU a point\n' "$1" "$most" \
		$((($(cpu_ns "$broker") - before) / points))
}

echo "== shipper: ring to collector"
rate file "file://$dir/points.json"
rate sqlite "sqlite:///$dir/traces.db"

# Into a server that takes everything; a real one is busy with its own work.
coproc SINK { "$BUILD/tests/bench/http_sink"; }
sink=$SINK_PID
read -r sink_port <&"${SINK[0]}"
rate elasticsearch "elasticsearch://127.0.0.1:$sink_port"
rate otlp "otlp://127.0.0.1:$sink_port"
rate "otlp, not compressed" "otlp://127.0.0.1:$sink_port?compression=none"
port=$(../drivers/redis_server.sh start "$dir")
rate redis "redis://127.0.0.1:$port"
rate "redis, short traces" "redis://127.0.0.1:$port" 10
if /usr/bin/python3 -c 'import osprofiler, redis' 2>/dev/null; then
	printf '%-20s %9d points/s\n' "Python into redis" \
		"$(/usr/bin/python3 ./shipper_python.py "redis://127.0.0.1:$port")"
fi
port=

mkdir "$dir/postgres"
chmod 755 "$dir"
postgres=$(../drivers/postgres_server.sh start "$dir/postgres")
rate postgresql "postgresql://postgres@127.0.0.1:$postgres/postgres"
if /usr/bin/python3 -c 'import osprofiler, sqlalchemy, psycopg2' 2>/dev/null; then
	printf '%-20s %9d points/s\n' "Python, postgresql" \
		"$(/usr/bin/python3 ./shipper_python.py \
			"postgresql+psycopg2://postgres@127.0.0.1:$postgres/postgres")"
fi

if [ -x /usr/sbin/mariadbd ]; then
	mkdir "$dir/mariadb"
	mariadb=$(../drivers/mariadb_server.sh start "$dir/mariadb")
	rate mysql "mysql://osp@127.0.0.1:$mariadb/test"
	if /usr/bin/python3 -c 'import osprofiler, sqlalchemy, pymysql' 2>/dev/null; then
		printf '%-20s %9d points/s\n' "Python, mysql" \
			"$(/usr/bin/python3 ./shipper_python.py \
				"mysql+pymysql://osp@127.0.0.1:$mariadb/test")"
	fi
fi

# Into the stand-in of the tests, a program in Python that keeps the documents.
mkdir "$dir/elastic"
elastic=$(../drivers/standin_server.sh start "$dir/elastic" elastic_standin.py)
points=$((points / 4))
rate "elasticsearch, kept" "elasticsearch://127.0.0.1:$elastic"
points=$((points * 4))
if /usr/bin/python3 -c 'import osprofiler, elasticsearch' 2>/dev/null; then
	printf '%-20s %9d points/s\n' "Python, elasticsearch" \
		"$(/usr/bin/python3 -W ignore ./shipper_python.py "elasticsearch://127.0.0.1:$elastic")"
fi
../drivers/standin_server.sh stop "$dir/elastic"

if [ -e "$BUILD/drivers/mongodb.so" ]; then
	mkdir "$dir/mongo"
	mongo=$(../drivers/standin_server.sh start "$dir/mongo" mongo_standin.py)
	points=$((points / 4))
	rate "mongodb, stand-in" "mongodb://127.0.0.1:$mongo"
	points=$((points * 4))
	printf '%-20s %9d points/s\n' "Python, mongodb" \
		"$(/usr/bin/python3 -W ignore ./shipper_python.py "mongodb://127.0.0.1:$mongo")"
	../drivers/standin_server.sh stop "$dir/mongo"
fi

# A message that nobody takes stays: the queue grows from run to run.
if [ -x /usr/lib/rabbitmq/bin/rabbitmq-server ]; then
	mkdir "$dir/rabbit"
	rabbit=$(../drivers/rabbit_server.sh start "$dir/rabbit")
	points=$((points / 4))
	rate messaging "messaging://127.0.0.1:$rabbit"
	rate "messaging, durable" "messaging://127.0.0.1:$rabbit?durable=1&topic=kept&exchange=kept"
	bound "librabbitmq's loop"
	bound "the same, durable" durable
	if /usr/bin/python3 -c 'import osprofiler, oslo_messaging' 2>/dev/null; then
		printf '%-20s %9d points/s\n' "Python, messaging" \
			"$(/usr/bin/python3 ./shipper_python.py messaging:// \
				"rabbit://guest:guest@127.0.0.1:$rabbit/")"
	fi
fi
