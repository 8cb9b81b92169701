/* saga.pml: a saga with steps 0 and 1 (compensatable), 2 (pivot), 3 (retriable), one after the
 * other.
 *
 * What is modelled. Leaders 1 to LEADERS: each may be paused for ever, or go on as a zombie. The
 * next execute needs no journal write, so a zombie is stopped only by its next forced write. Cancel
 * and timeouts may come at any time; step results are lazy. Messages are sets: any delay, order and
 * duplication.
 *
 * What is not. Steps beside each other (after), inputs and outputs; the accepting (the begin row is
 * there); time, and waiting between retries; a compensation that parks (but BYHAND). The guard is one row that
 * is written with the work: guard.pml has its statements.
 *
 * Asserts invariants 1 (an outcome is written once, and not behind a turn), 7 (applied and undone
 * at most once, in reverse order; committed: all done and none undone; compensated: none left), 8
 * (no compensation before the turn is durable), 10 (no write under an old epoch) and 12 (at the end
 * every saga has an outcome, and it is true). Invariant 4 follows from 1: what is told is the
 * outcome's row.
 *
 *   the journal       epoch, turned (to compensation), outcome, recorded (a step's result)
 *   messages          execute, compensate, revoke (abort to the pivot): sent to a step, by anybody
 *   of one leader     sent and refusal: BY(leader, step); writing: its outcome 1 in flight,
 *                     2 written, 3 turned down; refused (local)
 *   at participants   action: NONE, RUNNING, DONE or TOMBSTONE; undone; answered (NOTOMB only)
 *   with TRIES        tries_recorded in the journal; tries and announced (local); tries_sent, to
 *                     check
 *
 * The rules: each with the file that keeps it and names it in brackets. -DNAME takes one away.
 *   [PIVOTLAZY] coordinator/txn/pivot.c
 *       cancel and timeouts revoke a pivot that may have been sent before they turn back
 *   [UNKNOWNPIVOT] coordinator/txn/pivot.c
 *       a pivot whose retries are spent is revoked, too: it never counts as may-have-run
 *   [KNOWNONLY] coordinator/txn/compensate.c
 *       a new leader compensates every step, not only what it sent or the journal shows
 *   [EARLYCOMP] coordinator/txn/pivot.c
 *       no compensation leaves before the turn is durable
 *   [TRYCOUNT] coordinator/txn/tries.c
 *       every try behind the first is durable before it leaves, and a leader that finds no record
 *       counts one (seen with TRIES)
 *   [REFNOTOMB] participant-sdk/src/phase1.c
 *       a refusal leaves a tombstone, or its duplicate may succeed
 *   [NOTOMB] sql/participant/0010_one_guard.sql participant-sdk/src/phase2.c
 *       a compensation that finds nothing leaves a tombstone
 *   [NOEPOCH] sql/journal/statements/fence.sql coordinator/txn/step.c
 *       the journal takes no write under an old epoch; whose write was turned down stops
 *   [NOWRITEONCE] sql/journal/statements/decide.sql sql/journal/statements/decision.sql
 *       a turn and an outcome are not both written (taken away with NOPIVOT)
 *   [RESOLVEFIRST] coordinator/txn/by_hand.c
 *       an operator is told that his word counts when it is durable (seen with BYHAND)
 *   [RESOLVEDACTS] coordinator/txn/by_hand.c coordinator/txn/send.c
 *       a new leader sends nothing to a step that an operator has undone (seen with BYHAND)
 *
 * Variants that keep every rule:
 *   LEADERS=3  one more takeover
 *   NOPIVOT    step 2 is compensatable, and the last
 *   TRIES=n    step 0 may be tried n times, over all leaders. The journal never counts less than
 *              was sent, and at most one more for each leader there was: who dies behind its record
 *              takes the try with it
 *   BYHAND     step 1 refuses its compensation (parked). An operator undoes it by hand, beside its
 *              guard, says so to a leader, and mends the participant once he is told. A leader takes
 *              his word where its own command was refused; what an older one has on its way he has
 *              to look for himself (txn_resolve_check: MAY_ACT), so each command here takes the place
 *              of the one before it */
#ifndef NO10
#define NO10 0
#endif
#ifndef LEADERS
#define LEADERS 2
#endif
#if defined(TRYCOUNT) && !defined(TRIES)
#define TRIES 2
#endif
#define COMMITTED 1
#define COMPENSATED 2
#define NONE 0
#define RUNNING 1
#define DONE 2
#define TOMBSTONE 3
#ifdef NOPIVOT
#define STEPS 3
#define COMPENSATABLE(i) (1)
#define LAST 2
#else
#define STEPS 4
#define COMPENSATABLE(i) ((i)<2)
#define LAST 1
#endif
#define PIVOT 2
#define BY(e,i) ((e)*4+(i))
#ifdef BYHAND
#define TAKES(b) ((b)==1 -> (command!=0 && !stuck) : compensate[b])
#define UNDONE(b) (undone[b] || ((b)==1 && by_hand))
#ifdef RESOLVEDACTS
#define SETTLED(i) (0)
#else
#define SETTLED(i) ((i)==1 && said)
#endif
#else
#define TAKES(b) compensate[b]
#define UNDONE(b) undone[b]
#endif

byte epoch=1; bit turned; byte outcome; bit recorded[4];
bit execute[4], compensate[4], revoke[4];
bit sent[(LEADERS+1)*4];            /* incarnation e sent execute of step i */
bit refusal[(LEADERS+1)*4];            /* a refusal for incarnation e */
byte writing[LEADERS+1];              /* its outcome write: 1 in flight 2 written 3 turned down */
byte action[4]; bit undone[4]; bit answered[4];
#ifdef TRIES
byte tries_recorded; byte tries_sent;
#endif
#ifdef BYHAND
byte command;                      /* who sent the compensation of step 1 that is on its way */
bit stuck=1; bit parked[LEADERS+1]; bit by_hand; bit asked; bit said; bit told;
#endif

#ifdef NOEPOCH
#define LEADS(e) (1)
#else
#define LEADS(e) (epoch==e)
#endif
#ifdef NOWRITEONCE
#define FREE_TO_COMMIT (1)
#define FREE_TO_TURN (1)
#else
#define FREE_TO_COMMIT (outcome==0 && turned==0)
#define FREE_TO_TURN (outcome==0 && turned==0)
#endif

#ifdef TRIES
#define FIRST_TRY_UNRECORDED (TRIES>1)
inline try() {
  execute[0]=1; sent[BY(e,0)]=1; tries_sent++;
  assert(tries_sent<=TRIES)
}
#endif

proctype Leader(byte e)
{
  byte i; bit refused[4];
#ifdef TRIES
  byte tries; bit announced;       /* of step 0 */
#endif
  if
  :: e==1 -> skip
  :: else -> atomic { epoch==e-1 -> epoch=e }
     atomic {
       if
       :: outcome!=0 -> goto finish
       :: outcome==0 && turned -> goto undo
       :: else -> do :: i<STEPS && recorded[i] -> i++ :: else -> break od
       fi;
#ifdef TRIES
       if
       :: tries_recorded>0 -> tries=tries_recorded
       :: tries_recorded==0 && FIRST_TRY_UNRECORDED -> tries=1 /* it may have left all the same */
       :: else
       fi
#endif
     }
  fi;
forward:
  do
#ifdef TRIES
  :: atomic { i==0 && tries==0 && FIRST_TRY_UNRECORDED -> tries=1; try() }
#ifdef TRYCOUNT
  :: atomic { i==0 && tries<TRIES && !(tries==0 && FIRST_TRY_UNRECORDED) -> tries++; try() }
#else
  :: atomic { i==0 && tries<TRIES && !(tries==0 && FIRST_TRY_UNRECORDED) && !announced ->
       if
       :: LEADS(e) -> tries++; tries_recorded=tries; announced=1;
          assert(tries_recorded<=tries_sent+e) /* no try is lost but by a death */
       :: else -> goto finish
       fi }
  :: atomic { i==0 && announced -> announced=0; try() }
#endif
  :: atomic { i>0 && i<STEPS && !sent[BY(e,i)] -> execute[i]=1; sent[BY(e,i)]=1 }
#else
  :: atomic { i<STEPS && !sent[BY(e,i)] -> execute[i]=1; sent[BY(e,i)]=1 }
#endif
  :: atomic { i<STEPS && sent[BY(e,i)] && action[i]==DONE -> if :: LEADS(e) -> recorded[i]=1 :: skip fi; i++ }
  :: atomic { i<STEPS && (COMPENSATABLE(i) || i==PIVOT) && sent[BY(e,i)] && (refusal[BY(e,i)] || action[i]==TOMBSTONE) -> refused[i]=1; goto turn }
  :: i<STEPS && COMPENSATABLE(i) && sent[BY(e,i)] -> goto turn                 /* retries spent: may have run */
#ifndef NOPIVOT
#ifdef UNKNOWNPIVOT
  :: i==PIVOT && sent[BY(e,i)] -> goto write_turn
#else
  :: i==PIVOT && sent[BY(e,i)] -> goto turn
#endif
  :: i<=PIVOT -> goto turn                                        /* cancel, timeout */
#else
  :: i<=STEPS -> goto write_turn
#endif
  :: atomic { i==STEPS && !writing[e] -> writing[e]=1 }
  :: i==STEPS && (writing[e]==2 || writing[e]==3) -> goto finish
  od;
turn:
#ifndef NOPIVOT
#ifndef PIVOTLAZY
  if
  :: e==1 && !sent[BY(e,PIVOT)] -> skip
  :: refused[PIVOT] -> skip
  :: else -> revoke[PIVOT]=1;
     if
     :: action[PIVOT]==DONE -> i=PIVOT+1; goto forward
     :: action[PIVOT]==TOMBSTONE -> skip
     fi
  fi;
#endif
#endif
write_turn:
#ifdef EARLYCOMP
  compensate[LAST]=1;
#endif
  atomic { if :: LEADS(e) && FREE_TO_TURN -> assert(e>=epoch || NO10); assert(outcome==0); turned=1 :: else -> goto finish fi }
undo:
  i=LAST+1;
  do
#ifdef BYHAND
  :: i>0 && SETTLED(i-1) -> i--
  :: i==2 && !SETTLED(1) ->
     atomic { if :: LEADS(e) -> command=e :: else -> goto finish fi };
     if
     :: undone[1] || action[1]==TOMBSTONE
     :: !LEADS(e) -> goto finish                              /* its command was replaced */
#ifdef RESOLVEFIRST
     :: atomic { parked[e] && asked -> told=1 };
        atomic { if :: LEADS(e) -> said=1 :: else -> goto finish fi }
#else
     :: atomic { parked[e] && asked -> if :: LEADS(e) -> said=1; told=1 :: else -> goto finish fi }
#endif
     fi;
     i--
  :: i>0 && i!=2 && !SETTLED(i-1) ->
#else
  :: i>0 ->
#endif
#ifdef KNOWNONLY
     if
     :: (sent[BY(e,i-1)] || recorded[i-1]) && !refused[i-1] -> compensate[i-1]=1; (undone[i-1] || action[i-1]==TOMBSTONE || answered[i-1])
     :: else -> skip
     fi;
#else
#ifdef REFNOTOMB
     if
     :: refused[i-1] -> skip
     :: !refused[i-1] -> compensate[i-1]=1; (undone[i-1] || action[i-1]==TOMBSTONE || answered[i-1])
     fi;
#else
     compensate[i-1]=1; (undone[i-1] || action[i-1]==TOMBSTONE || answered[i-1]);
#endif
#endif
     i--
  :: i==0 -> break
  od;
  atomic { if :: LEADS(e) && outcome==0 -> assert(e>=epoch || NO10); outcome=COMPENSATED :: else -> skip fi }
finish: skip
}

inline check(b) {
  assert(!(outcome==COMPENSATED && action[b]==DONE && !UNDONE(b)));
  assert(!(turned && !COMPENSATABLE(b) && action[b]==DONE));
  assert(!(b==1 && action[1]==DONE && !UNDONE(1) && undone[0]));
  assert(!(b==2 && COMPENSATABLE(2) && action[2]==DONE && !undone[2] && (undone[0] || undone[1])))
}
#define WRITES(e) :: atomic { writing[e]==1 -> \
       if :: LEADS(e) && FREE_TO_COMMIT -> assert(e>=epoch || NO10); assert(outcome==0 && !turned); outcome=COMMITTED; writing[e]=2; \
            assert(action[0]==DONE && action[1]==DONE && action[2]==DONE && (STEPS==3 || action[3]==DONE)); \
            assert(!undone[0] && !undone[1] && !undone[2]) \
          :: else -> writing[e]=3 fi }

proctype Journal()
{
end: do
  WRITES(1)
  WRITES(2)
#if LEADERS>2
  WRITES(3)
#endif
  od
}

proctype P(byte b)
{
end:
  do
  :: atomic { execute[b] && action[b]==NONE -> action[b]=RUNNING }
  :: atomic { action[b]==RUNNING -> action[b]=DONE; check(b) }
  :: atomic { action[b]==RUNNING -> action[b]=NONE }                                 /* crash */
  :: atomic { action[b]==RUNNING && (COMPENSATABLE(b) || b==PIVOT) ->                          /* business refusal */
#ifdef REFNOTOMB
       action[b]=NONE; if :: sent[BY(1,b)] -> refusal[BY(1,b)]=1 :: sent[BY(2,b)] -> refusal[BY(2,b)]=1 fi
#else
       action[b]=TOMBSTONE
#endif
     }
#ifdef BYHAND
  :: atomic { b==1 && command!=0 && stuck -> parked[command]=1; command=0 }
#endif
  :: atomic { TAKES(b) && action[b]==DONE && !undone[b] -> assert(outcome!=COMMITTED); assert(turned); undone[b]=1;
#ifdef BYHAND
       assert(!(b==1 && by_hand));                                /* undone twice */
#endif
       if :: b==0 -> assert(!(action[1]==DONE && !UNDONE(1))) :: else fi }
#ifdef NOTOMB
  :: atomic { TAKES(b) && action[b]==NONE && !answered[b] -> answered[b]=1 }
#else
  :: atomic { TAKES(b) && action[b]==NONE -> assert(turned); action[b]=TOMBSTONE }
#endif
  :: atomic { revoke[b] && action[b]==NONE -> action[b]=TOMBSTONE }
  od
}

#ifdef BYHAND
proctype Operator()
{
end:
  if
  :: atomic { (parked[1] || parked[2]) && action[1]==DONE -> by_hand=1; asked=1 }
  :: atomic { (parked[1] || parked[2]) && action[1]==NONE -> action[1]=TOMBSTONE }
  fi;
end_told:
  told -> stuck=0
}
#endif

proctype Monitor()
{
  timeout ->
  assert(outcome!=0);
  if
  :: outcome==COMMITTED -> assert(action[0]==DONE && action[1]==DONE && action[2]==DONE && (STEPS==3 || action[3]==DONE) && !undone[0] && !undone[1] && !undone[2])
  :: else -> assert((action[0]==DONE)==undone[0] && (action[1]==DONE)==UNDONE(1) && ((action[2]==DONE)==undone[2]) && action[3]!=DONE)
  fi
}

init { atomic { run Leader(1); run Leader(2);
#if LEADERS>2
 run Leader(3);
#endif
 run Journal();
#ifdef BYHAND
 run Operator();
#endif
 run P(0); run P(1); run P(2);
#if STEPS>3
 run P(3);
#endif
 run Monitor() } }
