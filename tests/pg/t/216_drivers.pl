# SPDX-License-Identifier: Apache-2.0

# Drivers of the extended protocol, in programs that rest within transactions: what
# is recorded of them is as it must be, and no statement lasts while they rest.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";
use IPC::Run ();
use OspTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('drivers');
$node->append_conf('postgresql.conf',
	"osprofiler.points = 'statement, nested, plan, commit, trigger, worker, node'");
$node->start;
$node->safe_psql('postgres',
	'CREATE EXTENSION osprofiler; CREATE TABLE t (n int);'
	  . ' INSERT INTO t SELECT generate_series(1, 50)');
$ENV{PGHOST} = $node->host;
$ENV{PGPORT} = $node->port;
$ENV{PGDATABASE} = 'postgres';
$node->command_ok([ 'pgbench', '-q', '-i', '-s', '1', 'postgres' ], 'pgbench -i');

# Longer than any statement takes, and shorter than a rest, in ms.
my $quick = 700;

my %programs = (
	'psycopg 3' => [ '/usr/bin/python3', '-c', <<'PY' ],
import psycopg, time
with psycopg.connect('') as c:
    for i in range(7):
        c.execute('select %s::int + 1', (i,)).fetchall()
        if i % 3 == 0: time.sleep(1)
        c.execute('insert into t values (%s)', (i,), prepare=i % 2 == 0)
    time.sleep(1)
    c.commit()
    c.execute('select count(*) from t where n > %s', (3,))
    time.sleep(1)
PY
	'PDO' => [ 'php', '-r', <<'PHP' ],
$c = new PDO('pgsql:host=' . getenv('PGHOST') . ';port=' . getenv('PGPORT') . ';dbname=postgres');
$c->beginTransaction();
$q = $c->prepare('select n from t where n > ?');
foreach ([1, 2] as $n) { $q->execute([$n]); $q->fetchAll(); sleep(1); }
$i = $c->prepare('insert into t values (?)');
$i->execute([5]);
sleep(1);
$c->commit();
PHP
	'DBD::Pg' => [ 'perl', '-MDBI', '-e', <<'PERL' ],
my $c = DBI->connect('dbi:Pg:dbname=postgres', undef, undef, { AutoCommit => 0, RaiseError => 1 });
my $q = $c->prepare('select n from t where n > ?');
for (1 .. 2) { $q->execute($_); $q->fetchrow_array; sleep 1; }
my $i = $c->prepare('insert into t values (?)');
$i->execute($_) for 1 .. 3;
sleep 1;
$c->commit;
$q->execute(7);
sleep 1;
$c->rollback;
$c->disconnect;
PERL
	'ruby-pg' => [ 'ruby', '-rpg', '-e', <<'RUBY' ],
c = PG.connect(dbname: 'postgres')
c.transaction do
  c.exec_params('select n from t where n > $1::int', [3])
  sleep 1
  c.prepare('s', 'insert into t values ($1)')
  2.times { |i| c.exec_prepared('s', [i]) }
  sleep 1
end
c.exec('begin')
c.exec_params('select $1::int', [4])
sleep 1
RUBY
	map { ("pgbench -M $_" => [ 'pgbench', '-n', '-M', $_, '-c', 2, '-t', 20, 'postgres' ]) }
	  qw(simple extended prepared));

# A release without one of them tests the others; check.sh installs all.
my %needs = (
	'psycopg 3' => [ '/usr/bin/python3', '-c', 'import psycopg' ],
	'PDO' => [ 'php', '-r', 'exit((int) !extension_loaded("pdo_pgsql"));' ],
	'DBD::Pg' => [ 'perl', '-MDBD::Pg', '-e', '1' ],
	'ruby-pg' => [ 'ruby', '-rpg', '-e', '1' ]);

sub is_installed
{
	my ($what) = @_;
	my $needed = $needs{$what};

	return 1 if !$needed || $ENV{OSP_REQUIRE_ALL};
	return eval { IPC::Run::run($needed, '>&', \my $output) };
}

foreach my $what (sort keys %programs)
{
	if (!is_installed($what))
	{
	  SKIP: { skip "$what is not installed", 1 }
		next;
	}
	my $context = context();
	my ($out, $err) = ('', '');

	local $ENV{PGOPTIONS} = "-c osprofiler.trace_info=$context->{info}"
	  . " -c osprofiler.trace_hmac=$context->{hmac}";
	ok(IPC::Run::run($programs{$what}, '>', \$out, '2>', \$err), $what) or diag $err;
	delete local $ENV{PGOPTIONS};
	wait_for_delivery($node);
	my @all = operations(points($node, $context));

	cmp_ok(scalar @all, '>', 5, "$what: is traced");
	is(breaches($node, $context->{base}), '', "$what: nothing is wrong");
	is_deeply([ grep { $_->{stop}{interrupted} } @all ], [], "$what: nothing was interrupted");
	next if $what =~ /pgbench/;
	is_deeply([ map { $_->{text} } grep { $_->{ms} > $quick } @all ],
		[], "$what: no statement lasts while it rests");
}

is(count_in_log($node, 'PANIC|terminated by signal'), 0, 'no crash');
$node->stop;
done_testing();
