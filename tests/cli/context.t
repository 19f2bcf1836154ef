#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# context.t
#	  osprofiler context new and context show.

use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use CliTest;
use Digest::SHA qw(hmac_sha1_hex);
use MIME::Base64 qw(decode_base64 encode_base64);
use Test::More;

my $base = '11111111-2222-4333-8444-555555555555';
my $parent = '99999999-8888-4777-8666-555555555555';
my @ids = ('--base-id', $base, '--parent-id', $parent);
my $uuid = qr/[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}/;

# The form, and the signature beside Perl's own.
my $headers = run_ok('context', 'new', '--hmac-key', 'K', @ids);
my ($info, $hmac) =
  $headers =~ /\AX-Trace-Info: ([\w=-]+)\nX-Trace-HMAC: ([0-9a-f]{40})\n\z/;
(my $plain = $info) =~ tr|_-|/+|;
is(decode_base64($plain),
	qq({"base_id": "$base", "parent_id": "$parent"}), 'trace_info');
is($hmac, hmac_sha1_hex($info, 'K'), 'trace_hmac');
is(run_ok('context', 'new', '--hmac-key', 'K', @ids, '--format', 'headers'),
	$headers, '--format headers is the default');
is(run_ok('context', 'new', '--hmac-key', 'K', @ids, '--format', 'sql'),
	"SET osprofiler.trace_info = '$info';\n"
	  . "SET osprofiler.trace_hmac = '$hmac';\n",
	'--format sql');
is(run_ok('context', 'new', '--hmac-key', 'K', @ids, '--format', 'env'),
	"export OSPROFILER_TRACE_INFO='$info'\n"
	  . "export OSPROFILER_TRACE_HMAC='$hmac'\n",
	'--format env');
like(run_ok('context', 'new', '--hmac-key', 'K', @ids, '--format', 'comment'),
	qr{\A/\*trace_hmac='$hmac',trace_info='${\($info =~ s/=/(?:=|%3D)/gr)}'\*/\n\z},
	'--format comment');
is(run_ok('context', 'new', '--hmac-key=K', "--base-id=$base"),
	run_ok('context', 'new', '--hmac-key=K', "--base-id=$base",
		"--parent-id=$base"),
	'the parent is the trace itself');

# A new trace each time.
my @new = map { run_ok('context', 'new', '--hmac-key', 'K') } 1 .. 2;
isnt($new[0], $new[1], 'a new trace');

# Back again.
sub show
{
	my ($new, @args) = @_;
	my ($i, $h) = $new =~ /Info: (\S+)\nX-Trace-HMAC: (\S+)/;
	return run_ok('context', 'show', '--trace-info', $i, '--trace-hmac', $h,
		@args);
}
like(show($new[0], '--hmac-keys', 'K'),
	qr/\Abase_id: ($uuid)\nparent_id: \1\nkey: 1 of 1\n\z/, 'ids of a new trace');
is(show($headers, '--hmac-keys', 'a, K ,b'),
	"base_id: $base\nparent_id: $parent\nkey: 2 of 3\n", 'one of several keys');
my $odd = run_ok('context', 'new', '--hmac-key', 'K', '--base-id', "d\x{c3}\x{a9}j\x{c3}\x{a0} 'vu");
is(show($odd, '--hmac-keys', 'K'),
	"base_id: d\x{c3}\x{a9}j\x{c3}\x{a0} 'vu\nparent_id: d\x{c3}\x{a9}j\x{c3}\x{a0} 'vu\nkey: 1 of 1\n",
	'ids that are no UUID');

# Keys and contexts of the environment and the configuration.
{
	local $ENV{OSPROFILER_HMAC_KEYS} = 'K,other';
	is(run_ok('context', 'new', @ids), $headers, 'the first key signs');
	is(run_ok('context', 'new', '--hmac-key', 'K', @ids),
		$headers, '--hmac-key comes first');
	local $ENV{OSPROFILER_TRACE_INFO} = $info;
	local $ENV{OSPROFILER_TRACE_HMAC} = $hmac;
	is(run_ok('context', 'show'),
		"base_id: $base\nparent_id: $parent\nkey: 1 of 2\n",
		'context of the environment');
	one_error(qr/context show: the context is not signed/,
		'context', 'show', '--trace-info', $info);
}
write_file("$dir/keys", "# keys\nK\n");
chmod 0600, "$dir/keys";
{
	local $ENV{OSPROFILER_HMAC_KEYS_FILE} = "$dir/keys";
	is(run_ok('context', 'new', @ids), $headers, 'a key of a file');
	chmod 0644, "$dir/keys";
	one_error(qr{\Q$dir\E/keys}, 'context', 'new', @ids);
}
{
	local $ENV{OSPROFILER_CONF} = "$dir/missing.conf";
	one_error(qr/missing\.conf/, 'context', 'new', '--hmac-key', 'K');
	one_error(qr/missing\.conf/, 'context', 'show', '--hmac-keys', 'K');
}

# What is not accepted, and why.
sub refused
{
	my ($pattern, $i, $h, $keys) = @_;
	return one_error($pattern, 'context', 'show', '--trace-info', $i,
		'--trace-hmac', $h, '--hmac-keys', $keys // 'K');
}
sub sign { return hmac_sha1_hex($_[0], 'K') }
sub pack_text { (my $t = encode_base64($_[0], '')) =~ tr|/+|_-|; return $t }

refused(qr/matches none of the HMAC keys/, $info, $hmac, 'wrong');
refused(qr/matches none of the HMAC keys/, $info, sign('x'));
refused(qr/matches none of the HMAC keys/, $info, "\x{c3}\x{a9}");
refused(qr/no HMAC keys are configured/, $info, $hmac, '');
refused(qr/no HMAC keys are configured/, $info, $hmac, ' , ');
refused(qr/no trace context was given/, '', '');
refused(qr/not signed/, $info, '');
refused(qr/not signed/, '', $hmac);
refused(qr/too long/, 'A' x 65536, $hmac);
refused(qr/not base64/, '!!!!', sign('!!!!'));
for my $bad ('[]', '{}', '{"base_id": 1, "parent_id": "x"}')
{
	refused(qr/must be an object of|an id must be/,
		pack_text($bad), sign(pack_text($bad)));
}
one_error(qr/no trace context was given/, 'context', 'show',
	'--hmac-keys', 'K');

# Wrong calls.
usage_error(qr/no HMAC key: give --hmac-key or set OSPROFILER_HMAC_KEYS; keys are each user's own(?:, and \S+ has one: (?:sudo|runuser) -u \S+ .*osprofiler context new|: 'osprofiler doctor --fix' makes one of yours) \(see/,
	'context', 'new');
usage_error(qr/no HMAC key/, 'context', 'new', '--hmac-key', '');
usage_error(qr/--base-id must not be the path of a file: '\Q$_\E'/,
	'context', 'new', '--hmac-key', 'K', '--base-id', $_) foreach 'x/y', '/', '.', '..';
usage_error(qr/--parent-id must not be/,
	'context', 'new', '--hmac-key', 'K', '--parent-id', '../x');
usage_error(qr/has no comma/, 'context', 'new', '--hmac-key', 'a,b');
usage_error(qr/--format must be headers, sql, comment or env, not 'xml'/,
	'context', 'new', '--hmac-key', 'K', '--format', 'xml');
for my $option ('--base-id', '--parent-id')
{
	for my $id ('', "a\nb", 'x' x 129)
	{
		usage_error(qr/$option must be 1 to 128 bytes/,
			'context', 'new', '--hmac-key', 'K', $option, $id);
	}
	run_ok('context', 'new', '--hmac-key', 'K', $option, 'x' x 128);
}
for my $option ('--hmac-key', '--base-id', '--parent-id', '--format')
{
	usage_error(qr/option '$option' needs a value/, 'context', 'new', $option);
}

one_error(qr/No space left/, 'context', 'new', '--hmac-key', 'K',
	{ stdout => '/dev/full' });

done_testing();
