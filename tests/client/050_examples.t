#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# 050_examples.t
#	  The examples of docs/: a CGI program in the middle of a trace, and a Python
#	  service that traces itself with OSProfiler.

use strict;
use warnings;
use lib '.';
use ClientTest;
use Test::More;

my $build = $ENV{BUILD} // "$here/../../build";
my $examples = "$here/../../docs/examples";
my $db = "sqlite:///$dir/traces.db";

start_server();
run('psql', '-Xqc', 'create table purchase (id int)');
$ENV{LD_LIBRARY_PATH} = join ':', "$build/common", "$build/client_hooks",
  $ENV{LD_LIBRARY_PATH} // ();
local $ENV{OSPROFILER_HMAC_KEYS} = $key;

# --- the CGI program ----------------------------------------------------------

{
	chomp(my $flags = `pkg-config --cflags libpq`);
	my ($status, $out, $err) = run('cc', '-Wall', '-Wextra', '-Werror',
		'-D_GNU_SOURCE', '-o', "$dir/report.cgi", "$examples/sales_report.c",
		"-I$here/../../common/include", split(' ', $flags), "-L$build/common",
		'-losprofiler', "-L$build/client_hooks", '-losprofiler_pq', '-lpq');
	is("$status|$err", '0|', 'sales_report.c compiles');

	my (undef, $headers) = run($osprofiler, 'context', 'new', '--base-id', 'of-the-caller');
	my ($info) = $headers =~ /X-Trace-Info: (.*)/;
	my ($hmac) = $headers =~ /X-Trace-HMAC: (.*)/;
	{
		local @ENV{qw(HTTP_X_TRACE_INFO HTTP_X_TRACE_HMAC PATH_INFO QUERY_STRING
			  REQUEST_METHOD REQUEST_SCHEME)} =
		  ($info, $hmac, '/report', 'a="b"', 'GET', 'http');
		($status, $out, $err) = run("$dir/report.cgi");
	}
	is("$status|$err", '0|', 'report.cgi answers');
	like($out, qr/^Status: 200 OK\n.*\n\n0\n\z/s, 'report.cgi: what');
	my ($on_info) = $out =~ /X-Trace-Info: (.*)/;
	my ($on_hmac) = $out =~ /X-Trace-HMAC: (.*)/;
	run($osprofiler, 'agent', '--once');
	is(tree('of-the-caller'), <<'END', 'report.cgi: the tree');
wsgi
  db.connect
  db SELECT count(*) FROM purchase | SELECT 1 | rows 1
END
	my $wsgi = points('of-the-caller')->{children}[0];
	is($wsgi->{info}{'meta.raw_payload.wsgi-start'}{info}{request}{query}, 'a="b"',
		'report.cgi: info.request');
	my ($verified, $shown) = do
	{
		local @ENV{qw(OSPROFILER_TRACE_INFO OSPROFILER_TRACE_HMAC)} = ($on_info, $on_hmac);
		run($osprofiler, 'context', 'show');
	};
	is($verified, 0, 'report.cgi: hands the context on');
	like($shown, qr/\Q$wsgi->{trace_id}\E/, 'report.cgi: with its point as the parent');

	($status, $out, $err) = run("$dir/report.cgi");
	is("$status|$err", '0|', 'report.cgi answers without a context');
	unlike($out, qr/X-Trace/, 'report.cgi: and has none to hand on');
}

# --- the Python service -------------------------------------------------------

if (need_program('osprofiler of Python', '/usr/bin/python3', '-c',
		'"import osprofiler.profiler, sqlalchemy, psycopg2"'))
{
	local $ENV{LD_LIBRARY_PATH} = "$build/client_hooks/shadow:$ENV{LD_LIBRARY_PATH}";
	my ($status, $out, $err) = run('/usr/bin/python3', "$examples/shop.py", $db);
	is($status, 0, 'shop.py runs') or diag($err);
	chomp $out;
	run($osprofiler, 'agent', '--once');
	is(tree($out), <<'END', 'shop.py: one tree');
wsgi
  db SELECT count(*) FROM purchase | SELECT 1 | rows 1
END
	check_trace('shop.py', $out);
}

done_testing();
