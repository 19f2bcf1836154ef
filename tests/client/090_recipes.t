#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# 090_recipes.t
#	  The programs of docs/recipes.md, as they stand there: the statement of each
#	  hangs below the operation of its caller. Also through PgBouncer, where clients
#	  share a connection.

use strict;
use warnings;
use lib '.';
use ClientTest;
use JSON::PP ();
use Test::More;
use Time::HiRes qw(time);

need_extension();
start_server(<<"END");
session_preload_libraries = 'osprofiler'
osprofiler.points = 'statement'
osprofiler.hmac_keys = '$key'
osprofiler.agent = '$osprofiler'
osprofiler.connection_string = '$ENV{OSPROFILER_CONNECTION_STRING}'
END
local $ENV{OSPROFILER_HMAC_KEYS} = $key;
$ENV{PATH} = ($osprofiler =~ s{/osprofiler$}{}r) . ":$ENV{PATH}";

my $recipes = slurp("$here/../../docs/recipes.md");

# The block of code of that language.
sub block
{
	my ($language) = @_;
	my ($text) = $recipes =~ /^```\Q$language\E\n(.*?)^```$/ms;

	ok($text, "$language: has a recipe");
	return write_file("$dir/recipe.$language", $text // '');
}

my $traces = 0;

# A new trace, as the environment of a CGI program.
sub new_caller
{
	my $id = sprintf '00000000-0000-4000-8000-%012d', ++$traces;
	my (undef, $headers) = run($osprofiler, 'context', 'new', '--base-id', $id);

	return ($id,
		HTTP_X_TRACE_INFO => $headers =~ /X-Trace-Info: (.*)/,
		HTTP_X_TRACE_HMAC => $headers =~ /X-Trace-HMAC: (.*)/);
}

# The server's statements in a trace, once there are so many.
sub statements
{
	my ($id, $count) = @_;
	my $end = time + 15;
	my @found;

	while (time < $end && @found < $count)
	{
		my (undef, $json) = run($osprofiler, 'trace', 'show', '--json', $id);
		@found = map { $_->{info}{'meta.raw_payload.pg-start'}{info}{db}{statement} // '?' }
		  @{ JSON::PP->new->decode($json || '{}')->{children} // [] };
	}
	return \@found;
}

foreach my $recipe (
	[ 'python', 'SELECT 40::int + 2', '/usr/bin/python3' ],
	[ 'php', 'SELECT $1::int + 2', 'php' ],
	[ 'ruby', 'SELECT $1::int + 2', 'ruby' ],
	[ 'perl', 'SELECT $1::int + 2', $^X ])
{
	my ($language, $sql, @command) = @$recipe;
	my $program = block($language);
	my ($id, %environment) = new_caller();

	local @ENV{ keys %environment } = values %environment;
	is_deeply([ run(@command, $program) ], [ 0, "42\n", '' ], "$language: runs");
	is_deeply(statements($id, 1), [$sql], "$language: its statement is in the trace");

	# What is no context is left out: nothing of it becomes a part of the statement.
	foreach my $bad ("x'*/; DROP TABLE t; --", "$environment{HTTP_X_TRACE_INFO}\n", '')
	{
		local $ENV{HTTP_X_TRACE_INFO} = $bad;
		is_deeply([ run(@command, $program) ], [ 0, "42\n", '' ], "$language: runs without");
	}
	is(scalar @{ statements($id, 1) }, 1, "$language: nothing more in the trace");
}

{
	my $program = block('sh');
	my ($id) = new_caller();

	local $ENV{TRACE_ID} = $id;
	is_deeply([ run('sh', '-c', "cd '$dir' && . '$program'") ], [ 0, "42\n", '' ], 'psql: runs');
	is_deeply(statements($id, 1), ['SELECT 40 + 2'], 'psql: its statement is in the trace');
}

if (need_program('pgbouncer', 'test', '-x', '/usr/sbin/pgbouncer'))
{
	my $port = 20000 + $$ % 10000;
	my $ini = slurp(block('ini')) =~
	  s{^\* = host=\S+}{* = host=$ENV{PGHOST} user=$ENV{PGUSER} pool_size=1}mr;

	write_file("$dir/bouncer.ini", <<"END");
$ini
listen_addr =
unix_socket_dir = $dir
listen_port = $port
auth_type = any
max_db_connections = 1
END
	my $pid = fork // die "fork: $!";
	if ($pid == 0)
	{
		open STDOUT, '>', "$dir/bouncer.log";
		open STDERR, '>&', \*STDOUT;
		exec '/usr/sbin/pgbouncer', '-q', "$dir/bouncer.ini";
	}
	wait_for('pgbouncer: is up', sub { -S "$dir/.s.PGSQL.$port" });
	local @ENV{qw(PGHOST PGPORT)} = ($dir, $port);
	my $program = block('perl');
	my %trace;

	foreach (1 .. 3)
	{
		my ($id, %environment) = new_caller();

		local @ENV{ keys %environment } = values %environment;
		is_deeply([ run($^X, $program) ], [ 0, "42\n", '' ], 'pgbouncer: runs');
		$trace{$id} = 1;
		my ($local, %context) = new_caller();
		run('psql', '-XqAt', '-c', "BEGIN; SET LOCAL osprofiler.trace_info = '"
			  . "$context{HTTP_X_TRACE_INFO}'; SET LOCAL osprofiler.trace_hmac = '"
			  . "$context{HTTP_X_TRACE_HMAC}'; SELECT 'local'; COMMIT");
		run('psql', '-XqAt', '-c', 'SELECT 3');
		is_deeply(statements($local, 2), [ "SELECT 'local'", 'COMMIT' ],
			'pgbouncer: SET LOCAL ends with its transaction');
	}
	is_deeply(statements($_, 1), ['SELECT $1::int + 2'], 'pgbouncer: a trace of its own')
	  foreach sort keys %trace;

	# The only connection that there is, as the next client finds it.
	my $settings = sub {
		return (run('psql', '-XqAtc', "SELECT pg_backend_pid(), string_agg(name || '=' || setting, ' ' "
				  . "ORDER BY name) FROM pg_settings WHERE name LIKE 'osprofiler.%' "
				  . "OR name = 'search_path' OR source = 'session'"))[1];
	};
	my $before = $settings->();
	like($before, qr/osprofiler\.untraced=off/, 'pgbouncer: clients are traced');
	foreach my $command (
		[ 'trace', 'show', '--server', '', (sort keys %trace)[0] ],
		[ 'trace', 'show', '--server', '', 'ffffffff-0000-4000-8000-000000000000' ],
		[ 'trace', 'list', '--server', '' ],
		[ 'status', '--server', '' ],
		[ 'doctor', "host=$dir port=$port" ],
		[ 'doctor', '--hmac-key', 'unknown', "host=$dir port=$port" ])
	{
		my ($status, undef, $err) = run($osprofiler, @$command);

		is($settings->(), $before, "pgbouncer: @$command: leaves the connection as it was");
	}
	my ($next, %environment) = new_caller();
	local @ENV{ keys %environment } = values %environment;
	is_deeply([ run($^X, $program) ], [ 0, "42\n", '' ], 'pgbouncer: the next client runs');
	is_deeply(statements($next, 1), ['SELECT $1::int + 2'], 'pgbouncer: and is traced');
	kill 'TERM', $pid;
	waitpid $pid, 0;
}

done_testing();
