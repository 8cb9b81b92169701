/* two_phase.pml: an orchestrated two-phase commit with presumed abort, over takeovers.
 *
 * What is modelled. One transaction, whose gtid carries epoch 1, of BRANCHES participants, and
 * leaders 1 to LEADERS of its shard: leader e leads under epoch e. Each may die, or be paused and
 * go on later as a zombie. Leader 1 prepares; a new leader knows nothing but the journal: what was
 * accepted it drives again as a new attempt, anything else undecided it aborts. Prepared branches
 * ask; the client waits, or asks later. Messages are sets: any delay, order and duplication, and
 * loss when their sender dies.
 *
 * What is not. Values, and who is asked what by whom: a branch prepares, or it does not. Time: any
 * timeout may pass at any moment, which is more than a clock would allow. Slots, batches, retries
 * and retention. One-phase commit and late enlistment: interactive.pml. The guard is one step here,
 * "tombstone"; its order of SQL statements: guard.pml.
 *
 * Asserts invariants 1 (a decision is written once), 2 (commit: all members are prepared, in this
 * attempt), 3 (no branch rolls back behind a commit, none commits without), 4 (the client is told
 * one thing), 6 (no prepare behind an acknowledged abort of its attempt), 10 (no write under an old
 * epoch), and of 12 that no heuristic can arise: a commit finds its branch prepared, or committed
 * already. With DRAIN also 5: faults healed, nothing is left prepared.
 *
 *   the journal       epoch; row, row_attempt (a row, and its attempt); decision of each attempt
 *   a leader e        attempt_of[e]; dead[e]; writing[e]: its write of commit, as the database
 *                     sees it
 *   messages          prepare, abort, vote, abort_answered: BY(leader, branch), each leader's own;
 *                     commit, answer_aborted (to an inquiry): OF(attempt, branch)
 *   at participants   branch: NONE, RUNNING, PREPARED or COMMITTED of each attempt; tombstone: the
 *                     highest attempt with one
 *   only to check     rolled_back (a prepared branch of this attempt was), abort_acknowledged;
 *                     told (the client, the outcome)
 *
 * The rules: each with the file that keeps it and names it in brackets. -DNAME takes one away.
 *   [EARLYSEND] coordinator/txn/decide.c
 *       no commit leaves before the decision is durable
 *   [NOATT] coordinator/txn/answers.c
 *       a vote counts for the attempt that it was given in, and for no other
 *   [SAMEATT] coordinator/txn/attempt.c coordinator/txn/recovered.c
 *       what was accepted is driven again as a new attempt; one write ends the old, begins the new
 *   [ORIGINQ] coordinator/txn/inquire.c
 *       a row without decision is undecided: an older epoch in the gtid does not make it aborted
 *   [NOEPOCH] sql/journal/statements/fence.sql coordinator/txn/step.c
 *       the journal takes no write under an old epoch; whose write was turned down stops
 *   [UNLOCKED] sql/journal/statements/fence.sql
 *       the epoch's row is locked from the check to the commit, so that a takeover waits
 *   [NOWRITEONCE] sql/journal/statements/decide.sql sql/journal/statements/decision.sql
 *       a decision is written once; who comes second gets what stands
 *   [READPROVES] coordinator/journal/lane.c
 *       an unknown COMMIT is written again; a row that is not seen is never "not written"
 *   [SAMEEPOCH] sql/journal/statements/epoch_raise.sql
 *       every acquisition raises the epoch, also the same node's after a restart
 *   [INQ2STEP] coordinator/journal/questions.c
 *       an inquiry reads epoch and rows in one statement
 *   [NOTOMB] sql/participant/0010_one_guard.sql participant-sdk/src/phase2.c
 *       an abort that finds nothing leaves a tombstone
 *   [NOINQ] participant-sdk/src/scan.c coordinator/txn/begin.c
 *       a prepared branch asks; for one that cannot the begin row is forced (seen with DRAIN only)
 *
 * Variants that keep every rule:
 *   DRAIN      the network heals at last; without it a paused leader stands for a dead one, and a
 *              late message for a lost one
 *   RUNNING    prepare takes time, and may be cut off by a crash
 *   LEADERS=3  one more takeover; small enough only with ATOMICDEC (the decision's write and an
 *              inquiry are one step each) and ACCEPTED (only transactions that were accepted) */
#ifdef RUNNING
#define WHILE_PREPARING RUNNING_NOW
#else
#define WHILE_PREPARING PREPARED
#endif
#ifndef NO10
#define NO10 0 /* 1: without the assertion of invariant 10, to see what follows */
#endif
#ifndef LEADERS
#define LEADERS 2
#endif
#define BRANCHES 2
#define ATTEMPTS LEADERS
#define BY(e, b) ((e)*BRANCHES+(b))
#define OF(a, b) ((a)*BRANCHES+(b))

/* decision, told */
#define COMMIT 1
#define ABORT 2
/* branch */
#define NONE 0
#define RUNNING_NOW 1
#define PREPARED 2
#define COMMITTED 3
/* vote */
#define YES 1
#define NO 2
/* writing: 0 is none */
#define IN_FLIGHT 1
#define CHECKED 2      /* the epoch is right; holds the lock on its row */
#define WRITTEN 3
#define WRONG_EPOCH 4
#define WAS_THERE 5    /* a decision of this attempt */
#define UNDONE 6       /* the database rolled it back, and the leader does not know */

byte epoch=1;
bit  accepted;                          /* the row was forced before the first message */
bit  row;
byte row_attempt;
byte decision[ATTEMPTS+1];
bit  rolled_back[ATTEMPTS+1];

byte attempt_of[LEADERS+1];
bit  dead[LEADERS+1];
byte writing[LEADERS+1];
bit  prepare[(LEADERS+1)*BRANCHES];
bit  abort[(LEADERS+1)*BRANCHES];
bit  abort_answered[(LEADERS+1)*BRANCHES];
bit  commit[(ATTEMPTS+1)*BRANCHES];
byte vote[(LEADERS+1)*BRANCHES];

byte branch[(ATTEMPTS+1)*BRANCHES];
byte tombstone[BRANCHES];
bit  abort_acknowledged[(ATTEMPTS+1)*BRANCHES];
bit  answer_aborted[(ATTEMPTS+1)*BRANCHES];
byte told;
#ifdef DRAIN
bit  healed;
#else
#define healed 0
#endif

/* --- the journal's rules --- */

#ifdef NOEPOCH
#define LEADS(e) (1)
#else
#ifdef SAMEEPOCH
#define LEADS(e) (epoch==1)
#else
#define LEADS(e) (epoch==e)
#endif
#endif
#ifdef UNLOCKED
#define NO_WRITE_HOLDS_EPOCH (1)
#else
#if LEADERS==2
#define NO_WRITE_HOLDS_EPOCH (writing[1]!=CHECKED)
#else
#define NO_WRITE_HOLDS_EPOCH (writing[1]!=CHECKED && writing[2]!=CHECKED)
#endif
#endif
#ifdef NOWRITEONCE
#define UNDECIDED(a) (1)
#else
#define UNDECIDED(a) (decision[a]==0)
#endif

/* Invariant 10, at every write that was taken. */
#define assert_leads(e) assert(e>=epoch || NO10)
/* Invariants 1 and 2, where commit is written: every member is prepared, and none was before. */
#define assert_all_prepared(a) assert(branch[OF(a,0)]==PREPARED && branch[OF(a,1)]==PREPARED)

/* Does an inquiry about attempt a get the answer "aborted"? */
#ifdef ORIGINQ
#define ANSWERS_ABORTED(a) (decision[a]==ABORT || (decision[a]==0 && epoch>1))
#else
#ifdef SAMEEPOCH
#define ANSWERS_ABORTED(a) (decision[a]==ABORT || (row && a<row_attempt) || (!row && dead[1]))
#else
#define ANSWERS_ABORTED(a) (decision[a]==ABORT || (row && a<row_attempt) || (!row && epoch>1))
#endif
#endif

#ifdef NOATT
#define VOTED_YES(e, b) (vote[BY(e,b)]==YES || vote[BY(1,b)]==YES)
#else
#define VOTED_YES(e, b) (vote[BY(e,b)]==YES)
#endif

/* Invariant 4. */
inline tell(x) { assert(told==0 || told==x); told = x }

/* Invariant 3. */
inline roll_back(a, b) { assert(decision[a]!=COMMIT); rolled_back[a]=1 }

/* --- leaders --- */

#ifdef DRAIN
#define MAY_DIE(e) :: e<LEADERS -> goto dying
#elif defined(SAMEEPOCH)
#define MAY_DIE(e) :: e<LEADERS -> dead[e]=1 -> goto finish
#else
#define MAY_DIE(e)
#endif

inline die(e) { /* a dead sender's messages may be lost */
  d_step { dead[e]=1; }
  if :: prepare[BY(e,0)]=0 :: skip fi;
  if :: prepare[BY(e,1)]=0 :: skip fi;
  if :: abort[BY(e,0)]=0 :: skip fi;
  if :: abort[BY(e,1)]=0 :: skip fi;
}

proctype Leader(byte e)
{
  byte a; /* its attempt */
  if
  :: e==1 -> skip
  :: else -> /* the takeover, and what the journal says */
#ifdef SAMEEPOCH
     dead[1] -> skip;
#else
     atomic { epoch==e-1 && NO_WRITE_HOLDS_EPOCH -> epoch=e }
#endif
     atomic {
       if
       :: !row -> goto finish
       :: row && decision[row_attempt]==COMMIT -> attempt_of[e]=row_attempt; goto commit_phase
       :: row && decision[row_attempt]==ABORT -> attempt_of[e]=row_attempt; goto abort_phase
       :: row && decision[row_attempt]==0 && !accepted ->
          attempt_of[e]=row_attempt; goto abort_phase
       :: row && decision[row_attempt]==0 && accepted ->
#ifdef SAMEATT
          attempt_of[e]=row_attempt
#else
          a=row_attempt
#endif
       fi
     }
#ifndef SAMEATT
     if /* one write ends the attempt and begins the next */
     :: atomic { LEADS(e) && UNDECIDED(a) -> assert_leads(e);
                 decision[a]=ABORT; row_attempt=a+1; attempt_of[e]=a+1 }
     :: atomic { !(LEADS(e) && UNDECIDED(a)) -> goto stop }
     MAY_DIE(e)
     fi
#endif
  fi;
  a = attempt_of[e];
  d_step { prepare[BY(e,0)]=1; prepare[BY(e,1)]=1 }
collect_votes:
  if
  :: atomic { e==1 && !row && LEADS(e) -> row=1; row_attempt=1 } goto collect_votes /* lazy begin */
  :: VOTED_YES(e,0) && VOTED_YES(e,1) -> goto decide
  :: goto abort_phase /* a no, or the timeout */
  MAY_DIE(e)
  fi;
decide:
#ifdef EARLYSEND
  atomic { commit[OF(a,0)]=1; commit[OF(a,1)]=1 }
#endif
#ifdef ATOMICDEC
  atomic {
    if
    :: !LEADS(e) -> goto stop
    :: LEADS(e) && UNDECIDED(a) ->
       assert(!rolled_back[a]); assert_all_prepared(a);
       decision[a]=COMMIT; row=1; row_attempt=a; goto commit_phase
    :: LEADS(e) && !UNDECIDED(a) ->
       if :: decision[a]==COMMIT -> goto commit_phase :: else -> goto abort_phase fi
    fi
  }
#endif
  writing[e]=IN_FLIGHT;
await_write:
  if
  :: writing[e]==WRITTEN -> goto commit_phase
  :: writing[e]==WRONG_EPOCH -> goto stop
  :: atomic { writing[e]==WAS_THERE ->
              if :: decision[a]==COMMIT -> goto commit_phase :: else -> goto abort_phase fi }
#ifdef READPROVES
  :: atomic { (writing[e]==IN_FLIGHT || writing[e]==CHECKED || writing[e]==UNDONE) && epoch==e ->
              /* the connection is lost: read the row */
              if :: decision[a]==COMMIT -> goto commit_phase :: else -> goto abort_phase fi }
#else
  :: atomic { writing[e]==UNDONE -> writing[e]=IN_FLIGHT } goto await_write /* unknown: again */
#endif
  /* The timeout while it is unknown: abort must be durable first. */
  :: atomic { LEADS(e) && UNDECIDED(a) && writing[e]!=CHECKED -> assert_leads(e);
              assert(decision[a]==0);
              decision[a]=ABORT; row=1; row_attempt=a } goto abort_phase
  MAY_DIE(e)
  fi;
commit_phase:
  atomic { a=attempt_of[e]; tell(COMMIT); commit[OF(a,0)]=1; commit[OF(a,1)]=1; goto finish }
abort_phase: /* presumed: the aborts leave at once, the row only before the client is told */
  atomic { a=attempt_of[e]; abort[BY(e,0)]=1; abort[BY(e,1)]=1 }
  if
  :: atomic { LEADS(e) ->
       if
       :: UNDECIDED(a) -> assert_leads(e); assert(decision[a]!=COMMIT);
          decision[a]=ABORT; row=1; row_attempt=a; tell(ABORT)
       :: else -> if :: decision[a]==ABORT -> tell(ABORT) :: else -> goto commit_phase fi
       fi; goto finish }
  :: atomic { !LEADS(e) -> goto stop }
  MAY_DIE(e)
  fi;
#ifdef DRAIN
dying: die(e);
#endif
stop: /* somebody else leads */
finish: skip
}

/* --- the write of a decision, as the database sees it --- */

#define DECISION_WRITE(e) \
  :: atomic { writing[e]==IN_FLIGHT -> \
       if :: LEADS(e) -> writing[e]=CHECKED :: else -> writing[e]=WRONG_EPOCH fi } \
  :: atomic { writing[e]==CHECKED -> a=attempt_of[e]; \
       if :: UNDECIDED(a) -> assert_leads(e); assert(decision[a]==0); assert(!rolled_back[a]); \
             assert_all_prepared(a); \
             decision[a]=COMMIT; row=1; row_attempt=a; writing[e]=WRITTEN \
          :: else -> writing[e]=WAS_THERE fi; a=0 } \
  :: atomic { (writing[e]==IN_FLIGHT || writing[e]==CHECKED) && !healed -> writing[e]=UNDONE }

proctype Journal()
{
  byte a;
end:
  do
  DECISION_WRITE(1)
  DECISION_WRITE(2)
#if LEADERS>2
  DECISION_WRITE(3)
#endif
  od
}

/* --- participants --- */

#define REFUSES(a, b) (tombstone[b]>=a)
#define HOLDS(a, b) \
  (branch[OF(a,b)]==RUNNING_NOW||branch[OF(a,b)]==PREPARED||branch[OF(a,b)]==COMMITTED)
#if ATTEMPTS==2
#define HIGHER_HOLDS(a, b) (a==1 && HOLDS(2,b))
#else
#define HIGHER_HOLDS(a, b) ((a==1 && (HOLDS(2,b)||HOLDS(3,b))) || (a==2 && HOLDS(3,b)))
#endif

/* A higher attempt rolls back what lower ones left. */
inline roll_back_lower(a, b) {
  x=1;
  do
  :: x<a ->
     if
     :: branch[OF(x,b)]==PREPARED -> roll_back(x,b); branch[OF(x,b)]=NONE
     :: branch[OF(x,b)]==RUNNING_NOW -> branch[OF(x,b)]=NONE
     :: else
     fi; x++
  :: else -> break
  od; x=0
}

#define LEAVE_TOMBSTONE_BEHIND_ROLLBACK(x, b) if :: tombstone[b]<x -> tombstone[b]=x :: else fi
#ifdef NOTOMB
#define LEAVE_TOMBSTONE(x, b) skip
#else
#define LEAVE_TOMBSTONE(x, b) if :: tombstone[b]<x -> tombstone[b]=x :: else fi
#endif

/* Prepare and abort from leader e. Both may come again; once healed, only what is not answered. */
#ifdef RUNNING
#define WORK_FAILS(e) \
  :: atomic { prepare[BY(e,b)] && vote[BY(e,b)]==0 && branch[OF(attempt_of[e],b)]==RUNNING_NOW -> \
       branch[OF(attempt_of[e],b)]=NONE; vote[BY(e,b)]=NO }
#else
#define WORK_FAILS(e)
#endif
#define FROM_LEADER(e) \
  :: atomic { prepare[BY(e,b)] && (vote[BY(e,b)]==0 || !healed) && \
              branch[OF(attempt_of[e],b)]==NONE && \
              !REFUSES(attempt_of[e],b) && !HIGHER_HOLDS(attempt_of[e],b) -> \
       roll_back_lower(attempt_of[e],b); \
       assert(!abort_acknowledged[OF(attempt_of[e],b)]); /* invariant 6 */ \
       branch[OF(attempt_of[e],b)]=WHILE_PREPARING } \
  :: atomic { prepare[BY(e,b)] && vote[BY(e,b)]==0 && REFUSES(attempt_of[e],b) -> \
       vote[BY(e,b)]=NO } \
  :: atomic { prepare[BY(e,b)] && vote[BY(e,b)]==0 && branch[OF(attempt_of[e],b)]==PREPARED -> \
       vote[BY(e,b)]=YES } \
  WORK_FAILS(e) \
  :: atomic { abort[BY(e,b)] && \
              (!abort_answered[BY(e,b)] || \
               (!healed && (branch[OF(attempt_of[e],b)]==RUNNING_NOW || \
                            branch[OF(attempt_of[e],b)]==PREPARED))) -> \
       x=attempt_of[e]; \
       if \
       :: branch[OF(x,b)]==PREPARED -> roll_back(x,b); branch[OF(x,b)]=NONE; \
          LEAVE_TOMBSTONE_BEHIND_ROLLBACK(x,b) \
       :: branch[OF(x,b)]==RUNNING_NOW -> branch[OF(x,b)]=NONE; LEAVE_TOMBSTONE(x,b) \
       :: branch[OF(x,b)]==COMMITTED -> assert(0) \
       :: else -> LEAVE_TOMBSTONE(x,b) \
       fi; abort_answered[BY(e,b)]=1; abort_acknowledged[OF(x,b)]=1; x=0 }

/* Commit of attempt a, from anybody; a commit that finds nothing would be a heuristic. */
#ifdef RUNNING /* the work ends well; or there is a crash, or it fails and the reply is lost */
#define WORK_ENDS(a) \
  :: branch[OF(a,b)]==RUNNING_NOW -> branch[OF(a,b)]=PREPARED \
  :: atomic { branch[OF(a,b)]==RUNNING_NOW && !healed -> branch[OF(a,b)]=NONE }
#else
#define WORK_ENDS(a)
#endif
#define IN_ATTEMPT(a) \
  WORK_ENDS(a) \
  :: atomic { commit[OF(a,b)] && branch[OF(a,b)]==PREPARED -> \
       assert(decision[a]==COMMIT); branch[OF(a,b)]=COMMITTED } \
  :: atomic { commit[OF(a,b)] && branch[OF(a,b)]!=PREPARED && branch[OF(a,b)]!=COMMITTED -> \
       assert(0) }

/* A prepared branch asks about its attempt, and later applies the answer "aborted". */
#ifdef INQ2STEP /* the row first, the epoch afterwards */
#define ASK(a) \
  :: branch[OF(a,b)]==PREPARED && !answer_aborted[OF(a,b)] && decision[a]==0 && !row -> \
     if :: epoch>1 -> answer_aborted[OF(a,b)]=1 :: decision[a]!=0 -> skip fi
#else
#define ASK(a) \
  :: atomic { branch[OF(a,b)]==PREPARED && !answer_aborted[OF(a,b)] && ANSWERS_ABORTED(a) -> \
       answer_aborted[OF(a,b)]=1 }
#endif
#ifdef ATOMICDEC
#undef ASK
#define ASK(a)
#define APPLY(a) \
  :: atomic { branch[OF(a,b)]==PREPARED && ANSWERS_ABORTED(a) -> \
       roll_back(a,b); branch[OF(a,b)]=NONE; LEAVE_TOMBSTONE(a,b) }
#else
#define APPLY(a) \
  :: atomic { answer_aborted[OF(a,b)] && branch[OF(a,b)]==PREPARED -> \
       roll_back(a,b); branch[OF(a,b)]=NONE; LEAVE_TOMBSTONE(a,b); answer_aborted[OF(a,b)]=0 }
#endif

proctype Participant(byte b)
{
  byte x; /* an attempt, inside one step */
end:
  do
  FROM_LEADER(1)
  FROM_LEADER(2)
  IN_ATTEMPT(1)
  IN_ATTEMPT(2)
#if LEADERS>2
  FROM_LEADER(3)
  IN_ATTEMPT(3)
#endif
#ifndef NOINQ
  ASK(1) ASK(2) APPLY(1) APPLY(2)
#if LEADERS>2
  ASK(3) APPLY(3)
#endif
#endif
  od
}

/* --- the client asks later, by the rule of the inquiry --- */

proctype Client()
{
  if
  :: atomic { decision[1]==COMMIT || decision[2]==COMMIT -> tell(COMMIT) }
  :: atomic { ((row && decision[row_attempt]==ABORT) || (!row && epoch>1)) -> tell(ABORT) }
#ifdef ORIGINQ
  :: atomic { row && decision[row_attempt]==0 && epoch>1 -> tell(ABORT) }
#endif
  fi
}

/* --- faults healed: nothing is left prepared, and what was accepted has come to an end --- */

#ifdef DRAIN

proctype Monitor()
{
  byte a;
  epoch==LEADERS ->
  healed=1;
  timeout ->
  a=1;
  do
  :: a<=ATTEMPTS ->
     assert(branch[OF(a,0)]!=PREPARED && branch[OF(a,1)]!=PREPARED &&
            branch[OF(a,0)]!=RUNNING_NOW && branch[OF(a,1)]!=RUNNING_NOW);
     assert(decision[a]!=COMMIT ||
            (branch[OF(a,0)]==COMMITTED && branch[OF(a,1)]==COMMITTED)); a++
  :: else -> break
  od;
  assert(!accepted || decision[row_attempt]!=0)
}

#endif

init {
  atomic {
    attempt_of[1]=1;
#ifdef ACCEPTED
    accepted=1; row=1; row_attempt=1;
#else
    if :: accepted=1; row=1; row_attempt=1 :: skip fi;
#endif
    run Leader(1); run Leader(2);
#if LEADERS>2
    run Leader(3);
#endif
    run Journal(); run Participant(0); run Participant(1);
#ifndef ACCEPTED
    run Client();
#endif
#ifdef DRAIN
    run Monitor()
#endif

  }
}
