# What perl's DBD::Pg does with libpq.
use strict;
use warnings;
use DBI;

$| = 1;
open STDERR, '>&', \*STDOUT;
my $dbh = DBI->connect('dbi:Pg:', undef, undef,
	{ RaiseError => 0, PrintError => 1, AutoCommit => 0 });
$dbh->do('create temp table t(a int, b text)');
my $insert = $dbh->prepare('insert into t values (?, ?)');
$insert->execute($_, "row $_") for 1 .. 3;
my $select = $dbh->prepare('select a, b from t where a >= ? order by a');
$select->execute(2);
print join(',', @$_), "\n" for @{ $select->fetchall_arrayref };
$dbh->commit;
$dbh->do('select nosuch');
print $dbh->state, "\n";
$dbh->rollback;
$dbh->do('select (');
print $dbh->state, "\n";
$dbh->rollback;
$dbh->do('copy t from stdin');
$dbh->pg_putcopydata("4\tfour\n");
$dbh->pg_putcopyend;
$dbh->do('copy t to stdout');
my $line;
print $line while $dbh->pg_getcopydata($line) >= 0;
$dbh->commit;
$dbh->do('select pg_sleep(0.01)', { pg_async => 1 });
print $dbh->pg_result, "\n";
$dbh->disconnect;
