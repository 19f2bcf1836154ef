#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# debug.t
#	  OSPROFILER_DEBUG: a program says on stderr why it is traced or not.

use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use CliTest;
use Test::More;

plan skip_all => 'no compiler' if system('which cc >/dev/null') != 0;

delete @ENV{grep { /^OSPROFILER_/ } keys %ENV};
$ENV{OSPROFILER_RUN_DIR} = "$dir/rings";
write_file("$dir/first.c", <<'END');
#include <osprofiler/profiler.h>
#include <stdio.h>
#include <stdlib.h>
int main(int n, char **v)
{
	if (n > 1)
		(void) !osp_init(v[1], NULL, NULL);
	else
		(void) osp_init_from_headers(getenv("INFO"), getenv("HMAC"), NULL);
	printf("%d", osp_active());
	return 0;
}
END
system("cc -o $dir/first $dir/first.c -I$top/common/include -L$build/common -Wl,-rpath,$build/common -losprofiler") == 0
  or BAIL_OUT('cannot build');

# What a line of bash prints on stdout, and on stderr without the process's number.
sub run_line
{
	my ($line) = @_;
	write_file("$dir/line.sh", "$line\n");
	my $out = qx(bash $dir/line.sh 2>$dir/err);
	return ($out, slurp("$dir/err") =~ s/^osprofiler\[\d+\]: //mgr);
}

my $context = 'eval "$(OSPROFILER_HMAC_KEYS=k ' . "$build/bin/osprofiler" . ' context new --format env)"; '
  . 'export INFO=$OSPROFILER_TRACE_INFO HMAC=$OSPROFILER_TRACE_HMAC; ';
my $sqlite = "LD_PRELOAD=$build/sqlite_osprofiler/sqlite_preload.so sqlite3 :memory: 'SELECT 1'";
write_file("$dir/open.keys", "k\n");
chmod 0644, "$dir/open.keys";
my @cases = (
	['a key', "$dir/first k", 1, qr{\Aa thread is traced, by way of \Q$dir\E/rings\n\z}],
	['an empty key', "$dir/first ''", 0, qr/\Aosp_init traces nothing: .+\n\z/],
	['no run directory', "OSPROFILER_RUN_DIR=/dev/null/x $dir/first k", 0, qr{^a thread is not traced: .*/dev/null/x}m],
	['a wrong setting', "OSPROFILER_RING_SIZE=huge $dir/first k", 0, qr/\Anothing is traced: OSPROFILER_RING_SIZE is "huge"/],
	['headers', "$context OSPROFILER_HMAC_KEYS=k $dir/first", 1, qr/\Aa thread is traced/],
	['headers without a key', "$context $dir/first", 0, qr/\Aosp_init_from_headers traces nothing: .*key/],
	['headers of another key', "$context OSPROFILER_HMAC_KEYS=j $dir/first", 0, qr/\Aosp_init_from_headers traces nothing: .*signature/],
	['headers, switched off', "$context OSPROFILER_HMAC_KEYS=k OSPROFILER_ENABLED=false $dir/first", 0, qr/\Anothing is traced: enabled is false\n/],
	['keys that are open to others', "$context OSPROFILER_HMAC_KEYS_FILE=$dir/open.keys $dir/first", 0, qr/\Anothing is traced: .*others/]);
push @cases, ['SQLite', "$context OSPROFILER_HMAC_KEYS=k $sqlite", 1, qr/\Aa thread is traced/],
  ['SQLite without a context', "OSPROFILER_HMAC_KEYS=k $sqlite", 1, qr/\Astatements are not traced by the environment: OSPROFILER_TRACE_INFO is empty\n/],
  ['SQLite without a key', "$context $sqlite", 1, qr/\Astatements are not traced by the environment: enabled is false, or there is no key\n/],
  ['SQLite with another key', "$context OSPROFILER_HMAC_KEYS=j $sqlite", 1, qr/\Astatements are not traced by the environment: .*signature/]
  if system('which sqlite3 >/dev/null') == 0;

for (@cases)
{
	my ($what, $line, $out, $pattern) = @$_;

	for my $debug ('1', '0')
	{
		my ($got, $err) = run_line("export OSPROFILER_DEBUG=$debug; $line");
		is($got =~ s/\n//r, $out, "$what: the program, OSPROFILER_DEBUG=$debug");
		$debug ? like($err, $pattern, "$what: is said") : is($err, '', "$what: is not said");
	}
}

done_testing();
