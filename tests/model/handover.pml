/* handover.pml: an open interactive transaction whose shard is handed over in good order.
 *
 * What is modelled. Two services, each of which prepares, enlists, and answers its caller once that
 * was acknowledged. The client, which sends commit and names who has answered it, or never does.
 * Leaders 1 to 3 of the shard, leader e under epoch e: each may accept enlistments, decide, abort,
 * hand the shard over, die, or be paused and go on as a zombie, at any point. A leader knows nothing
 * but the journal when it begins. Messages are sets: any delay, order and duplication.
 *
 * What is not. Prepares and one phase: every branch enlists as prepared, which is the hard case, for
 * nobody asks it again (interactive.pml has the others). Members that cannot ask. What is
 * orchestrated: it is driven again as a new attempt, by the rules of two_phase.pml. Sagas, which the
 * journal has anyway. Time.
 *
 * Asserts invariants 2 (commit: all members are prepared), 3 (members commit together or not at
 * all), 4 (the client is told one thing, and who answered it is in), 5 (at the end nothing is left
 * prepared), and of 12 that no heuristic can arise: a commit finds its branch prepared, or committed.
 *
 *   the journal     epoch, decision, members (of the decision); handed: the epoch of the leader that
 *                   handed it over, 0 for none; list: the members as it left them
 *   a leader e      listed, of which it has acknowledged all
 *   messages        enlisted, acknowledged, commit, abort
 *   at services     branch: IDLE, PREPARED, COMMITTED or GONE; answered_caller
 *   at the client   wants_commit; relies_on: who had answered it by then; told
 *
 * The rules: each with the file that keeps it and names it in brackets. -DNAME takes one away.
 *   [HANDOVER] coordinator/txn/leave.c
 *       behind the record that hands it over its leader is silent: it acknowledges no enlistment, and
 *       aborts nothing
 *   [HANDEDBEFORE] coordinator/txn/leave.c coordinator/txn/recover.c
 *       a leader keeps it open only where the one right before it handed it over
 *   [NOEPOCH] sql/journal/statements/fence.sql coordinator/txn/step.c
 *       the journal takes no write of an old leader; whose write was turned down stops */
#define LEADERS 3
#define BY(e, b) ((e)*2+(b))
#define COMMIT 1
#define ABORT 2
/* branch */
#define IDLE 0
#define PREPARED 1
#define COMMITTED 2
#define GONE 3

byte epoch=1, decision, handed;
bit members[2], list[2];
bit listed[(LEADERS+1)*2];
bit enlisted[2], acknowledged[2], commit[2], abort[2];
byte branch[2];
bit answered_caller[2], relies_on[2], wants_commit;
byte told;

#ifdef NOEPOCH
#define LEADS(e) (1)
#else
#define LEADS(e) (epoch==e)
#endif
#ifdef HANDEDBEFORE
#define KEEPS(e) (handed!=0)
#else
#define KEEPS(e) (handed!=0 && handed+1==e)
#endif
#define NAMED_ARE_LISTED(e) \
  ((!relies_on[0] || listed[BY(e,0)]) && (!relies_on[1] || listed[BY(e,1)]))

/* Invariants 3 and 4. */
inline tell(x) {
  assert(told==0 || told==x);
  assert(x==ABORT || ((!relies_on[0]||branch[0]!=GONE) && (!relies_on[1]||branch[1]!=GONE)));
  assert(x==COMMIT || (branch[0]!=COMMITTED && branch[1]!=COMMITTED));
  told=x
}

/* What a prepared branch is told when it asks: a row without a decision says nothing. */
#define ANSWERS_COMMITTED(b) (decision==COMMIT && members[b])
#define ANSWERS_ABORTED(b) \
  (decision==ABORT || (decision==COMMIT && !members[b]) || \
   (decision==0 && handed==0 && epoch>1))

#define ENLIST(e, b) \
  atomic { enlisted[b] && (!listed[BY(e,b)] || !acknowledged[b]) -> \
           listed[BY(e,b)]=1; acknowledged[b]=1 }

proctype Leader(byte e)
{
  if
  :: e==1 -> skip
  :: e>1 -> atomic { epoch==e-1 -> epoch=e };
     atomic {
       if
       :: decision==COMMIT -> commit[0]=members[0]; commit[1]=members[1]; goto finish
       :: decision==ABORT -> goto finish /* its branches ask */
       :: decision==0 && KEEPS(e) -> listed[BY(e,0)]=list[0]; listed[BY(e,1)]=list[1]
       :: decision==0 && !KEEPS(e) ->
          listed[BY(e,0)]=list[0]; listed[BY(e,1)]=list[1]; goto abort_phase
       fi
     }
  fi;
open:
  do
  :: ENLIST(e,0)
  :: ENLIST(e,1)
  :: atomic { wants_commit && NAMED_ARE_LISTED(e) && (listed[BY(e,0)] || listed[BY(e,1)]) -> break }
  :: goto abort_phase /* cancel, timeout */
  :: atomic { e<LEADERS && LEADS(e) && decision==0 && handed<e ->
       handed=e; list[0]=listed[BY(e,0)]; list[1]=listed[BY(e,1)];
#ifndef HANDOVER
       goto finish
#endif
     }
  :: e<LEADERS -> goto finish /* it dies */
  od;
  if
  :: atomic { LEADS(e) && decision==0 ->
       assert((!listed[BY(e,0)] || branch[0]==PREPARED) &&
              (!listed[BY(e,1)] || branch[1]==PREPARED));
       decision=COMMIT; members[0]=listed[BY(e,0)]; members[1]=listed[BY(e,1)];
       tell(COMMIT); commit[0]=members[0]; commit[1]=members[1]; goto finish }
  :: !(LEADS(e) && decision==0) -> goto finish
  :: e<LEADERS -> goto finish
  fi;
abort_phase: /* presumed: the aborts leave at once, the row only before the client is told */
  if :: abort[0]=listed[BY(e,0)] :: skip fi;
  if :: abort[1]=listed[BY(e,1)] :: skip fi;
  if
  :: atomic { LEADS(e) && decision==0 -> decision=ABORT; tell(ABORT) }
  :: !(LEADS(e) && decision==0) -> skip
  :: e<LEADERS -> skip
  fi;
finish: skip
}

inline roll_back(b) {
  assert(!(decision==COMMIT && members[b]));
  assert(!(told==COMMIT && relies_on[b]));
  branch[b]=GONE
}

proctype Service(byte b)
{
end:
  do
  :: atomic { branch[b]==IDLE -> branch[b]=PREPARED }
  :: atomic { branch[b]==PREPARED && !enlisted[b] -> enlisted[b]=1 }
  :: atomic { branch[b]==PREPARED && acknowledged[b] && !answered_caller[b] -> answered_caller[b]=1 }
  :: atomic { commit[b] && branch[b]==PREPARED -> assert(told!=ABORT); branch[b]=COMMITTED }
  :: atomic { commit[b] && branch[b]!=PREPARED && branch[b]!=COMMITTED -> assert(0) }
  :: atomic { abort[b] && branch[b]==PREPARED -> roll_back(b) }
  :: atomic { branch[b]==PREPARED && ANSWERS_ABORTED(b) -> roll_back(b) }
  :: atomic { branch[b]==PREPARED && ANSWERS_COMMITTED(b) -> branch[b]=COMMITTED }
  od
}

/* It commits or not, and asks for the outcome later. */
proctype Client()
{
  if
  :: atomic { wants_commit=1; relies_on[0]=answered_caller[0]; relies_on[1]=answered_caller[1] }
  :: skip
  fi;
  if
  :: atomic { decision==COMMIT -> tell(COMMIT) }
  :: atomic { decision==ABORT -> tell(ABORT) }
  :: atomic { decision==0 && handed==0 && epoch>1 -> tell(ABORT) }
  fi
}

/* When nothing moves any more. */
proctype Monitor()
{
  timeout ->
  assert(branch[0]!=PREPARED && branch[1]!=PREPARED);
  assert(told!=COMMIT || ((!relies_on[0] || branch[0]==COMMITTED) &&
                          (!relies_on[1] || branch[1]==COMMITTED)))
}

init { atomic {
  run Leader(1); run Leader(2); run Leader(3); run Service(0); run Service(1);
  run Client(); run Monitor()
} }
