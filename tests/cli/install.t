#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# install.t
#	  An installation finds its drivers and hooks wherever it is, and under
#	  whatever name: no path is compiled in.

use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use CliTest;
use Test::More;

delete $ENV{OSPROFILER_DRIVER_PATH};
$ENV{OSPROFILER_CONNECTION_STRING} = "sqlite:///$dir/traces.db";

# An installation below this directory, as `make install` makes it.
sub install
{
	my ($prefix) = @_;
	my $modules = "$prefix/lib/osprofiler";

	system("mkdir -p '$prefix/bin' '$modules/drivers' '$modules/shadow' && "
		  . "cp '$build/bin/osprofiler' '$prefix/bin/' && "
		  . "cp '$build'/drivers/*.so '$modules/drivers/' && "
		  . "cp '$build/sqlite_osprofiler/sqlite_preload.so' '$modules/' && "
		  . "cp '$build/client_hooks/shadow/libpq.so.5' '$modules/shadow/' && "
		  . "cp -P '$build'/common/libosprofiler.so* '$build'/sqlite_osprofiler/libosprofiler_sqlite.so* '$prefix/lib/'")
	  == 0 or BAIL_OUT("cannot install into $prefix");
	return;
}

# The command by this name traces a program, and shows the trace.
sub works
{
	my ($what, $command) = @_;
	my $out = `$command run -- sqlite3 :memory: 'SELECT 42' 2>&1`;
	my ($id) = $out =~ /^Trace ID: (\S+)$/m;

	like(`$command trace show @{[ $id // 'none' ]} 2>&1`, qr/sqlite.*SELECT 42/, $what)
	  or diag($out);
	return;
}

SKIP:
{
	skip 'no sqlite3', 5 if system('which sqlite3 >/dev/null') != 0;
	install("$dir/first");
	works('installed', "$dir/first/bin/osprofiler");
	rename "$dir/first", "$dir/moved" or die;
	works('moved', "'$dir/moved/bin/osprofiler'");
	symlink "$dir/moved/bin/osprofiler", "$dir/link" or die;
	works('by a symbolic link', "$dir/link");
	works('by the search path', "PATH='$dir/moved/bin':\$PATH osprofiler");
	works('by a relative path', "cd '$dir/moved/lib'; ../bin/osprofiler");

	system('rm', '-rf', "$dir/moved/lib/osprofiler/drivers");
	my $out = `'$dir/moved/bin/osprofiler' trace list 2>&1`;
	like($out, qr/there is no driver for sqlite:/, 'without drivers it says so');
}

# Nothing is compiled again for another PREFIX.
for my $flags (map { "$build/flags.$_" } qw(common drivers cli client_hooks sqlite_osprofiler))
{
	unlike(slurp($flags), qr{/lib/osprofiler|/usr/local}, "$flags has no PREFIX");
}

# --- what `make install` makes ------------------------------------------------

# make in the tree, with what was built already: its output.
sub make
{
	my ($arguments) = @_;
	return qx(make -C '$top' BUILD='$build' $arguments 2>&1);
}

like(make('-s help'), qr/^make install +into PREFIX.*^ +WITHOUT=/ms, 'make help');

# As root the extension would go into the system's PostgreSQL.
my $home = "$dir/home/.local";
my $out = make("install WITHOUT=postgresql PG_CONFIG=/none/pg_config PREFIX=$home");
like($out, qr/^Installed into \Q$home\E\. Next:$/m, 'make install says what is next');
my @next = $out =~ /^  \d\. (\S+ \S+)/mg;
is("@next", "$home/bin/osprofiler run $home/bin/osprofiler trace $home/bin/osprofiler doctor",
	'three steps, by the command that was installed');
unlike($out, qr/pg_config|postgres/i, 'without PostgreSQL nothing of it is looked for');
ok(!-e "$home/lib/osprofiler/$_", "without PostgreSQL: no $_")
  for qw(shadow drivers/postgresql.so);
ok(!-e "$home/lib/libosprofiler_pq.so", 'without PostgreSQL: no hooks of libpq');
SKIP:
{
	skip 'no sqlite3', 1 if system('which sqlite3 >/dev/null') != 0;
	works('for SQLite alone', "$home/bin/osprofiler");
}

# The schemes that a driver serves under other names are left out together with it.
{
	my %schemes = (elasticsearch => [qw(elasticsearch opensearch)], redis => [qw(redis rediss redissentinel)]);

	for my $driver (sort keys %schemes)
	{
		my $drivers = "$dir/without-$driver/lib/osprofiler/drivers";

		$out = make("-s -C drivers install WITHOUT=$driver PREFIX=$dir/without-$driver");
		ok(-e "$drivers/sqlite.so", "without $driver: the other drivers") or diag($out);
		is(join(' ', grep { -e "$drivers/$_.so" || -l "$drivers/$_.so" } @{ $schemes{$driver} }),
			'', "without $driver: none of its schemes");
		is(qx(find -L $drivers -type l), '', "without $driver: every link leads to a driver");
		ok(-e "$drivers/$_.so", "without $driver: $_ is there")
		  for map { @{ $schemes{$_} } } grep { $_ ne $driver } keys %schemes;
	}
}

# The manual of the C functions has all that the header declares.
{
	my $manual = slurp("$home/share/man/man3/osprofiler.3") // '';
	my @functions = slurp("$home/include/osprofiler/profiler.h") =~ /OSP_API \w+ (osp_[a-z]\w*)\(/g;

	cmp_ok(scalar @functions, '>', 8, 'profiler.h declares functions');
	is(join(' ', grep { $manual !~ /\b$_\(/ } @functions), '', 'osprofiler(3) has each of them');
}

# The manual of the settings has all of programs and of the server; its lists are made of
# the tables in docs/core.md and docs/postgresql.md.
{
	my $manual = slurp("$home/share/man/man5/osprofiler-settings.5") // '';
	my @of_programs = grep { /^OSPROFILER_/ } split ' ', qx($home/bin/osprofiler help settings);
	my @of_server = map { "osprofiler.$_" } slurp("$top/pg_osprofiler/state/settings.def") =~ /^SETTING_\w+\((\w+),/mg;

	shift @of_programs;    # OSPROFILER_CONF, in the first sentence
	cmp_ok(scalar @$_, '>', 18, 'there are settings') for \(@of_programs, @of_server);
	is(join(' ', grep { $manual !~ /\\fB\Q$_\E\\fR/ } @of_programs, @of_server), '', 'osprofiler-settings(5) has each of them');
	unlike($manual, qr/`|^@|^\||\]\(/m, '... and nothing of the tables that it was made of');
}

# A C program starts without a further step, wherever the libraries are.
SKIP:
{
	skip 'no compiler', 4 if system('which cc pkg-config >/dev/null') != 0;
	my $config = "PKG_CONFIG_PATH=$home/lib/pkgconfig pkg-config --cflags --libs";
	delete local $ENV{LD_LIBRARY_PATH};

	write_file("$dir/first.c", "#include <osprofiler/profiler.h>\n"
		  . "int main(void) { osp_init(\"k\", 0, 0); osp_start(\"x\", 0); osp_stop(0); osp_clean(); return 0; }\n");
	is(qx(cc -Wl,--as-needed -o $dir/first-c $dir/first.c \$($config osprofiler) 2>&1 && $dir/first-c 2>&1), '',
		'a C program is linked, and starts');

	# One that only calls libpq is traced by being linked with osprofiler-pq.
	skip 'no hooks of libpq', 3 if !-e "$build/client_hooks/osprofiler-pq.pc" || system('pkg-config libpq') != 0;
	make("-s -C client_hooks install PREFIX=$home");
	write_file("$dir/pq.c", "#include <libpq-fe.h>\nint main(void) { PQfinish(PQconnectdb(\"host=/none\")); return 0; }\n");
	is(qx(cc -Wl,--as-needed -o $dir/pq \$($config osprofiler-pq) $dir/pq.c \$($config osprofiler-pq) 2>&1), '',
		'a program of libpq is linked');
	like(qx(ldd $dir/pq), qr{libosprofiler_pq\.so\.0 => \Q$home\E/lib/}, 'with our library, in spite of --as-needed');
	is(system("$dir/pq"), 0, 'and starts');
	like(qx(PKG_CONFIG_PATH=$home/lib/pkgconfig pkg-config --libs-only-other osprofiler), qr/-rpath/, 'by its RUNPATH');
}

# What README proposes to leave out: the default driver is left.
{
	my ($without) = slurp("$top/README.md") =~ /install\.sh WITHOUT="([^"]+)"/;
	my $drivers = "$dir/least/lib/osprofiler/drivers";

	$out = make("-s -C drivers install WITHOUT='$without' PREFIX=$dir/least");
	is($?, 0, "WITHOUT='$without' installs") or diag($out);
	is(qx(cd $drivers && ls), "sqlite.so\n", '... one driver');
	$out = make("-s -C drivers install WITHOUT='$without sqlite' PREFIX=$dir/none");
	is($?, 0, 'so does no driver at all') or diag($out);
}

# A part that is left out now was installed before.
like(make("install WITHOUT='postgresql otlp' PG_CONFIG=/none/pg_config PREFIX=$home"),
	qr{^The part 'otlp' was installed before, and is still there \(\Q$home\E/lib/osprofiler/drivers/otlp\.so\)\.$}m,
	'what is left out now, and is there, is said');

# What pip builds in the source tree goes with the rest, and git does not offer it.
for my $made (qw(integrations/python/build integrations/python/osprofiler_db.egg-info))
{
	like(make('-n clean'), qr/^rm -rf .*\Q$made\E/m, "make clean removes $made");
	like(slurp("$top/.gitignore"), qr{^/\Q$made\E/$}m, '... which git ignores');
}

# The user's own files go; nothing else is left.
make("-s uninstall WITHOUT=extension PREFIX=$home");
is(qx(find $home ! -type d), '', 'make uninstall leaves no file');
is(join(' ', sort map { s{^\Q$home\E/?}{}r } split /\n/, qx(find $home -type d)), ' bin include lib share share/man',
	'... and no directory that we made below those of every PREFIX');
write_file("$dir/keep", '');
for my $other (qw(lib/osprofiler lib/pkgconfig share/man/man1 lib/systemd/system))
{
	make("-s -C common install PREFIX=$dir/kept");
	system("mkdir -p $dir/kept/$other && cp $dir/keep $dir/kept/$other/");
	make("-s uninstall WITHOUT=extension PREFIX=$dir/kept");
	is(qx(find $dir/kept ! -type d), "$dir/kept/$other/keep\n", "a file of somebody else stays: $other");
	unlink "$dir/kept/$other/keep";
}

# --- no PostgreSQL: pg_config is not there, or says nothing --------------------------

# Programs by which it is seen what would be removed, and where.
{
	my $fake = "$dir/fake";

	mkdir $fake;
	write_file("$fake/rm", "#!/bin/sh\nfor f in \"\$@\"; do echo \"removes \$f\"; done\n");
	write_file("$fake/pg_config", "#!/bin/sh\n");
	write_file("$fake/pkg-config", "#!/bin/sh\n[ \$1 = --exists ] || echo \"Package \$2 was not found\" >&2\nexit 1\n");
	write_file("$fake/failing", "#!/bin/sh\nexit 1\n");
	write_file("$fake/half", "#!/bin/sh\n[ \$1 = --pgxs ] && echo $fake/pgxs.mk\n");
	write_file("$fake/pgxs.mk", "pkglibdir := \$(shell \$(PG_CONFIG) --pkglibdir)\nall install uninstall clean:\n");
	chmod 0755, map { "$fake/$_" } qw(rm pg_config pkg-config failing half);
	local $ENV{PATH} = "$fake:$ENV{PATH}";
	for my $config ('/nosuch/pg_config', 'nosuch_pg_config', 'pg_config', 'failing', 'half', '')
	{
		my $out = make("uninstall DESTDIR=$dir/staged PREFIX=/usr/local PG_CONFIG=$config");

		is($?, 0, "uninstall with PG_CONFIG=$config");
		is(join("\n", grep { m{^removes (?!-|\Q$dir\E/staged/usr/local/)} } split /\n/, $out), '', '... removes nothing outside');
		is(scalar(() = $out =~ /^The extension was left out: /mg), 1, '... and says once that the extension was left out');
		unlike($out, qr/not found|No such file|Error/, '... without noise') or diag($out);
		$out = make("-C pg_osprofiler install DESTDIR=$dir/staged PG_CONFIG=$config");
		isnt($?, 0, '... and installing the extension fails');
		like($out, qr/names no PostgreSQL that extensions can be built for: name another one by PG_CONFIG=PATH, or build WITHOUT=postgresql/,
			'... and says what to do');
	}
}

# A user who may not remove it is told once, before anything is gone.
SKIP:
{
	my $closed = "$dir/closed";
	my $as = $> == 0 ? 'setpriv --reuid 54321 --clear-groups' : '';

	system("mkdir -p $closed/bin $closed/lib/pkgconfig && cp $dir/keep $closed/bin/osprofiler");
	chmod 0755, $dir;
	chmod 0555, "$closed/bin", $closed;
	skip 'the tree is closed to others', 4 if $> == 0 && system("$as test -r $top/Makefile -a -w $build 2>/dev/null") != 0 && system("$as test -r $top/Makefile") != 0;
	for my $what (qw(uninstall install))
	{
		my $out = qx($as $top/scripts/may_write.sh $what $closed/bin $closed/lib 2>&1);

		isnt($?, 0, "make $what without rights");
		is($out, "You may not write into $closed/bin: sudo make $what\n", '... says so in a line');
	}
	is(scalar(my @calls = slurp("$top/Makefile") =~ m{^\t\@scripts/may_write\.sh (?:un)?install }mg), 2, '... as make does');
	chmod 0755, $closed, "$closed/bin";
}

# --- names that are none -----------------------------------------------------------

for my $case (['postgres', 'postgresql'], ['sqlite3', 'sqlite'], ['PostgreSQL', 'postgresql'], ['postgersql', 'postgresql'],
	['elastic', 'elasticsearch'], ['hook', 'hooks'], ['web reddis', 'redis'], ['postgresql,web', 'postgresql'])
{
	my ($without, $meant) = @$case;
	my ($wrong) = (split ' ', $without)[-1];

	for my $command ("make -C $top BUILD=$dir/none WITHOUT='$without'", "make -C $top/drivers BUILD=$dir/none WITHOUT='$without'",
		"$top/install.sh WITHOUT='$without'", "WITHOUT='$without' $top/scripts/setup.sh --build")
	{
		my $out = qx($command 2>&1);

		isnt($?, 0, "$command fails");
		like($out, qr/there is no part '$wrong'; did you mean $meant\? \(there are: postgresql extension /, '... and says what was meant');
	}
}
for my $case (['WITOUT', 'WITHOUT'], ['without', 'WITHOUT'], ['prefix', 'PREFIX'], ['PREFX', 'PREFIX'], ['Pg_Config', 'PG_CONFIG'], ['DEST', 'DESTDIR'])
{
	my $out = qx($top/install.sh $case->[0]=postgresql 2>&1);

	is($? >> 8, 2, "install.sh $case->[0]=");
	like($out, qr/\Athere is no variable '$case->[0]'; did you mean $case->[1]\? [^\n]+\n\z/, '... says what was meant');
}
like(make('without=postgresql'), qr/there is no variable 'without'; did you mean WITHOUT\?/, 'make without=');

for my $option (qw(-h --help))
{
	my $out = qx($top/install.sh $option 2>/dev/null);

	is($?, 0, "install.sh $option");
	like($out, qr/\AUsage: \.\/install\.sh \[VARIABLE=VALUE\.\.\.\]\n.*\n\nVariables.*^  WITHOUT=/ms, '... is a help');
	unlike($out, qr/^#|set -|SPDX/m, '... and nothing of the script');
}
is(qx($top/install.sh postgresql 2>&1), "install: 'postgresql' is no VARIABLE=VALUE (see ./install.sh --help)\n", 'a word alone');

# An ordinary user: the extension is left out, and it is said how to add it.
is(qx(PG_CONFIG=$dir/pg_config sh $top/scripts/install_extension.sh '' $home 2>&1; echo \$?) =~ s/.*not found\n//r, "1\n",
	'no pg_config: make reports it');
SKIP:
{
	skip 'root may write everywhere', 1 if $> == 0;
	write_file("$dir/pg_config", "#!/bin/sh\necho /usr\n");
	chmod 0755, "$dir/pg_config";
	like(qx(PG_CONFIG=$dir/pg_config $top/scripts/install_extension.sh '' $home),
		qr{^The extension was left out: /usr is not writable.*make install-extension PREFIX=\Q$home\E$}ms, 'the extension is left out');
}

# --- the version of a release ---------------------------------------------------------

{
	my $tree = "$dir/release";
	my $said = sub { return scalar qx($tree/scripts/one_version.sh packages 2>&1) };
	my $set = sub { my ($version) = @_; write_file("$tree/config.mk", "VERSION   := $version\n"); };
	my $entry = sub { my ($version) = @_; return "osprofiler-db ($version-1) unstable; urgency=medium\n\n  * New.\n\n -- A <a\@b.c>  Sat, 28 Nov 2026 12:00:00 +0000\n\n"; };

	system('mkdir', '-p', "$tree/scripts", "$tree/debian", "$tree/pg_osprofiler/upgrades");
	system('cp', "$top/scripts/one_version.sh", "$tree/scripts");
	$set->('1.0.0');
	write_file("$tree/debian/changelog", $entry->('1.0.0'));
	is($said->(), '', 'a first release has one version');
	$set->('1.0.1');
	like($said->(), qr/\Aversion: config\.mk has VERSION := 1\.0\.1, debian\/changelog begins with 1\.0\.0: .*dch -v 1\.0\.1-1[^\n]*\n\z/,
		'config.mk alone: what to change');
	isnt($? >> 8, 0, '... and the packages are not built');
	write_file("$tree/debian/changelog", $entry->('1.0.1') . $entry->('1.0.0'));
	like($said->(), qr{\Aversion: there is no pg_osprofiler/upgrades/osprofiler--1\.0\.0--1\.0\.1\.sql, [^\n]*: write it[^\n]*\n\z},
		'no upgrade script: what to write');
	isnt($? >> 8, 0, '... and the packages are not built');
	write_file("$tree/pg_osprofiler/upgrades/osprofiler--1.0.0--1.0.1.sql", "-- Nothing has changed.\n");
	is($said->(), '', 'both and the script: a release');
	write_file("$tree/debian/changelog", $entry->('1.0.1') =~ s/-1\)/-2)/r . $entry->('1.0.1') . $entry->('1.0.0'));
	is($said->(), '', 'another revision of Debian needs no script');
	write_file("$tree/debian/changelog",
		($entry->('1.0.1') =~ s/unstable/UNRELEASED/r) . $entry->('1.0.0') . ($entry->('0.9.0') =~ s/unstable/UNRELEASED/r));
	is($said->(), '', 'nor does what was never released before it');
}

# --- install.sh: a line for each step before it begins, and errors ---------------------

{
	my $tree = "$dir/tree";

	system('mkdir', '-p', "$tree/scripts", "$tree/bin");
	system('cp', "$top/install.sh", "$top/config.mk", $tree);
	system('cp', "$top/scripts/known.sh", "$tree/scripts");
	write_file("$tree/scripts/setup.sh", "#!/bin/sh\n");
	write_file("$tree/bin/nproc", "#!/bin/sh\necho 2\n");
	write_file("$tree/bin/make", <<'END');
#!/bin/sh
case "$*" in
	*-n*) i=0; while [ $i -lt 432 ]; do echo "cc -c $i.c"; i=$((i + 1)); done ;;
	*install*) [ -z "$FAIL_INSTALL" ] || { echo "no room" >&2; exit 2; }; echo "cp this that"; echo "Installed into PREFIX" ;;
	*) [ -z "$FAIL_BUILD" ] || { echo "x.c:1: error: no" >&2; exit 2; } ;;
esac
END
	chmod 0755, "$tree/scripts/setup.sh", "$tree/bin/nproc", "$tree/bin/make";
	local $ENV{PATH} = "$tree/bin:$ENV{PATH}";
	my $steps = qr/\Ainstall: 1 of 3: packages [^\n]+\ninstall: 2 of 3: building 432 files \(up to 3 min on 2 processors\)\n/;
	my $out = qx($tree/install.sh PREFIX=$dir/there 2>&1);
	is($?, 0, 'install.sh');
	like($out, qr{${steps}install: 3 of 3: installing into \Q$dir\E/there\nInstalled into PREFIX\n\z}, 'a line for each step');
	local $ENV{FAIL_INSTALL} = 1;
	$out = qx($tree/install.sh PREFIX=$dir/there 2>&1);
	isnt($?, 0, 'installing fails');
	like($out, qr/\nno room\n\z/, '... and why');
	local $ENV{FAIL_BUILD} = 1;
	$out = qx($tree/install.sh PREFIX=$dir/there 2>&1);
	isnt($?, 0, 'building fails');
	like($out, qr/${steps}x\.c:1: error: no\n\z/, '... and why');

	# Somebody else's tree, root's for example. Root may write everywhere.
	my @as_other = $> == 0 ? qw(setpriv --reuid=nobody --regid=nogroup --clear-groups) : ();
	chmod 0755, $dir;
	chmod 0555, $tree;
	$out = qx(@as_other $tree/install.sh PREFIX=$dir/there 2>&1);
	is($? >> 8, 1, 'a tree that is not writable');
	is($out, "install: $tree is not writable for you, and what is built lies in it: copy it, and call the copy's install.sh\n",
		'... is told before packages are installed');
	chmod 0755, $tree;
}

done_testing();
