/* guard.pml: one branch's guard row in PostgreSQL, handlers on different backends (several replicas), attempt 1 = 2PC, which has ended
 * in abort; attempt 2 = saga. Late and doubled prepare(1), abort(1), execute(2), compensate(2) in any order, crash between statements.
 * own: who holds the uncommitted guard row (unique-index wait for all others): 0, a backend 1..7, or PREPD = the prepared transaction.
 * Checks: 6 (no prepare after an acknowledged abort), 7, 8 (no effect of attempt 2 beside attempt 1's), nothing left prepared, no deadlock.
 * default     : ROLLBACK PREPARED by itself; then BEGIN, guard row with a short lock_timeout; on timeout: prepared -> again from the top,
 *               running attempt 1 -> end its session, again; work; COMMIT. Acknowledge after that commit only.
 * -DTOMBFIRST : guard row first, ROLLBACK PREPARED after it                      -> waits for ever
 * -DNOLOOP    : ROLLBACK PREPARED, then an insert that waits without limit       -> waits for ever
 * -DACKEARLY  : abort acknowledged after ROLLBACK PREPARED, before the tombstone
 * -DSPLITKEY  : guard keyed by operation kind (or attempt) and checked before    -> both get in
 * -DNOKILL    : running attempt 1 is waited for, not ended (lock_timeout kept)   -> safe, slower
 * -DTWOTX     : fence of attempt 2 committed in a transaction of its own, before the action's; a retry finds its row and answers "done"
 */
#define PREPD 9
#define T1 1
#define X2 2
#define T2 3
#define C2 4
#define F2 5
byte own, own2; byte row; bit gid, acked, killed[9]; byte eff, comps; bit cdone, xdone;

#ifdef SPLITKEY
#define O1 own
#define O2 own2
#else
#define O1 own
#define O2 own
#endif
#define ATT1(k) (k==1||k==2)

proctype Prepare(byte k)
{
  byte tries;
again:
  if :: tries<2 -> tries++ :: else -> goto fin fi;
  killed[k]=0;
#ifdef SPLITKEY
  if :: row==0 -> skip :: row!=0 -> goto fin fi;              /* the check */
  if :: atomic { own==0 -> own=k } :: own!=0 -> goto fin fi;
#else
  if
  :: atomic { own==0 && row==0 -> own=k }
  :: own==0 && row!=0 -> goto fin                             /* refused */
  :: own==PREPD -> goto fin                                   /* same call: yes */
  :: own!=0 && own!=PREPD -> goto again                       /* lock timeout: answer retry */
  fi;
#endif
  if
  :: atomic { !killed[k] && own==k -> own=PREPD; gid=1; assert(!acked) }
  :: atomic { killed[k] -> killed[k]=0 }
  :: atomic { !killed[k] && own==k -> own=0 } goto again                 /* crash, then delivered again */
  fi;
fin: skip
}

proctype Abort(byte k)
{
top:
  if :: atomic { gid -> gid=0; own=0 } :: !gid -> skip fi;
#ifdef ACKEARLY
  acked=1;
#endif
  if
  :: atomic { O2==0 && row==0 && O1==0 -> row=T1; acked=1 }
  :: atomic { O2==0 && row!=0 && O1==0 -> acked=1 }
#ifdef NOLOOP
#else
  :: O1==PREPD -> goto top
#ifdef NOKILL
  :: ATT1(O1) -> goto top
#else
  :: atomic { ATT1(O1) -> killed[O1]=1; O1=0; goto top }
#endif
  :: O2!=0 && O2!=PREPD && !ATT1(O2) -> goto top
#endif
  fi
}

proctype Exec(byte k)
{
top:
#ifndef TOMBFIRST
  if :: atomic { gid -> assert(!eff); gid=0; own=0 } :: !gid -> skip fi;
#endif
  if
#ifdef SPLITKEY
  :: atomic { own2==0 && (row==0 || row==T1) -> own2=k }
#else
#ifdef TWOTX
  :: atomic { own==0 && (row==0 || row==T1) -> row=F2 }
  :: atomic { own==0 && row==F2 -> xdone=1; goto fin }
#else
  :: atomic { own==0 && (row==0 || row==T1) -> own=k }
#endif
#endif
  :: atomic { O2==0 && (row==X2 || row==C2) -> xdone=1; goto fin }
  :: O2==0 && row==T2 -> goto fin
#if !defined(NOLOOP) && !defined(TOMBFIRST)
  :: O1==PREPD -> goto top
#ifdef NOKILL
  :: ATT1(O1) -> goto top
#else
  :: atomic { ATT1(O1) -> killed[O1]=1; O1=0; goto top }
#endif
#endif
  :: O2!=0 && O2!=PREPD && !ATT1(O2) -> goto top
  fi;
#ifdef TOMBFIRST
  if :: atomic { gid -> gid=0; own=0 } :: !gid -> skip fi;
#endif
#ifdef TWOTX
  if :: skip :: goto top fi;                                   /* crash between the two */
  if
  :: atomic { own==0 && row==F2 -> own=k }
  :: own==0 && row!=F2 -> goto top
  :: own!=0 -> goto top
  fi;
#endif
  if
  :: atomic { assert(!gid); row=X2; O2=0; eff++; assert(eff==1); assert(!cdone || comps==1) ; xdone=1 }
  :: atomic { O2=0; goto top }                                /* crash, delivered again */
  :: atomic { O2=0; row=T2 }                                  /* refused, kept */
  fi;
fin: skip
}

proctype Comp(byte k)
{
top:
  if :: atomic { gid -> gid=0; own=0 } :: !gid -> skip fi;
  if
  :: atomic { O2==0 && O1==0 && (row==0 || row==T1 || row==F2) -> row=T2; cdone=1; goto fin }
  :: atomic { O2==0 && row==X2 -> O2=k }
  :: atomic { O2==0 && (row==T2 || row==C2) -> cdone=1; goto fin }
#ifndef NOLOOP
  :: O1==PREPD -> goto top
#ifdef NOKILL
  :: ATT1(O1) -> goto top
#else
  :: atomic { ATT1(O1) -> killed[O1]=1; O1=0; goto top }
#endif
#endif
  :: O2!=0 && O2!=PREPD && !ATT1(O2) -> goto top
  fi;
  if
  :: atomic { row=C2; O2=0; comps++; assert(comps<=eff); cdone=1 }
  :: atomic { O2=0; goto top }
  fi;
fin: skip
}

proctype Monitor(bit a; bit x; bit c)
{
  timeout ->
  assert(!gid || (!a && !x && !c));            /* something of attempt 2, or the abort, has removed it */
  assert(own==0 || (own==PREPD && !a && !x && !c)); assert(own2==0);
  assert(!a || acked);
  assert(!(xdone && eff==0));
  assert(!c || (cdone && eff==comps))
}

init {
  bit x, c, a;
  atomic {
    run Prepare(1); run Prepare(2);
    if :: a=1; run Abort(3) :: skip fi;
    if :: x=1; run Exec(5); run Exec(6) :: skip fi;
    if :: c=1; run Comp(7) :: skip fi;
    run Monitor(a,x,c)
  }
}
