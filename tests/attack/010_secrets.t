# SPDX-License-Identifier: Apache-2.0
#
# 010_secrets.t
#	  Statements with planted secrets, sent to a traced PostgreSQL and a traced
#	  SQLite under `osprofiler run`: no secret and no signature is in a byte of a
#	  collector, ring or spool, nor in a line of the server's log that is ours.

use strict;
use warnings;

use File::Basename qw(dirname);
use lib dirname(__FILE__), dirname(__FILE__) . '/../client';

use Digest::SHA qw(hmac_sha1_hex);
use File::Find ();
use JSON::PP;
use MIME::Base64;
use Test::More;

use AttackStatements;
use ClientTest;

my $seconds = $ENV{ATTACK_SECONDS} // 0;
my $seed = $ENV{ATTACK_SEED} // 1;
my $send = dirname(__FILE__) . '/send.py';
my $json = JSON::PP->new->utf8->canonical;
my $begun = time;

$ENV{HOME} = $dir;
$ENV{XDG_STATE_HOME} = "$dir/state";
$ENV{OSPROFILER_CONNECTION_STRING} = "file://$dir/client.jsonl";
mkdir "$dir/server_run", 0700;
write_file("$dir/keys", "$key\n");
chmod 0600, "$dir/keys";

if (!need_program('psycopg2 and psycopg 3', '/usr/bin/python3', '-c',
		'"import psycopg2, psycopg"'))
{
	done_testing();
	exit;
}
need_extension();
start_server(<<"END");
session_preload_libraries = 'osprofiler'
osprofiler.points = 'statement, nested, parse, plan, commit, trigger, worker, function, node, wait'
osprofiler.hmac_keys_file = '$dir/keys'
osprofiler.connection_string = 'file://$dir/server.jsonl'
osprofiler.run_directory = '$dir/server_run'
osprofiler.agent = '$osprofiler'
END
run('psql', '-Xqc', 'create role demo2; create foreign data wrapper w;
	create server s foreign data wrapper w;
	create table secrets (name text, password text, token text, api_key text);
	create table notes (note text);
	create view chosen as select * from notes where note like \'ok%\' with check option;
	create table once (pin text unique, n int check (n > 0));
	create table pins (pin text, password text); create table log (note text);
	create function built(p text) returns void language plpgsql as $$
	begin
		execute format(\'select note from notes where note = %L\', p);
		execute p;
	end $$;
	create function raises(p text) returns void language plpgsql as $$
	begin raise unique_violation using message = \'no "\' || p || \'"\'; end $$;
	create function later() returns trigger language plpgsql as $$
	begin execute format(\'insert into log values (%L)\', new.pin); return null; end $$;
	create constraint trigger pins_later after insert on pins
		deferrable initially deferred for each row execute function later();');

# Signed contexts, of which a program may send one itself.
my @comments = map {
	my $id = sprintf '00000000-0000-4000-8000-%012d', $_;
	my $info = encode_base64(qq({"base_id": "$id", "parent_id": "$id"}), '');
	my $hmac = hmac_sha1_hex($info, $key);
	"/*trace_hmac='$hmac',trace_info='$info'*/"
} 1 .. 3;
my @signatures = map { /'([0-9a-f]{40})'/ } @comments;

# What we store: everything here but what the programs and PostgreSQL write.
sub stored_files
{
	my @files;

	File::Find::find(
		{
			no_chdir => 1,
			wanted => sub {
				return $File::Find::prune = 1
				  if m{^\Q$dir\E/(server|root)$};
				push @files, $_
				  if -f && !m{/(stdout|stderr|statements\.json|keys|install\.log)$};
			}
		},
		$dir);
	return @files;
}

# The first places where one of the texts is, in what is stored.
sub leaks
{
	my $pattern = join '|', 'LEAK\d*', 'leak\d*', '7319021\d*', @signatures;
	my (@found, %seen);

	for my $file (stored_files())
	{
		my $bytes = slurp($file) // next;
		while ($bytes =~ /$pattern/g && @found < 9)
		{
			next if $seen{ lc $& }++;
			my $begin = $-[0] > 200 ? $-[0] - 200 : 0;
			my $place = substr $bytes, $begin, $-[0] - $begin + 80;
			$place =~ s/[^\x20-\x7e]/./g;
			push @found, "$file: $place";
		}
	}
	for my $line (grep { /osprofiler/ } split /\n/, slurp("$dir/server/log"))
	{
		push @found, "log: $line" if $line =~ /LEAK/i && @found < 9;
	}
	return @found;
}

sub lines { return scalar grep { 1 } split /\n/, slurp($_[0]) // ''; }

# One round; how: settings of both sides.
sub attack
{
	my ($what, $round_seed, $plain, %how) = @_;
	my @all = statements($round_seed, $plain, @comments);

	write_file("$dir/statements.json", $json->encode(\@all));
	local $ENV{OSPROFILER_STATEMENT_TEXT} = $how{text} // 'full';
	local $ENV{OSPROFILER_HIDE_PARAMS} = $how{params} ? 'false' : 'true';
	local $ENV{OSPROFILER_CONNECTION_STRING} =
	  $how{collector} // $ENV{OSPROFILER_CONNECTION_STRING};
	local $ENV{PGOPTIONS} =
	    '-c osprofiler.statement_text=' . ($how{text} // 'full')
	  . ' -c osprofiler.hide_params=' . ($how{params} ? 'off' : 'on');
	my ($status, undef, $err) = traced('/usr/bin/python3', $send, "$dir/statements.json");
	is($status, 0, "$what, seed $round_seed: the statements were sent")
	  or diag($err);

	# Points are shipped in order, so after this one all are there.
	my $marker = "marker_${round_seed}_" . time;
	delete $ENV{PGOPTIONS};
	run('psql', '-Xqc', "/* */ select 1 as $marker $comments[0]");
	wait_for("$what: the server's are stored",
		sub { (slurp("$dir/server.jsonl") // '') =~ /$marker/ });
	my @found = leaks();
	is(scalar @found, 0, "$what: no secret is stored")
	  or diag("seed $round_seed:\n" . join("\n", @found));
	return;
}

do
{
	attack('in full', $seed, 0);
	attack('normalized', $seed + 1, 1, text => 'normalized');
	attack('no texts', $seed + 2, 1, text => 'none');
	attack('a spool', $seed + 3, 0, collector => 'redis://127.0.0.1:1/');
	$seed += 4;
} while (time - $begun < $seconds);

# It was not nothing that was looked at.
like(slurp("$dir/server.jsonl"), qr/ALTER ROLE demo2 PASSWORD '\*\*\*'/i, 'masked by the server');
like(slurp("$dir/client.jsonl"), qr/ALTER ROLE demo2 PASSWORD '\*\*\*'/i, 'masked by the client');
like(slurp("$dir/client.jsonl"), qr/PRAGMA key ?= ?'\*\*\*'/i, 'masked in SQLite');
like(slurp("$dir/client.jsonl"), qr/SELECT \?/, 'normalized by the client');
like(slurp("$dir/server.jsonl"), qr/SELECT \?/, 'normalized by the server');
cmp_ok(lines("$dir/server.jsonl"), '>', 500, "the server's notifications");
cmp_ok(lines("$dir/client.jsonl"), '>', 500, "the client's notifications");

done_testing();
