/* guard.pml: one branch's guard row in PostgreSQL, and the calls that meet at it on different
 * backends, perhaps of several replicas.
 *
 * What is modelled. Attempt 1 was a two-phase commit, and has ended in abort; attempt 2 is a saga.
 * Late and doubled prepare of attempt 1, abort of attempt 1, doubled execute and compensate of
 * attempt 2 come in any order; each may be there or not. Where nothing compensates (a step behind
 * the pivot) and attempt 2 was refused, an operator mends the cause and tries it again: attempt 3. A call's SQL statements are steps of their
 * own, and it may be cut off between any two. PostgreSQL's rules: one backend holds the uncommitted
 * row, everybody else's insert waits for it, PREPARE TRANSACTION keeps it held with no backend
 * behind it, and ROLLBACK PREPARED cannot be part of a transaction.
 *
 * What is not. The journal and the coordinator (fallback.pml has both, with the guard in fewer
 * steps). Other attempts and branches; the stored reply and the request's hash; retention. Lock
 * timeouts have no length: who waits may go on, or give up, at any moment.
 *
 * Asserts of one branch invariants 6 (no prepare ends well behind an acknowledged abort), 7
 * (applied and undone at most once, in this order; what was answered is so), 8 (no effect of
 * attempt 2 beside attempt 1's) and 5: at the end nothing is prepared or held, every call was
 * answered, and nobody waits for ever.
 *
 *   in the database   row: none, or what is committed; holder: the backend with the uncommitted
 *                     row, or PREPARED; prepared: the prepared transaction of attempt 1; ended: its
 *                     session was ended; with SPLITKEY the saga's row is another, holder2
 *                     refused: an execute of attempt 2 was answered so
 *   only to check     abort_acknowledged, execute_answered, compensate_answered; effects,
 *                     compensations: how often committed
 *
 * The order that holds: ROLLBACK PREPARED of what is lower, by itself. Then BEGIN, and the guard
 * row with a short lock_timeout: when it passes and the holder is prepared, again from the top; is
 * it a lower attempt that runs, its session is ended, and again from the top. Then the work, and
 * COMMIT. Then the answer.
 *
 * The rules: each with the file that keeps it and names it in brackets. -DNAME takes one away.
 *   [TOMBFIRST] participant-sdk/src/phase1.c sql/participant/0010_one_guard.sql
 *       ROLLBACK PREPARED comes before the guard's row is asked for: behind it, it waits for itself
 *   [NOLOOP] sql/participant/0010_one_guard.sql
 *       nobody waits for the row without limit: a lock timeout, a look at its holder, again
 *   [NOKILL] sql/participant/0010_one_guard.sql
 *       a lower attempt that runs is ended; safe without, and slower: then it is waited for
 *   [ACKEARLY] sql/participant/0010_one_guard.sql participant-sdk/src/phase2.c
 *       abort is acknowledged when the tombstone is committed, not when the prepared one is gone
 *   [SPLITKEY] sql/participant/statements/claim.sql
 *       prepare and execute share one row, and insert it; a check before the insert proves nothing
 *   [TWOTX] participant-sdk/src/phase1.c
 *       the row and the work are one transaction: a row of its own would say "done" of nothing
 *   [STOREDNO] coordinator/txn/proof.c
 *       an operator's retry of a refusal is a higher attempt, which the guard takes: the same one is
 *       answered by the stored refusal for ever
 *
 * BEHIND: a call may do its work first and write the row behind it, in the same transaction, as a
 * statement in one message does (statements/row_behind.sql). What it works on is a row of the
 * business then, which others wait for, too; where either row is not to be had, the call begins
 * again with the guard's row first.
 *   in the database   business: the backend that has changed it, or PREPARED
 *   [ROWORNOTHING] sql/participant/statements/row_behind.sql
 *       what has found no place for its row is not prepared and not committed
 *   [BLINDCONFLICT] participant-sdk/src/phase1.c
 *       only who has the guard's row says conflict: without it the lock may be the same call's, which
 *       is prepared */
/* Backends: 1 and 2 prepare, 3 aborts, 5 and 6 execute, 7 compensates, 8 executes again. */
#define IS_PREPARE(backend) (backend==1||backend==2)
#define PREPARED 9 /* held by the prepared transaction */
/* row: 0 is none */
#define TOMBSTONE1 1   /* of attempt 1 */
#define EXECUTED2 2
#define TOMBSTONE2 3   /* of attempt 2; also its refusal */
#define COMPENSATED2 4
#define EXECUTED3 6
#define CLAIMED2 5      /* TWOTX: the row of attempt 2 before its work */

byte holder, holder2; byte row; byte business;
bit prepared, abort_acknowledged, ended[9];
byte effects, compensations;
bit compensate_answered, execute_answered, refused, retry_answered;

#ifdef SPLITKEY
#define HOLDER1 holder
#define HOLDER2 holder2
#else
#define HOLDER1 holder
#define HOLDER2 holder
#endif

#define ROLLBACK_PREPARED if :: atomic { prepared -> prepared=0; holder=0; business=0 } :: !prepared -> skip fi

/* A backend's transaction has ended, and with it its hold on the row of the business. */
#define LET_GO(backend) if :: business==backend -> business=0 :: else fi
#ifdef BEHIND
/* The guard's row is ours: the work, which waits for a lock no longer than its time. */
#define WORK(backend, held, otherwise) \
  if \
  :: atomic { business==0 -> business=backend } \
  :: atomic { business!=0 -> held=0; goto otherwise } \
  fi
#else
#define WORK(backend, held, otherwise) skip
#endif

/* The lock timeout has passed, and the holder is of attempt 1: */
#ifdef NOKILL
#define END_RUNNING :: IS_PREPARE(HOLDER1) -> goto again
#else
#define END_RUNNING :: atomic { IS_PREPARE(HOLDER1) -> ended[HOLDER1]=1; LET_GO(HOLDER1); HOLDER1=0; goto again }
#endif
#define HELD_BY_ATTEMPT1 \
  :: HOLDER1==PREPARED -> goto again \
  END_RUNNING
/* or it is of this attempt: "retry". */
#define HELD_BY_ATTEMPT2 :: HOLDER2!=0 && HOLDER2!=PREPARED && !IS_PREPARE(HOLDER2) -> goto again

proctype Prepare(byte backend) /* attempt 1 */
{
  byte deliveries;
again:
  if :: deliveries<2 -> deliveries++ :: else -> goto finish fi;
  ended[backend]=0;
#ifdef BEHIND
  if :: skip :: goto row_first fi;
  if
  :: atomic { business==0 -> business=backend }
#ifdef BLINDCONFLICT
  :: atomic { business!=0 -> assert(!prepared); goto finish } /* "conflict" */
#else
  :: business!=0 -> skip                                 /* its own, perhaps */
#endif
  fi;
  if
#ifdef ROWORNOTHING
  :: atomic { business==backend && holder==0 -> holder=backend; goto ending }
#else
  :: atomic { business==backend && holder==0 && row==0 -> holder=backend; goto ending }
  :: atomic { business==backend && (holder!=0 || row!=0) -> business=0 }
#endif
  :: atomic { business==backend -> business=0; goto again } /* crash; again */
  :: atomic { ended[backend] -> ended[backend]=0 }
  :: business!=backend -> skip
  fi;
row_first:
#endif
#ifdef SPLITKEY
  if :: row==0 -> skip :: row!=0 -> goto finish fi; /* the check */
  if :: atomic { holder==0 -> holder=backend } :: holder!=0 -> goto finish fi;
#else
  if
  :: atomic { holder==0 && row==0 -> holder=backend }
  :: holder==0 && row!=0 -> goto finish                  /* refused */
  :: holder==PREPARED -> goto finish                     /* the same call: yes */
  :: holder!=0 && holder!=PREPARED -> goto again         /* lock timeout: "retry" */
  fi;
#endif
#ifdef BEHIND
  if
  :: atomic { !ended[backend] && business==0 -> business=backend }
  :: atomic { !ended[backend] && business!=0 -> assert(!prepared); holder=0; goto finish } /* "conflict" */
  :: ended[backend] -> skip
  fi;
ending:
#endif
  if
  :: atomic { !ended[backend] && holder==backend ->
       holder=PREPARED; business=PREPARED; prepared=1; assert(!abort_acknowledged) }
  :: atomic { ended[backend] -> ended[backend]=0 }
  :: atomic { !ended[backend] && holder==backend -> holder=0; LET_GO(backend) } goto again /* crash; again */
  fi;
finish: skip
}

proctype Abort(byte backend) /* attempt 1 */
{
again:
  ROLLBACK_PREPARED;
#ifdef ACKEARLY
  abort_acknowledged=1;
#endif
  if
  :: atomic { HOLDER2==0 && row==0 && HOLDER1==0 -> row=TOMBSTONE1; abort_acknowledged=1 }
  :: atomic { HOLDER2==0 && row!=0 && HOLDER1==0 -> abort_acknowledged=1 }
#ifndef NOLOOP
  HELD_BY_ATTEMPT1
  HELD_BY_ATTEMPT2
#endif
  fi
}

proctype Execute(byte backend) /* attempt 2 */
{
again:
#ifndef TOMBFIRST
  if :: atomic { prepared -> assert(!effects); prepared=0; holder=0; business=0 } :: !prepared -> skip fi;
#endif
#ifdef BEHIND
  if :: skip :: goto row_first fi;
  if :: atomic { business==0 -> business=backend } :: business!=0 -> goto row_first fi;
#ifdef TWOTX
  atomic { business=0; effects++; assert(effects==1) }
#endif
  if
  :: atomic { HOLDER2==0 && row==0 -> HOLDER2=backend; goto ending }
  :: atomic { HOLDER2!=0 || row!=0 -> LET_GO(backend) }
  fi;
row_first:
#endif
  if
#ifdef SPLITKEY
  :: atomic { holder2==0 && (row==0 || row==TOMBSTONE1) -> holder2=backend }
#else
#ifdef TWOTX
  :: atomic { holder==0 && (row==0 || row==TOMBSTONE1) -> row=CLAIMED2 }
  :: atomic { holder==0 && row==CLAIMED2 -> execute_answered=1; goto finish }
#else
  :: atomic { holder==0 && (row==0 || row==TOMBSTONE1) -> holder=backend }
#endif
#endif
  :: atomic { HOLDER2==0 && (row==EXECUTED2 || row==COMPENSATED2 || row==EXECUTED3) ->
       execute_answered=1; goto finish }
  :: atomic { HOLDER2==0 && row==TOMBSTONE2 -> refused=1; goto finish }
#if !defined(NOLOOP) && !defined(TOMBFIRST)
  HELD_BY_ATTEMPT1
#endif
  HELD_BY_ATTEMPT2
  fi;
#ifdef TOMBFIRST
  ROLLBACK_PREPARED;
#endif
#ifdef TWOTX
  if :: skip :: goto again fi; /* crash between the two */
  if
  :: atomic { holder==0 && row==CLAIMED2 -> holder=backend }
  :: holder==0 && row!=CLAIMED2 -> goto again
  :: holder!=0 -> goto again
  fi;
#endif
  WORK(backend, HOLDER2, again);
ending:
  if
  :: atomic { assert(!prepared); row=EXECUTED2; HOLDER2=0; LET_GO(backend); effects++; assert(effects==1);
              assert(!compensate_answered || compensations==1); execute_answered=1 }
  :: atomic { HOLDER2=0; LET_GO(backend); goto again }       /* crash; delivered again */
  :: atomic { HOLDER2=0; LET_GO(backend); row=TOMBSTONE2; refused=1 } /* refused, kept */
  fi;
finish: skip
}

proctype Retry(byte backend) /* attempt 3, once attempt 2 was refused: the cause is mended */
{
end: refused;
again:
  ROLLBACK_PREPARED;
  if
#ifdef STOREDNO
  :: HOLDER2==0 && row==TOMBSTONE2 -> goto finish
#else
  :: atomic { HOLDER2==0 && HOLDER1==0 && row==TOMBSTONE2 -> HOLDER2=backend }
#endif
  :: atomic { HOLDER2==0 && (row==EXECUTED2 || row==EXECUTED3) -> retry_answered=1; goto finish }
#ifndef NOLOOP
  HELD_BY_ATTEMPT1
#endif
  HELD_BY_ATTEMPT2
  fi;
  WORK(backend, HOLDER2, again);
  if
  :: atomic { row=EXECUTED3; HOLDER2=0; LET_GO(backend); effects++; assert(effects==1); retry_answered=1 }
  :: atomic { HOLDER2=0; LET_GO(backend); goto again } /* crash; delivered again */
  fi;
finish: skip
}

proctype Compensate(byte backend) /* attempt 2 */
{
again:
  ROLLBACK_PREPARED;
  if
  :: atomic { HOLDER2==0 && HOLDER1==0 && (row==0 || row==TOMBSTONE1 || row==CLAIMED2) ->
       row=TOMBSTONE2; compensate_answered=1; goto finish }
  :: atomic { HOLDER2==0 && row==EXECUTED2 -> HOLDER2=backend }
  :: atomic { HOLDER2==0 && (row==TOMBSTONE2 || row==COMPENSATED2) ->
       compensate_answered=1; goto finish }
#ifndef NOLOOP
  HELD_BY_ATTEMPT1
#endif
  HELD_BY_ATTEMPT2
  fi;
  WORK(backend, HOLDER2, again);
  if
  :: atomic { row=COMPENSATED2; HOLDER2=0; LET_GO(backend); compensations++; assert(compensations<=effects);
              compensate_answered=1 }
  :: atomic { HOLDER2=0; LET_GO(backend); goto again }
  fi;
finish: skip
}

/* When nothing moves any more; which calls there were is known. */
proctype Monitor(bit aborts; bit executes; bit compensates; bit retries)
{
  timeout ->
  /* Whatever came behind the prepare has removed it. */
  assert(!prepared || (!aborts && !executes && !compensates));
  assert(holder==0 || (holder==PREPARED && !aborts && !executes && !compensates));
  assert(holder2==0 && (business==0 || prepared));
  assert(!aborts || abort_acknowledged);
  assert(!(execute_answered && effects==0));
  assert(!retries || !refused || (retry_answered && effects==1));
  assert(!compensates || (compensate_answered && effects==compensations))
}

init {
  bit executes, compensates, aborts, retries;
  atomic {
    run Prepare(1); run Prepare(2);
    if :: aborts=1; run Abort(3) :: skip fi;
    if :: executes=1; run Execute(5); run Execute(6) :: skip fi;
    if :: compensates=1; run Compensate(7) :: skip fi;
    if :: executes && !compensates -> retries=1; run Retry(8) :: skip fi;
    run Monitor(aborts, executes, compensates, retries)
  }
}
