# SPDX-License-Identifier: Apache-2.0

# How deep functions can call themselves before PostgreSQL says "stack depth limit
# exceeded": with us nearly as deep as without us.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";
use OspTest;
use PgWire;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $defaults = 'statement,nested,parse,plan,commit,trigger,worker,wait';
my $all = "$defaults,function,node";

my $node = new_node('stack');
$node->append_conf('postgresql.conf', "max_stack_depth = 2MB\nlog_min_messages = fatal");
$node->start;
$node->safe_psql('postgres', <<'SQL');
CREATE EXTENSION osprofiler;
CREATE FUNCTION by_expression(n int) RETURNS int LANGUAGE plpgsql AS
	$$BEGIN IF n <= 0 THEN RETURN 0; END IF; RETURN by_expression(n - 1) + 1; END$$;
CREATE FUNCTION by_query(n int) RETURNS int LANGUAGE plpgsql AS
	$$BEGIN IF n <= 0 THEN RETURN 0; END IF; PERFORM by_query(n - 1); RETURN n; END$$;
CREATE FUNCTION by_execute(n int) RETURNS int LANGUAGE plpgsql AS
	$$BEGIN IF n <= 0 THEN RETURN 0; END IF; EXECUTE 'SELECT by_execute($1)' USING n - 1; RETURN n; END$$;
CREATE FUNCTION by_sql(n int) RETURNS int LANGUAGE sql VOLATILE AS
	$$SELECT CASE WHEN n <= 0 THEN 0 ELSE by_sql(n - 1) END$$;
CREATE PROCEDURE by_call(n int) LANGUAGE plpgsql AS
	$$BEGIN IF n > 0 THEN CALL by_call(n - 1); END IF; END$$;
CREATE TABLE t (n int);
CREATE FUNCTION by_trigger() RETURNS trigger LANGUAGE plpgsql AS
	$$BEGIN IF NEW.n > 0 THEN INSERT INTO t VALUES (NEW.n - 1); END IF; RETURN NULL; END$$;
CREATE TRIGGER by_trigger AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION by_trigger();
SQL
my $user = $node->safe_psql('postgres', 'SELECT current_user');

# No call gets as deep as this.
my $too_deep = 65536;

# The deepest level that does not fail, in a session with these settings.
sub levels
{
	my ($call, $traced, @settings) = @_;
	my $wire = PgWire->new(
		$node->host . '/.s.PGSQL.' . $node->port,
		database => 'postgres', user => $user,
		options => join ' ', map { "-c $_" } @settings);
	my ($works, $fails) = (1, $too_deep);

	$wire->simple(set_context(context())) if $traced;
	while ($fails - $works > 1)
	{
		my $level = int(($works + $fails) / 2);
		my ($error) = grep { $_->[0] eq 'error' } $wire->simple(sprintf $call, $level);

		die "$call: $error->[2]" if $error && $error->[1] ne '54001';
		($works, $fails) = $error ? ($works, $level) : ($level, $fails);
	}
	$wire->finish;
	return $works;
}

foreach my $call (
	'SELECT by_expression(%d)', 'SELECT by_query(%d)', 'SELECT by_execute(%d)',
	'SELECT by_sql(%d)', 'CALL by_call(%d)', 'INSERT INTO t VALUES (%d)')
{
	my $bare = levels($call, 0, 'session_preload_libraries=');
	my $loaded = levels($call, 0);
	my $default = levels($call, 1, "osprofiler.points=$defaults");
	my $most = levels($call, 1, "osprofiler.points=$all", 'osprofiler.max_points=1000000');

	cmp_ok($bare, '>', 100, "$call: $bare levels without us");
	cmp_ok($bare, '<', $too_deep - 1, "$call: and no more");
	cmp_ok($loaded, '>=', $bare - 2, "$call: $loaded levels if nothing is traced");
	cmp_ok($default, '>=', 0.90 * $bare, "$call: $default levels with the default points");
	cmp_ok($most, '>=', 0.85 * $bare, "$call: $most levels with all points");
}

# Of calls inside each other a hundred are operations, for PostgreSQL puts a frame of
# its own round each that is; what runs in the others is recorded as ever, and later
# calls are followed again.
$node->safe_psql('postgres', <<'SQL');
CREATE FUNCTION twice() RETURNS int LANGUAGE plpgsql AS
	$$BEGIN PERFORM by_query(150); PERFORM by_query(50); RETURN 1; END$$;
SQL
my $context = context();
$node->safe_psql('postgres', "SET osprofiler.points = '$all';\n" . set_context($context)
	  . "\nSELECT twice();\nINSERT INTO t VALUES (150);");
wait_for_delivery($node);
my @operations = operations(points($node, $context));
my %of = map { my $name = $_; $name => [ grep { $_->{name} eq $name } @operations ] } qw(pg pg.function pg.trigger);

is(scalar(@{ $of{'pg.function'} }), 100 + 51, '150 and 50 levels: those that are followed');
is(scalar(grep { $_->{text} =~ /by_query\(n - 1\)/ } @{ $of{pg} }), 200, '150 and 50 levels: each statement');
is(scalar(@{ $of{'pg.trigger'} }), 100, '150 triggers in each other: those that are followed');
is(scalar(grep { $_->{text} =~ /NEW\.n - 1/ } @{ $of{pg} }), 150, '150 triggers: each statement');

is(count_in_log($node, 'PANIC|terminated by signal'), 0, 'no crash');
$node->stop;
done_testing();
