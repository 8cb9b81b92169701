/* fallback.pml: mode 2pc_then_saga. Branches 0 (compensatable) and 1 (pivot) take part in attempt
 * 1, a two-phase commit; step 2 (retriable) is behind the pivot, does not prepare, and runs when
 * the rest has committed. Attempt 2 is a saga over all three.
 *
 * What is modelled. Two leaders, zombies, inquiry, and the guard on the level of PostgreSQL's rows:
 * a unique index that others wait for, a prepared transaction that holds it, ROLLBACK PREPARED as a
 * step of its own, a session that is ended. Messages are sets: any delay, order and duplication;
 * the aborts of attempt 1 may be lost where it ends without an attempt 2.
 *
 * What is not. A third attempt, more steps, outputs, time. The single statements of a call, and
 * calls that meet on different backends: guard.pml. Decisions in general: two_phase.pml; a saga's
 * turns: saga.pml.
 *
 * Asserts invariants 1 (a decision is written once), 2 and 3 (commit: both are prepared; no roll
 * back behind it), 4 (the client is told one thing), 5 (at the end nothing is prepared or held), 6
 * (no prepare behind an acknowledged abort), 7 (applied and undone at most once), 8 (attempt 2 acts
 * only behind the end of attempt 1, and beside nothing that is prepared), 10 (no write under an old
 * epoch) and 12 (the outcome is true; a commit always finds its branch).
 *
 *   the journal       epoch, row, attempt, decision (of attempt 1), turned, outcome
 *   writes in flight  decision_write, fallback_write1 and 2: 1 in flight, 2 written, 3 turned down
 *   messages          prepare, commit, abort (attempt 1); execute, compensate, revoke (attempt 2);
 *                     yes, no (votes); accepted: the client was told that it will be driven
 *   at participants   holder1: what attempt 1 holds uncommitted (RUNNING1, PREPARED1); holder2:
 *                     attempt 2 works; guard: the committed row; effects, undone, abort_acknowledged
 *
 * The rules: each with the file that keeps it and names it in brackets. -DNAME takes one away.
 *   [EARLYSEND] coordinator/txn/fallback.c
 *       nothing of attempt 2 leaves before the row that begins it is durable
 *   [POSTEARLY] coordinator/txn/saga.c
 *       the step behind the pivot starts when the decision is durable and acknowledged
 *   [NOABORT] coordinator/txn/earlier.c
 *       attempt 1 is aborted beside attempt 2. Safe without while branches ask; with NOINQ, as
 *       plain http, one is left prepared
 *   [LATEYES] coordinator/txn/fallback.c
 *       a yes that completes the votes while the fallback's write is in flight asks for no commit.
 *       Safe without, for rows are written once; not with NOWRITEONCE
 *   [ORIGINQ] coordinator/txn/inquire.c
 *       a question is about an attempt. Safe without, for the guard ends lower attempts; not with LOWERSTAYS
 *   [ORIGINQ2] coordinator/txn/inquire.c
 *       a row without decision is undecided, and never taken for abort
 *   [LOWERSTAYS] sql/participant/statements/claim.sql
 *       behind a row of attempt 2 nothing of attempt 1 can be prepared any more
 *   [TOMBALL] sql/participant/statements/claim.sql
 *       a tombstone refuses its attempt and lower ones, not higher ones
 *   [KINDKEY] sql/participant/statements/claim.sql
 *       prepare and execute share one row, and so meet
 *   [NOTOMB] sql/participant/0010_one_guard.sql participant-sdk/src/phase2.c
 *       an abort that finds nothing leaves a tombstone
 *   [NOINQ] participant-sdk/src/scan.c
 *       a prepared branch asks
 *   [NOWRITEONCE] sql/journal/statements/decide.sql sql/journal/statements/decision.sql
 *       a decision is written once; who comes second gets what stands
 *   [NOEPOCH] sql/journal/statements/fence.sql coordinator/txn/step.c
 *       the journal takes no write under an old epoch; whose write was turned down stops
 *
 * BEHIND: a prepare may do its work before it has the guard's row (working1), and write that behind
 * it, in the same transaction (guard.pml has the locks).
 *   [ROWORNOTHING] sql/participant/statements/row_behind.sql
 *       what has found no place for its row is not prepared
 *
 * POSTUNACK: the step behind the pivot waits for the decision, but not for the acknowledgements:
 * safe here, but it would see unfinished data. SOFT=1 drops the assertions of invariants 6 and 8,
 * to show what follows. */
#define COMMIT 1
#define ABORT 2
#define COMMITTED 1
#define COMPENSATED 2
#define ABORTED 3
#define TOMBSTONE1 1
#define COMMITTED1 2
#define EXECUTED2 3
#define TOMBSTONE2 4
#define RUNNING1 1
#define PREPARED1 2
#ifndef SOFT
#define SOFT 0
#endif
#ifndef NO10
#define NO10 0
#endif

byte epoch=1; bit accepted, row; byte attempt=1, decision, outcome; bit turned;
byte decision_write, fallback_write1, fallback_write2;           /* writes in flight: decision by incarnation 1, fallback by 1 and 2: 1 in flight 2 written 3 turned down */
bit prepare[2], commit[2], abort[2], execute[3], compensate[2], revoke[2];
bit yes[2], no[2];
byte holder1[2]; bit holder2[3]; bit working1[2];
byte guard[3]; bit undone[2]; bit abort_acknowledged[2];
byte effects[3];
byte told;

#ifdef NOEPOCH
#define LEADS(e) (1)
#else
#define LEADS(e) (epoch==e)
#endif
#ifdef NOWRITEONCE
#define UNDECIDED (1)
#else
#define UNDECIDED (decision==0)
#endif

inline tell(x) { assert(told==0 || told==x); told=x }

#ifdef ORIGINQ
#define SAYS_C (decision==COMMIT || outcome==COMMITTED)
#define SAYS_A ((outcome==COMPENSATED || outcome==ABORTED || (decision==ABORT && attempt==1)) || (outcome==0 && decision!=COMMIT && epoch>1))
#else
#define SAYS_C (decision==COMMIT)
#ifdef ORIGINQ2
#define SAYS_A (decision==ABORT || attempt>1 || (decision==0 && epoch>1))
#else
#define SAYS_A (decision==ABORT || attempt>1 || (!row && epoch>1))
#endif
#endif

proctype Leader(byte e)
{
  byte i; bit pivot_sent;            /* pivot_sent: this incarnation sent the pivot's execute */
  if
  :: e==1 -> skip
  :: else -> atomic { epoch==1 -> epoch=2 }
     atomic { if
       :: outcome!=0 -> goto finish
       :: !row -> goto finish
       :: row && outcome==0 && decision==COMMIT -> goto commit_phase
       :: row && outcome==0 && decision==ABORT && attempt==1 -> goto abort_phase
       :: row && outcome==0 && attempt==2 && turned -> goto undo
       :: row && outcome==0 && attempt==2 && !turned -> goto forward
       :: row && outcome==0 && decision==0 -> goto fallback
       fi }
  fi;
  atomic { prepare[0]=1; prepare[1]=1 }
  if
  :: yes[0] && yes[1] -> 
#ifdef POSTEARLY
     execute[2]=1;
#endif
     decision_write=1
  :: no[0] || no[1] -> goto abort_phase
  :: goto fallback                               /* prepare timed out */
  fi;
  if
  :: decision_write==2 -> goto commit_phase
  :: decision_write==3 -> goto finish
  fi;
commit_phase:
  atomic { tell(COMMIT); commit[0]=1; commit[1]=1 }
#ifdef POSTUNACK
  execute[2]=1; (guard[2]==EXECUTED2);
  (guard[0]==COMMITTED1 && guard[1]==COMMITTED1);
#else
  (guard[0]==COMMITTED1 && guard[1]==COMMITTED1);
  execute[2]=1; (guard[2]==EXECUTED2);
#endif
  atomic { if :: LEADS(e) && outcome==0 -> assert(e>=epoch || NO10); outcome=COMMITTED :: else -> skip fi; goto finish }
abort_phase:
  if :: abort[0]=1 :: skip fi; if :: abort[1]=1 :: skip fi;
  atomic { if :: LEADS(e) && (UNDECIDED || (decision==ABORT && attempt==1)) -> assert(e>=epoch || NO10); assert(decision!=COMMIT); decision=ABORT; row=1; outcome=ABORTED; tell(ABORT) :: else -> skip fi; goto finish }
fallback:
#ifdef EARLYSEND
  execute[0]=1;
#endif
  if :: e==1 -> fallback_write1=1 :: else -> fallback_write2=1 fi;
  do
  :: (e==1 -> fallback_write1 : fallback_write2)==2 -> break
  :: (e==1 -> fallback_write1 : fallback_write2)==3 ->
#ifdef LATEYES
      if :: atomic { e==1 && decision==COMMIT && LEADS(e) } -> goto commit_phase :: else -> goto finish fi
#else
      goto finish
#endif
#ifdef LATEYES
  :: e==1 && yes[0] && yes[1] && decision_write==0 -> decision_write=1
  :: e==1 && decision_write==2 -> goto commit_phase
#endif
  od;
#ifndef NOABORT
  atomic { abort[0]=1; abort[1]=1 }
#endif
forward:
  i=0;
forward_next:
  do
  :: atomic { i==0 -> execute[0]=1 } 
     if :: guard[0]==EXECUTED2 -> i=1 :: guard[0]==TOMBSTONE2 -> goto turn :: goto turn fi        /* done / refused / unknown, cancel */
#ifdef TOMBALL
  :: i==0 && execute[0] && guard[0]==TOMBSTONE1 -> assert(0)       /* attempt 2 refused by attempt 1's tombstone */
#endif
  :: atomic { i==1 -> execute[1]=1; pivot_sent=1 }
     if :: guard[1]==EXECUTED2 -> i=2 :: guard[1]==TOMBSTONE2 -> goto turn :: goto turn fi
  :: i==1 && !pivot_sent -> goto turn                                              /* cancel before the pivot */
  :: i==2 -> execute[2]=1; (guard[2]==EXECUTED2);
     atomic { if :: LEADS(e) && outcome==0 && !turned -> assert(e>=epoch || NO10); outcome=COMMITTED; tell(COMMIT) :: else -> skip fi; goto finish }
  od;
turn:
  if
  :: e==1 && !pivot_sent -> skip
  :: else -> revoke[1]=1; if :: guard[1]==EXECUTED2 -> i=2; goto forward_next :: guard[1]==TOMBSTONE2 -> skip fi
  fi;
  atomic { if :: LEADS(e) && outcome==0 && !turned -> assert(e>=epoch || NO10); turned=1 :: else -> goto finish fi }
undo:
  revoke[1]=1; (guard[1]==TOMBSTONE2);
  compensate[0]=1; (undone[0] || guard[0]==TOMBSTONE2);
  atomic { if :: LEADS(e) && outcome==0 -> assert(e>=epoch || NO10); outcome=COMPENSATED; tell(ABORT) :: else -> skip fi }
finish: skip
}

#define FALLBACK(p,e) \
  :: atomic { p==1 -> if :: LEADS(e) && UNDECIDED -> assert(e>=epoch || NO10); assert(decision!=COMMIT); decision=ABORT; attempt=2; row=1; p=2 :: else -> p=3 fi }

proctype Journal()
{
end: do
  :: atomic { !row && epoch==1 && decision==0 -> row=1 }                     /* lazy begin row */
  :: atomic { decision_write==1 -> if :: LEADS(1) && UNDECIDED -> assert(1>=epoch || NO10); assert(decision==0);
                           assert(holder1[0]==PREPARED1 && holder1[1]==PREPARED1); decision=COMMIT; row=1; decision_write=2 :: else -> decision_write=3 fi }
  FALLBACK(fallback_write1,1)
  FALLBACK(fallback_write2,2)
  od
}

inline roll_back1(b) { assert(decision!=COMMIT); holder1[b]=0 }
#ifdef KINDKEY
#define MEETS2(b) (1)
#define MEETS1(b) (1)
#else
#define MEETS2(b) (!holder2[b])
#define MEETS1(b) (holder1[b]==0)
#endif
#ifdef LOWERSTAYS
#define MAY_PREPARE(b) (guard[b]!=COMMITTED1)
#else
#define MAY_PREPARE(b) (guard[b]==0)
#endif

proctype P(byte b)
{
end: do
  :: atomic { prepare[b] && MAY_PREPARE(b) && holder1[b]==0 && MEETS2(b) -> assert(SOFT || !abort_acknowledged[b]); assert(SOFT || guard[b]!=EXECUTED2); holder1[b]=RUNNING1 }
#ifdef BEHIND
  :: atomic { prepare[b] && !working1[b] -> working1[b]=1 } /* whatever the row says */
#ifdef ROWORNOTHING
  :: atomic { working1[b] && holder1[b]==0 -> working1[b]=0; assert(!abort_acknowledged[b]); holder1[b]=PREPARED1 }
#else
  :: atomic { working1[b] && MAY_PREPARE(b) && holder1[b]==0 && MEETS2(b) -> working1[b]=0; assert(SOFT || !abort_acknowledged[b]); assert(SOFT || guard[b]!=EXECUTED2); holder1[b]=RUNNING1 }
#endif
  :: atomic { working1[b] -> working1[b]=0 } /* there is a row; its time is over; a crash */
#endif
  :: atomic { prepare[b] && guard[b]!=0 && !no[b] -> no[b]=1 }
  :: atomic { holder1[b]==RUNNING1 -> holder1[b]=PREPARED1 }
  :: atomic { holder1[b]==RUNNING1 -> holder1[b]=0; if :: no[b]=1 :: skip fi }
  :: atomic { prepare[b] && holder1[b]==PREPARED1 && !yes[b] -> yes[b]=1 }
  /* execute of attempt 2: roll back or end what attempt 1 left, then one local transaction */
  :: atomic { execute[b] && attempt==2 && holder1[b]==PREPARED1 -> roll_back1(b) }
  :: atomic { execute[b] && attempt==2 && holder1[b]==RUNNING1 -> holder1[b]=0 }
#ifdef TOMBALL
  :: atomic { execute[b] && MEETS1(b) && !holder2[b] && guard[b]==0 -> holder2[b]=1 }
#else
  :: atomic { execute[b] && MEETS1(b) && !holder2[b] && (guard[b]==0 || guard[b]==TOMBSTONE1) -> assert(attempt==2); holder2[b]=1 }
#endif
  :: atomic { execute[b] && guard[b]==COMMITTED1 -> assert(0) }
  :: atomic { holder2[b] -> assert(SOFT || holder1[b]!=PREPARED1); guard[b]=EXECUTED2; holder2[b]=0; effects[b]++; assert(effects[b]==1); assert(outcome!=COMPENSATED && outcome!=ABORTED) }
  :: atomic { holder2[b] -> holder2[b]=0 }                                            /* crash */
  :: atomic { holder2[b] -> holder2[b]=0; guard[b]=TOMBSTONE2 }                                   /* refused, kept as a tombstone */
  :: atomic { commit[b] && holder1[b]==PREPARED1 -> assert(decision==COMMIT); holder1[b]=0; guard[b]=COMMITTED1; effects[b]++; assert(effects[b]==1) }
  :: atomic { commit[b] && holder1[b]!=PREPARED1 && guard[b]!=COMMITTED1 -> assert(0) }
  :: atomic { abort[b] && holder1[b]==PREPARED1 -> roll_back1(b) }
  :: atomic { abort[b] && holder1[b]==RUNNING1 -> holder1[b]=0 }
#ifdef NOTOMB
  :: atomic { abort[b] && holder1[b]==0 && !abort_acknowledged[b] -> abort_acknowledged[b]=1 }
#else
  :: atomic { abort[b] && holder1[b]==0 && !holder2[b] && guard[b]==0 -> guard[b]=TOMBSTONE1; abort_acknowledged[b]=1 }
#endif
  :: atomic { (compensate[b] || revoke[b]) && holder1[b]==PREPARED1 -> roll_back1(b) }
  :: atomic { (compensate[b] || revoke[b]) && holder1[b]==RUNNING1 -> holder1[b]=0 }
  :: atomic { (compensate[b] || revoke[b]) && holder1[b]==0 && !holder2[b] && (guard[b]==0 || guard[b]==TOMBSTONE1) -> guard[b]=TOMBSTONE2 }
  :: atomic { compensate[b] && guard[b]==EXECUTED2 && !undone[b] -> assert(turned && outcome!=COMMITTED); undone[b]=1 }
#ifndef NOINQ
  :: atomic { holder1[b]==PREPARED1 && SAYS_A -> roll_back1(b); if :: guard[b]==0 && !holder2[b] -> guard[b]=TOMBSTONE1 :: else fi }
  :: atomic { holder1[b]==PREPARED1 && SAYS_C -> holder1[b]=0; assert(effects[b]==0); guard[b]=COMMITTED1; effects[b]++; assert(decision==COMMIT) }
#endif
  od
}

proctype R()
{
end: do
  :: atomic { execute[2] && guard[2]==0 && !holder2[2] -> holder2[2]=1 }
  :: atomic { holder2[2] -> holder2[2]=0; guard[2]=EXECUTED2; effects[2]++; assert(decision==COMMIT || (attempt==2 && guard[1]==EXECUTED2)) ; assert(outcome==0) }
  :: atomic { holder2[2] -> holder2[2]=0 }
  od
}

proctype Client() { 
  if
  :: atomic { !row && epoch>1 -> tell(ABORT) }
#ifdef ORIGINQ2
  :: atomic { decision==0 && epoch>1 -> tell(ABORT) }
#endif
  :: skip
  fi }

proctype Monitor()
{
  timeout ->
  assert(holder1[0]==0 && holder1[1]==0 && holder2[0]==0 && holder2[1]==0 && holder2[2]==0);
  assert(!row || outcome!=0);
  if
  :: outcome==COMMITTED -> assert(effects[0]==1 && effects[1]==1 && effects[2]==1 && !undone[0])
  :: else -> assert(effects[0]==undone[0] && effects[1]==0 && effects[2]==0)
  fi
}

init { atomic { if :: accepted=1; row=1 :: skip fi;
  run Leader(1); run Leader(2); run Journal(); run P(0); run P(1); run R(); run Client(); run Monitor() } }
