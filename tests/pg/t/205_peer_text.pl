# SPDX-License-Identifier: Apache-2.0
#
# 205_peer_text.pl
#	  The statement of a process that holds a lock, where PostgreSQL has cut it: what
#	  would have revealed a secret may be gone.

use strict;
use warnings;
use utf8;

use Encode qw(encode);
use FindBin;
use lib "$FindBin::RealBin/../lib";
use OspTest;
use PgWire;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep);

my $node = new_node('peer_text');
$node->append_conf('postgresql.conf',
	"osprofiler.points = 'statement, wait'\ntrack_activity_query_size = 300\n");
$node->start;
plan skip_all => 'PostgreSQL 13 does not let others look'
  if $node->safe_psql('postgres', 'SHOW server_version_num') < 140000;
$node->safe_psql('postgres', q{CREATE TABLE wt (a int, b text, n int); INSERT INTO wt VALUES (1, '', 0)});
my $user = $node->safe_psql('postgres', 'SELECT current_user');

sub session
{
	return PgWire->new($node->host . '/.s.PGSQL.' . $node->port, database => 'postgres', user => $user);
}

# What a wait says of the statement that holds the lock, or of one that failed behind it.
sub recorded
{
	my ($sql, $fails) = @_;
	my ($holder, $waiter, $context) = (session(), session(), context());

	$waiter->simple(set_context($context));
	$holder->simple('BEGIN');
	is(state_of($holder->simple(encode('UTF-8', $sql))), 'none', 'the statement runs');
	$holder->simple('SAVEPOINT a'), $holder->simple($fails) if defined $fails;
	$waiter->query('UPDATE wt SET n = 1')->send;
	$node->poll_query_until('postgres',
		"SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event = 'transactionid'");
	sleep 0.15;
	$holder->simple('ROLLBACK');
	$waiter->read_until_ready;
	$_->finish foreach $holder, $waiter;
	my ($wait) = grep { $_->{name} eq 'pg.wait-start' } wait_for_points($node, $context, 4);
	return $wait->{info}{db}{held_by}{statement} // 'none';
}

# Two sizes: one that PostgreSQL cuts to, and one that we do.
foreach my $size (300, 1024, 4096)
{
	my $long = 'x' x ($size < 1024 ? $size : 1024);
	my $wide = 'ä' x ($size < 1024 ? $size : 1024);
	my %cut = (
		"update wt set b='hunter2' where a=1 and length('$long')>0 and (select 1 as password)=1" => qr/^update wt set b=/,
		"update wt set b='hunter2' where a=1 and length(\$\$$long\$\$)>0 and (select 1 as password)=1" => qr/^update wt set b=/,
		"update wt set b=\$q\$hunter2\$q\$ where a=1 and length('$wide')>0 and (select 1 as secret)=1" => qr/^update wt set b=/,
		"update wt set b='hunter2' where a=1 " . (' ' x $size) . ' and (select 1 as password)=1' =>
		  qr/^update wt set b=\? where a=\?\s*$/,
		"update wt set n=471142 where a=1 " . ('/* ' . $long . ' */') . ' and (select 1 as password)=1' => qr/^update wt set n=/,
		"update /* hunter2 */ wt set b=E'\\'hunter2' where a=1 " . ('and a=1 ' x ($size / 8)) . 'and (select 1 as password)=1' =>
		  qr/^update\s+wt set b=\? where a=\?/,
	);
	$node->append_conf('postgresql.conf', "track_activity_query_size = $size\n");
	$node->restart;
	foreach my $sql (sort keys %cut)
	{
		my $text = recorded($sql);
		my $begin = substr $sql, 0, 40;

		unlike($text, qr/hunter2|471142/, "$size: no constant of $begin");
		like($text, $cut{$sql}, '... but what it does');
	}
	is(recorded("update wt set b='kept', n=17 where a=1"), "update wt set b='kept', n=17 where a=1",
		"$size: a text that is whole stays");
}

# A statement that failed leaves the lock of a savepoint's transaction held.
foreach my $sql ("ALTR ROL bob PASWORD 'hunter2'", "UPSERT wt 1 \"hunter2\"", "SELECT 1; SELEC 'hunter2'",
	"ALTER ROL b PIN '1' 'hunter2")
{
	my $text = recorded("update wt set b='kept' where a=1", $sql);

	unlike($text, qr/hunter2/, "no constant of $sql");
	isnt($text, 'none', '... but what it does');
}

$node->stop;
done_testing();
