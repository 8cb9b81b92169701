/* lost_tail.pml: the journal's database fails over to a standby that lagged behind: rows and epochs
 * that were acknowledged are gone.
 *
 * What is modelled. One transaction of two branches (two-phase commit, one attempt, its gtid of epoch
 * 1). Leaders 1 and 2 under epochs 1 and 2, as ever; each may die, or be paused and go on as a
 * zombie. The standby takes the journal's state over whenever it likes, as a whole; once it is
 * promoted, and what it has is the journal. Leader 3 comes then, knows that something may be missing,
 * and asks the branches. Each of leaders 2 and 3 begins one more transaction of its own (a request,
 * one branch), to see that no gtid is given twice. Messages are sets.
 *
 * What is not. Further attempts, sagas, one phase (coordinator/txn/doubt.c tells their cases; the
 * simulator has them). What the operator does with what is parked. A second loss.
 *
 * Asserts invariants 2 (commit: both are prepared), 3 (no branch rolls back behind a commit, none
 * commits without), 4 (the client is told one thing, and what the branches did is no other), and that
 * the guard's row of a gtid is of one request.
 *
 *   the journal       epoch, timeline, row, decision; behind: what the standby has of them; lost: it
 *                     was promoted, so that a row's absence proves nothing
 *   a leader e        its epoch mine[e], and the timeline saw[e] that its session is of
 *   at participants   branch: NONE, PREPARED, COMMITTED, GONE (with a tombstone); has_read: it voted
 *                     read_only, of which nothing is left
 *   only to check     told; was_commit: a commit of it was ever durable
 *
 * The rules: each with the file that keeps it and names it in brackets. -DNAME takes one away.
 *   [LOSTTAIL] coordinator/txn/doubt.c coordinator/txn/recovered.c
 *       a row from before the loss without a decision is neither aborted nor driven again; its
 *       branches prove what it came to, or nobody knows
 *   [ABSENCE] coordinator/txn/inquire.c
 *       where rows may be missing, no row is "unknown", not "aborted"
 *   [WITNESS] coordinator/txn/doubt.c
 *       a branch that knows nothing may have only read: a tombstone alone proves the abort
 *   [TIMELINE] coordinator/journal/lost.c sql/journal/statements/kept.sql
 *       a leader whose session was of another timeline writes nothing under its epoch any more
 *   [ABOVEALL] coordinator/journal/lost.c sql/journal/statements/epoch_raise.sql
 *       the epoch behind a loss is above every epoch that was ever seen */
#define COMMIT 1
#define ABORT 2
#define NONE 0
#define PREPARED 1
#define COMMITTED 2
#define GONE 3

byte epoch=1, decision; bit row, timeline, lost;
byte behind_epoch=1, behind_decision; bit behind_row;
byte mine[4]; bit saw[4];
bit prepare[2], commit[2], abort[2], vote[2];
byte branch[2]; bit has_read[2];
byte told; bit was_commit;
byte guard_row[6]; /* of the other transactions: by the epoch of their gtid, the request */

#ifdef TIMELINE
#define LEADS(e) (epoch==mine[e])
#else
#define LEADS(e) (epoch==mine[e] && saw[e]==timeline)
#endif
#ifdef ABSENCE
#define ANSWERS_ABORTED (decision==ABORT || (decision==0 && !row && epoch>1))
#else
#define ANSWERS_ABORTED (decision==ABORT || (decision==0 && !row && epoch>1 && !lost))
#endif

inline tell(x) {
  assert(told==0 || told==x);
  assert(x==COMMIT || (branch[0]!=COMMITTED && branch[1]!=COMMITTED));
  assert(x==ABORT || (branch[0]!=GONE && branch[1]!=GONE));
  told=x
}

inline decide_commit(e) {
  assert(branch[0]!=GONE && branch[1]!=GONE &&
         (branch[0]!=NONE || has_read[0]) && (branch[1]!=NONE || has_read[1]));
  decision=COMMIT; row=1; was_commit=1; tell(COMMIT); commit[0]=1; commit[1]=1
}

proctype Leader(byte e)
{
  byte found;
  if
  :: e==1 -> mine[1]=1
  :: e==2 -> if :: atomic { epoch==1 && !timeline -> epoch=2; mine[2]=2 } :: timeline -> goto finish fi
  :: e==3 ->
     atomic {
       timeline ->
#ifdef ABOVEALL
       epoch=epoch+1;
#else
       epoch=(mine[2]>epoch -> mine[2]+1 : epoch+1);
#endif
       mine[3]=epoch; saw[3]=timeline
     }
  fi;
  /* A transaction of its own: the guard's row is there already where the gtid was given before. */
  if
  :: e>1 -> atomic {
       if :: guard_row[mine[e]]==0 -> guard_row[mine[e]]=e :: else fi;
       assert(guard_row[mine[e]]==e) }
  :: else
  fi;
  if
  :: e==1 -> atomic { prepare[0]=1; prepare[1]=1 }
     do
     :: atomic { LEADS(e) && !row -> row=1 } /* lazy begin */
     :: vote[0] && vote[1] -> break
     :: goto abort_phase
     :: goto finish
     od;
     if
     :: atomic { LEADS(e) && decision==0 -> decide_commit(e); goto finish }
     :: !(LEADS(e) && decision==0) -> goto finish
     :: goto abort_phase /* the write never left */
     fi
  :: e>1 ->
     if
     :: decision==COMMIT -> atomic { commit[0]=1; commit[1]=1 }; goto finish
     :: decision==ABORT -> atomic { abort[0]=1; abort[1]=1 }; goto finish
     :: decision==0 && !row -> goto finish
     :: decision==0 && row && !lost -> goto abort_phase
     :: decision==0 && row && lost ->
#ifdef LOSTTAIL
        goto abort_phase
#else
        goto doubt
#endif
     fi
  fi;
doubt: /* one after the other, whatever happens meanwhile; bit 0: committed, 1: gone, 2: prepared */
  found=found | (branch[0]==COMMITTED -> 1 : (branch[0]==GONE -> 2 : (branch[0]==PREPARED -> 4 : 0)));
  found=found | (branch[1]==COMMITTED -> 1 : (branch[1]==GONE -> 2 : (branch[1]==PREPARED -> 4 : 0)));
  if
  :: found & 1 ->
     if
     :: atomic { LEADS(e) && decision==0 -> decide_commit(e) }
     :: !(LEADS(e) && decision==0) -> skip
     fi
#ifdef WITNESS
  :: found==2 || found==0 -> goto abort_phase
#else
  :: found==2 -> goto abort_phase
#endif
  :: else -> skip /* parked */
  fi;
  goto finish;
abort_phase:
  if
  :: e==1 -> /* presumed: the aborts leave at once; its own epoch, so that no commit is in flight */
     atomic { abort[0]=1; abort[1]=1 }
  :: else -> atomic { abort[0]=1; abort[1]=1 }
  fi;
  if
  :: atomic { LEADS(e) && decision==0 -> decision=ABORT; row=1; tell(ABORT) }
  :: !(LEADS(e) && decision==0) -> skip
  :: goto finish
  fi;
finish: skip
}

inline roll_back(b) { assert(!was_commit); branch[b]=GONE }

proctype Participant(byte b)
{
end:
  do
  :: atomic { prepare[b] && branch[b]==NONE && !has_read[b] -> branch[b]=PREPARED }
  :: atomic { prepare[b] && branch[b]==NONE && !has_read[b] -> has_read[b]=1; vote[b]=1 }
  :: atomic { branch[b]==PREPARED && !vote[b] -> vote[b]=1 }
  :: atomic { prepare[b] && branch[b]==NONE && !has_read[b] -> branch[b]=GONE } /* a no: a tombstone */
  :: atomic { commit[b] && branch[b]==PREPARED -> assert(was_commit); branch[b]=COMMITTED }
  :: atomic { commit[b] && ((branch[b]==NONE && !has_read[b]) || branch[b]==GONE) ->
              assert(0) }
  :: atomic { abort[b] && branch[b]==PREPARED -> roll_back(b) }
  :: atomic { abort[b] && branch[b]==NONE -> branch[b]=GONE }
  :: atomic { branch[b]==PREPARED && ANSWERS_ABORTED -> roll_back(b) }
  :: atomic { branch[b]==PREPARED && decision==COMMIT -> branch[b]=COMMITTED }
  od
}

proctype Standby()
{
  do
  :: atomic { !(behind_epoch==epoch && behind_row==row && behind_decision==decision) ->
       behind_epoch=epoch; behind_row=row; behind_decision=decision }
  :: atomic { timeline=1; lost=1;
       epoch=behind_epoch; row=behind_row; decision=behind_decision; break }
  od
}

/* It asks for the outcome later. */
proctype Client()
{
  if
  :: atomic { decision==COMMIT -> tell(COMMIT) }
  :: atomic { ANSWERS_ABORTED -> tell(ABORT) }
  :: skip
  fi
}

init { atomic {
  run Leader(1); run Leader(2); run Leader(3); run Participant(0); run Participant(1);
  run Standby(); run Client()
} }
