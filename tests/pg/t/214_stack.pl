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
my $version = int($node->safe_psql('postgres', 'SHOW server_version_num') / 10_000);

# The deepest level that does not fail, in a session with these settings.
sub levels
{
	my ($call, $traced, @settings) = @_;
	my $wire = PgWire->new(
		$node->host . '/.s.PGSQL.' . $node->port,
		database => 'postgres', user => $user,
		options => join ' ', map { "-c $_" } @settings);
	my ($works, $fails) = (1, 4096);

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

# The levels without us of a function that PostgreSQL calls with a frame of its own
# between, as it does where an extension follows functions.
sub levels_with_frame
{
	my ($call) = @_;
	my $name = $call =~ /(by_\w+)/ ? $1 : 'by_trigger';
	my $levels;

	$node->safe_psql('postgres', "ALTER ROUTINE $name SECURITY DEFINER");
	$levels = levels($call, 0, 'session_preload_libraries=');
	$node->safe_psql('postgres', "ALTER ROUTINE $name SECURITY INVOKER");
	return $levels;
}

foreach my $call (
	'SELECT by_expression(%d)', 'SELECT by_query(%d)', 'SELECT by_execute(%d)',
	'SELECT by_sql(%d)', 'CALL by_call(%d)', 'INSERT INTO t VALUES (%d)')
{
	my $bare = levels($call, 0, 'session_preload_libraries=');
	my $framed = levels_with_frame($call);
	my $loaded = levels($call, 0);
	my $default = levels($call, 1, "osprofiler.points=$defaults");
	my $most = levels($call, 1, "osprofiler.points=$all", 'osprofiler.max_points=1000000');

	cmp_ok($bare, '>', 100, "$call: $bare levels without us");
	cmp_ok($loaded, '>=', $bare - 2, "$call: $loaded levels if nothing is traced");
	# The default points follow the functions of triggers.
	cmp_ok($default, '>=', $call =~ /^INSERT/ ? 0.96 * $framed : 0.90 * $bare,
		"$call: $default levels with the default points");
	cmp_ok($most, '>=', ($call !~ /^CALL/ ? 0.95 : $version == 17 ? 0.92 : 0.93) * $framed,
		"$call: $most levels with all points; a frame of PostgreSQL's leaves $framed");
	cmp_ok($most, '>=', 0.81 * $bare, "$call: which is four fifths at least");
}

is(count_in_log($node, 'PANIC|terminated by signal'), 0, 'no crash');
$node->stop;
done_testing();
