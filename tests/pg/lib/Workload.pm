# SPDX-License-Identifier: Apache-2.0
#
# Workload.pm
#	  One session of the randomised workload: runs plans, on a traced connection
#	  and on an untraced twin, compares what they give, and keeps a ledger of the
#	  points that there must be.
#
# A plan is a list of steps that are drawn before anything runs, so both sides do
# the same, and a seed brings the same plans again. A step is a hash:
#
#	sql => TEXT                          a statement, simple protocol
#	multi => [TEXT...]                   several in one message
#	ext => TEXT, params, limits, name    extended protocol; limits: in slices
#	pipeline => [[TEXT, VALUE...]...]    several, one Sync
#	copy => TEXT, data => TEXT, fail     COPY FROM STDIN
#	raw => CODE                          anything else; only the traced side
#
# and, beside these: quiet (sets something, is no point), many (it may fail at
# its commit, too), also (a statement that it may bring about), loose (nothing is
# said of its points), least and most (how many points it has).
# Each side has a schema of its own, with the same in it.

package Workload;

use strict;
use warnings;

use OspTest;
use PgWire;
use WorkloadShapes;

our @kinds =
  qw(statement nested parse plan commit trigger worker function node wait);

# Of the server: socket, database, user; number: which session; epoch: which run.
sub new
{
	my ($class, %options) = @_;
	my $self = bless {
		%options,
		contexts => 0,
		ledger => {},
		plans => 0,
		statements => 0
	}, $class;

	return $self;
}

sub connect_side
{
	my ($self, $side, $settings) = @_;

	return PgWire->new(
		$self->{socket},
		database => $self->{database},
		user => $self->{user},
		application_name => "workload $self->{number}",
		options => "-c search_path=w$self->{number}_$side,public"
		  . ' -c client_min_messages=error -c statement_timeout=60s '
		  . ($settings // ''));
}

sub prepare
{
	my ($self) = @_;

	foreach my $side (qw(traced twin))
	{
		my $wire = $self->connect_side($side);

		foreach my $sql (
			"DROP SCHEMA IF EXISTS w$self->{number}_$side CASCADE",
			"CREATE SCHEMA w$self->{number}_$side",
			@WorkloadShapes::setup)
		{
			my ($error) = grep { $_->[0] eq 'error' } $wire->simple($sql);

			die "$error->[2]: $sql\n" if $error;
		}
		$self->{$side} = $wire;
	}
	return;
}

sub new_context
{
	my ($self) = @_;

	return signed(
		sprintf '%08x-%04x-4000-8000-%012x', $self->{epoch},
		$self->{number}, ++$self->{contexts});
}

# A statement with this text shall have between $least and $most points at the
# top of the context's trace; without a text: any.
sub expect
{
	my ($self, $context, $text, $least, $most) = @_;
	my $entry = $self->{ledger}{ $context->{base} }{ $text // '' } //= [ 0, 0 ];

	$entry->[0] += $least;
	$entry->[1] += $most;
	return;
}

sub draw_points
{
	my @points = grep { rand() < 0.6 } @kinds[ 1 .. $#kinds ];

	return join ',', 'statement', rand() < 0.3 ? @kinds[ 1 .. $#kinds ] : @points;
}

sub draw
{
	my ($self) = @_;
	my $plan = WorkloadShapes::draw($self);
	my @modes = qw(session session session comment startup none);

	push @modes, 'local' if $plan->{local};
	push @modes, 'set_context';
	$plan->{mode} = $plan->{only} // $modes[ rand @modes ];
	$plan->{points} = draw_points();
	$plan->{shared} = rand() < 0.5;
	$plan->{front} = rand() < 0.3;
	$plan->{end} = qw(reset reset reset_all init discard) [ rand 5 ];
	return $plan;
}

# ---- the traced side's contexts ----

# The context of the next statement of a plan, if it has one: the twin has none,
# nor has one of $several if it would have to be announced by a call.
sub context_of_statement
{
	my ($self, $plan, $side, $several) = @_;

	return undef if $side ne 'traced' || $plan->{mode} eq 'none';
	return undef
	  if $plan->{mode} eq 'set_context'
	  && ($several || $self->{traced}->state eq 'E');
	$plan->{context} = $self->new_context
	  if !$plan->{context}
	  || !$plan->{shared} && $plan->{mode} =~ /^(comment|set_context)$/;
	$self->{loose}{ $plan->{context}{base} } = 1 if $plan->{loose};
	return $plan->{context};
}

sub with_comment
{
	my ($plan, $context, $sql) = @_;

	return $sql if !$context || $plan->{mode} ne 'comment';
	return $plan->{front}
	  ? comment($context) . " $sql"
	  : "$sql " . comment($context);
}

sub options_of
{
	my ($context) = @_;

	return "-c osprofiler.trace_info=$context->{info}"
	  . " -c osprofiler.trace_hmac=$context->{hmac}";
}

# Settings of the plan, and its context unless each statement brings its own.
sub begin_plan
{
	my ($self, $plan) = @_;
	my $points = "SET osprofiler.points = '$plan->{points}'";

	if ($plan->{mode} eq 'startup')
	{
		my $context = $self->context_of_statement($plan, 'traced');

		$self->{kept} = $self->{traced};
		$self->{traced} = $self->connect_side('traced', options_of($context));
		$self->{traced}->simple($points);
		return;
	}
	$self->{traced}->simple($points);
	if ($plan->{mode} eq 'local')
	{
		$self->{$_}->simple('BEGIN') for qw(traced twin);
	}
	if ($plan->{mode} =~ /session|local/)
	{
		my $context = $self->context_of_statement($plan, 'traced');
		my $sql = set_context($context);

		$sql =~ s/SET /SET LOCAL /g if $plan->{mode} eq 'local';
		$self->{traced}->simple($sql);
	}
	return;
}

sub end_plan
{
	my ($self, $plan) = @_;
	my %ends = (
		reset => 'RESET osprofiler.trace_info; RESET osprofiler.trace_hmac',
		reset_all => 'RESET ALL',
		init => "SELECT osprofiler.init('', '')",
		discard => 'DISCARD ALL');
	my $end = $ends{ $plan->{end} };

	foreach my $side (qw(traced twin))
	{
		my $wire = $self->{$side};

		next if !$wire->alive || $wire->state eq 'I';
		$self->run_step($plan, $side, { sql => 'ROLLBACK', most => 1, least => 0 });
	}
	if ($plan->{mode} eq 'startup')
	{
		$self->{traced}->finish;
		$self->{traced} = $self->{kept};
		return;
	}
	return if !$self->{traced}->alive;

	# What calls a function is a statement of the trace that it ends; its arguments
	# may be a signature.
	$self->expect($plan->{context}, $end =~ s/'[^']*'/'***'/gr, 1, 1)
	  if $plan->{end} eq 'init' && $plan->{mode} eq 'session';
	$self->{traced}->simple($end);
	$self->{twin}->simple($end) if $plan->{end} ne 'init';
	return if $plan->{end} ne 'discard';
	delete $self->{$_}{prepared} for qw(traced twin);
	return;
}

# ---- steps ----

# Notes what the statement of a step must have left behind.
# The text with its constants as a statement has them that may hold a secret.
sub masked
{
	my ($text) = @_;

	return $text =~ s/'[^']*'|(?<![\w.])\d+(?:\.\d+)?/'***'/gr;
}

sub note
{
	my ($self, $plan, $side, $step, $context, $text, @events) = @_;
	my ($least, $most) = (1, 1);

	$self->{statements}++ if $side eq 'traced';
	return if $side ne 'traced' || !$context || $step->{quiet};
	my $wire = $self->{traced};
	my $failed = grep { $_->[0] eq 'error' } @events;

	$least = 0 if !$wire->alive || $plan->{unsure};
	$most = 2 if $step->{many} || $failed && !$step->{raw};
	($least, $most) = ($step->{least}, $step->{most}) if defined $step->{least};
	$plan->{unsure} = 1 if $plan->{mode} eq 'local' && $failed;
	$self->{loose}{ $context->{base} } = 1 if $step->{loose};
	if ($failed && $text =~ /['"\$]/)
	{
		# The text of one that did not parse may end before its first quote; EXECUTE
		# and set_config may carry secrets, so their constants are masked.
		$self->expect($context, $text =~ s/['"\$].*//sr, 0, 1);
		$self->expect($context, masked($text), 0, 1);
		$least = 0;
	}
	$text = masked($text) if $text =~ /\bEXECUTE (?!FUNCTION)/;
	$self->expect($context, $text, $least, $most);
	$self->expect($context, $_, 0, 8)
	  for WorkloadShapes::DEFERRED, $step->{also} // ();
	return;
}

sub announce_context
{
	my ($self, $plan, $context) = @_;

	return if !$context || $plan->{mode} ne 'set_context';
	my $text = substr comment($context), 2, -2;

	$text =~ s/'/''/g;
	$self->{traced}->simple("SELECT osprofiler.set_context('$text')");
	return;
}

sub run_sql
{
	my ($self, $plan, $side, $step) = @_;
	my $context = $self->context_of_statement($plan, $side);
	my $sql = $step->{sql};
	my $wire = $self->{$side};

	$self->announce_context($plan, $context);
	my @events = $wire->simple(with_comment($plan, $context, $sql));
	$self->note($plan, $side, $step, $context, $sql, @events);
	return @events;
}

sub run_multi
{
	my ($self, $plan, $side, $step) = @_;
	my @texts = @{ $step->{multi} };
	my @contexts =
	  map { $self->context_of_statement($plan, $side, 1) } @texts;
	my @sent = @texts;

	@sent = map { with_comment($plan, $contexts[$_], $texts[$_]) } 0 .. $#texts;
	my @events = $self->{$side}->simple(join '; ', @sent);
	my $done = grep { $_->[0] eq 'done' } @events;

	# One that fails after others have run may be told with the text from its
	# place on; and none of them runs if the message does not parse. Whose
	# context counts then is not said.
	return @events if $side ne 'traced';
	$self->note($plan, $side, $step, $contexts[$_], $texts[$_])
	  for 0 .. $done - 1;
	if ($done < @texts && $contexts[$done])
	{
		$self->expect($contexts[0], WorkloadShapes::DEFERRED, 0, 8);
		$self->expect($contexts[$_], undef, 0, 1) for 0 .. $#texts;
	}
	return @events;
}

# Parse, Bind, Execute; in slices if there are limits.
sub run_ext
{
	my ($self, $plan, $side, $step) = @_;
	my $wire = $self->{$side};
	my $context = $self->context_of_statement($plan, $side);
	my $name = $plan->{mode} eq 'comment' ? '' : $step->{name} // '';
	my $sql = $step->{ext};
	my @limits = @{ $step->{limits} // [0] };
	my $portal = $step->{portal} // '';

	$self->announce_context($plan, $context);
	$wire->parse($name, with_comment($plan, $context, $sql))
	  if $name eq '' || !$wire->{prepared}{$name};
	$wire->bind($portal, $name, @{ $step->{params} // [] });
	$wire->execute($portal, $_) for @limits;
	$wire->close_portal($portal) if $step->{close};
	$wire->sync;
	my @events = $wire->read_until_ready;
	$wire->{prepared}{$name} = 1 if $wire->parsed;
	$self->note($plan, $side, $step, $context, $sql, @events);
	return @events;
}

sub run_pipeline
{
	my ($self, $plan, $side, $step) = @_;
	my $wire = $self->{$side};
	my @statements = @{ $step->{pipeline} };
	my @contexts;

	foreach my $statement (@statements)
	{
		my ($sql, @values) = @$statement;
		my $context = $self->context_of_statement($plan, $side, 1);

		push @contexts, $context;
		$wire->parse('', with_comment($plan, $context, $sql));
		$wire->bind('', '', @values);
		$wire->execute('', 0);
	}
	$wire->sync;
	my @events = $wire->read_until_ready;
	my $done = grep { $_->[0] =~ /^(done|empty)$/ } @events;
	my $failed = grep { $_->[0] eq 'error' } @events;

	for my $i (0 .. $#statements)
	{
		last if $i > $done || $i == $done && !$failed;
		$self->note($plan, $side, $step, $contexts[$i], $statements[$i][0],
			$i == $done ? @events : ());
	}
	return @events;
}

sub run_copy
{
	my ($self, $plan, $side, $step) = @_;
	my $wire = $self->{$side};
	my $context = $self->context_of_statement($plan, $side);
	my $sql = $step->{copy};

	$self->announce_context($plan, $context);
	$wire->query(with_comment($plan, $context, $sql));
	my @events = $wire->read_until_copy;
	if (grep { $_->[0] eq 'copy_in' } @events)
	{
		$wire->copy_data($step->{data});
		$step->{fail} ? $wire->copy_fail : $wire->copy_done;
		push @events, $wire->read_until_ready;
	}
	$self->note($plan, $side, $step, $context, $sql, @events);
	return @events;
}

sub run_step
{
	my ($self, $plan, $side, $step) = @_;

	return if !$self->{$side}->alive;
	return $self->run_sql($plan, $side, $step) if exists $step->{sql};
	return $self->run_multi($plan, $side, $step) if $step->{multi};
	return $self->run_ext($plan, $side, $step) if exists $step->{ext};
	return $self->run_pipeline($plan, $side, $step) if $step->{pipeline};
	return $self->run_copy($plan, $side, $step) if $step->{copy};
	$step->{raw}->($self, $plan) if $side eq 'traced';
	return;
}

# What the two sides must have in common.
sub same
{
	return join "\n", map {
		my @event = @$_;
		$#event = 1 if $event[0] eq 'error';
		join '|', map { $_ // '(null)' } @event
	} @_;
}

sub run_plan
{
	my ($self, $plan) = @_;

	$self->begin_plan($plan);
	foreach my $step (@{ $plan->{steps} })
	{
		my @traced = $self->run_step($plan, 'traced', $step);
		my @twin = $self->run_step($plan, 'twin', $step);

		last if !$self->{traced}->alive;
		my ($a, $b) = (same(@traced), same(@twin));
		die "plan $plan->{name}, mode $plan->{mode}, points $plan->{points}:\n"
		  . describe($step)
		  . "traced:\n$a\nuntraced:\n$b\n"
		  if $a ne $b && !$step->{differs};
	}
	$self->end_plan($plan);
	if (!$self->{traced}->alive)
	{
		$self->{twin}->finish;
		$self->{$_} = $self->connect_side($_) for qw(traced twin);
	}
	$self->{plans}++;
	return;
}

sub describe
{
	my ($step) = @_;
	my $text = $step->{sql} // $step->{ext} // $step->{copy}
	  // join '; ', @{ $step->{multi} // [] },
	  map { $_->[0] } @{ $step->{pipeline} // [] };

	return "$text\n";
}

sub finish
{
	my ($self) = @_;

	$self->{$_}->finish for qw(traced twin);
	return;
}

1;
