/* interactive.pml: interactive transactions: late enlistment, early prepare, one-phase commit, closed list, takeover.
 * Two services enlist by themselves; incarnation 1 made the gtid, incarnation 2 knows only the journal.
 * Network = set of messages. Checks invariants 1 2 3 4 5 6 12.
 * default       : the rules of the design
 * -DORIGINQ     : inquiry by gtid (a decision row answers, whoever asks; no row and older epoch: aborted)
 * -DONEPHASE0   : one-phase commit: nothing durable first (also for a branch that prepared early)
 * -DONEPHASE1   : one-phase commit with a durable delegation, but a prepared branch is also committed that way
 * -DOKFIRST     : a service answers its caller before its enlistment was acknowledged
 * -DOKFIRST -DNAMES : the same, but the client's commit names the branches it knows
 * -DUNILATERAL  : a service that enlisted as prepared rolls back by itself when the answer to its enlistment is lost
 * must-fail     : -DOPENLIST (member list not closed), -DNOEPOCH, -DEARLYSEND
 */
#define COMMIT 1
#define ABORT 2
#define IDLE 0
#define WORK 1
#define PREP 2
#define COMM 3
#define GONE 4
mtype = { OPEN, CLOSING, DONEC, DONEA, LOST };

byte jepoch=1, jdec, jdeleg; bit jmem[2];
mtype st=OPEN;                       /* memory of incarnation 1 */
bit mem[2], vote[2];
bit enl[2], pv[2], eok[2], eref[2];
bit m_prep[2], m_c1[2], m_commit[2], m_abort[2], vy[2], vn[2], r1ok[2], r1no[2];
byte s[2];
bit ok[2], rel[2], ccommit;
byte told;

#ifdef NOEPOCH
#define EPOK(e) (1)
#else
#define EPOK(e) (jepoch==e)
#endif
#ifdef NAMES
#define NAMED ((!rel[0] || mem[0]) && (!rel[1] || mem[1]))
#else
#define NAMED (1)
#endif

inline tell(x) { assert(told==0 || told==x); assert(x==ABORT || ((!rel[0]||s[0]!=GONE) && (!rel[1]||s[1]!=GONE))); assert(x==COMMIT || (s[0]!=COMM && s[1]!=COMM)); told=x }

#ifdef ORIGINQ
#define SAYS_C(b) (jdec==COMMIT)
#define SAYS_A(b) (jdec==ABORT || (jdec==0 && jepoch>1) || (jdec==0 && jepoch==1 && st==DONEA))
#else
#define SAYS_C(b) (jdec==COMMIT && jmem[b])
#define SAYS_A(b) (jdec==ABORT || (jdec==COMMIT && !jmem[b]) || (jdec==0 && jdeleg!=0 && jdeleg!=b+1) || \
                   (jdec==0 && jdeleg==0 && jepoch>1) || \
                   (jdec==0 && jdeleg==0 && jepoch==1 && (st==DONEA || (st==CLOSING && !mem[b]))))
#endif

proctype L1()
{
  do
  :: atomic { st==OPEN && enl[0] && !eok[0] -> mem[0]=1; vote[0]=pv[0]; eok[0]=1 }
  :: atomic { st==OPEN && enl[1] && !eok[1] -> mem[1]=1; vote[1]=pv[1]; eok[1]=1 }
  :: atomic { st==OPEN && ccommit && NAMED -> st=CLOSING; break }
  :: st=DONEA; goto abrt                      /* cancel, timeout */
  :: goto died
  od;
  /* closing */
  if
#ifdef ONEPHASE0
  :: mem[0]+mem[1]==1 -> 
#else
#ifdef ONEPHASE1
  :: mem[0]+mem[1]==1 ->
#else
  :: (mem[0] && !mem[1] && !vote[0]) || (mem[1] && !mem[0] && !vote[1]) ->
#endif
     if :: atomic { EPOK(1) && jdec==0 && jdeleg==0 -> jdeleg = (mem[0] -> 1 : 2) }
        :: !EPOK(1) -> goto died
        :: goto died fi;
#endif
     atomic { if :: mem[0] -> m_c1[0]=1 :: else -> m_c1[1]=1 fi }
     do
#ifdef OPENLIST
     :: atomic { enl[0] && !eok[0] -> mem[0]=1; vote[0]=pv[0]; eok[0]=1 }
     :: atomic { enl[1] && !eok[1] -> mem[1]=1; vote[1]=pv[1]; eok[1]=1 }
#else
     :: atomic { enl[0] && !mem[0] -> eref[0]=1 }
     :: atomic { enl[1] && !mem[1] -> eref[1]=1 }
#endif
     :: atomic { r1ok[0] || r1ok[1] -> 
           if :: EPOK(1) && jdec==0 -> jdec=COMMIT; jmem[0]=mem[0]; jmem[1]=mem[1]; st=DONEC; tell(COMMIT); goto died
              :: else -> goto died fi }
     :: atomic { r1no[0] || r1no[1] -> st=DONEA; goto abrt }
     :: goto died
     od
  :: else -> skip
  fi;
  atomic { if :: mem[0] && !vote[0] -> m_prep[0]=1 :: else fi; if :: mem[1] && !vote[1] -> m_prep[1]=1 :: else fi }
#ifdef EARLYSEND
  atomic { if :: mem[0] && (vote[0] || vy[0]) && (!mem[1] || vote[1] || vy[1]) -> m_commit[0]=1 :: else fi }
#endif
  do
#ifdef OPENLIST
  :: atomic { enl[0] && !eok[0] -> mem[0]=1; vote[0]=pv[0]; eok[0]=1 }
  :: atomic { enl[1] && !eok[1] -> mem[1]=1; vote[1]=pv[1]; eok[1]=1 }
#else
  :: atomic { enl[0] && !mem[0] && !eref[0] -> eref[0]=1 }
  :: atomic { enl[1] && !mem[1] && !eref[1] -> eref[1]=1 }
#endif
  :: (!mem[0] || vote[0] || vy[0]) && (!mem[1] || vote[1] || vy[1]) -> break
  :: atomic { vn[0] || vn[1] -> st=DONEA; goto abrt }
  :: atomic { st=DONEA; goto abrt }           /* timeout */
  :: goto died
  od;
#ifdef EARLYSEND
  atomic { m_commit[0]=mem[0]; m_commit[1]=mem[1] }
#endif
#ifdef OPENLIST                               /* the write is on its way: still open */
  do
  :: atomic { enl[0] && !eok[0] -> mem[0]=1; vote[0]=pv[0]; eok[0]=1 }
  :: atomic { enl[1] && !eok[1] -> mem[1]=1; vote[1]=pv[1]; eok[1]=1 }
  :: break
  od;
#endif
  if
  :: atomic { EPOK(1) && jdec==0 ->
       assert((!mem[0] || s[0]==PREP) && (!mem[1] || s[1]==PREP));
       jdec=COMMIT; jmem[0]=mem[0]; jmem[1]=mem[1]; st=DONEC }
  :: !EPOK(1) -> goto died
  :: goto died
  fi;
  atomic { tell(COMMIT); m_commit[0]=mem[0]; m_commit[1]=mem[1]; goto fin }
abrt:
  if :: m_abort[0]=mem[0] :: skip fi;
  if :: m_abort[1]=mem[1] :: skip fi;
  if
  :: atomic { EPOK(1) && jdec==0 -> jdec=ABORT; tell(ABORT) }
  :: atomic { !(EPOK(1) && jdec==0) -> skip }
  fi;
died:
  st=LOST;
fin: skip
}

proctype L2()
{
  jepoch=2;
  if
  :: jdec==COMMIT -> atomic { m_commit[0]=jmem[0]; m_commit[1]=jmem[1] }
  :: atomic { jdec==0 && jdeleg!=0 -> m_c1[jdeleg-1]=1 }
     if
     :: atomic { r1ok[jdeleg-1] && jdec==0 -> jdec=COMMIT; jmem[jdeleg-1]=1; tell(COMMIT) }
     :: atomic { r1no[jdeleg-1] && jdec==0 -> jdec=ABORT; tell(ABORT) }
     :: jdec!=0 -> skip
     fi
  :: jdec==ABORT || (jdec==0 && jdeleg==0) -> skip
  fi
}

inline rollback_(b) { assert(!(jdec==COMMIT && jmem[b])); assert(!(told==COMMIT && rel[b])); s[b]=GONE }

inline commit_(b) { assert(told!=ABORT); s[b]=COMM }

proctype Svc(byte b)
{
end:
  do
  :: atomic { s[b]==IDLE -> s[b]=WORK }
  :: atomic { s[b]==WORK && !m_prep[b] -> s[b]=PREP }                /* early prepare */
  :: atomic { s[b]==WORK && !enl[b] -> enl[b]=1; pv[b]=0 }
  :: atomic { s[b]==PREP && !enl[b] -> enl[b]=1; pv[b]=1 }
  :: atomic { s[b]==WORK -> rollback_(b) }                            /* crash, or the service's own timeout */
  :: atomic { eref[b] && (s[b]==WORK || s[b]==PREP) -> rollback_(b) }
#ifdef UNILATERAL
  :: atomic { s[b]==PREP && enl[b] && pv[b] && !ok[b] && !eok[b] -> rollback_(b) }   /* service gave up waiting */
  :: atomic { s[b]==PREP && enl[b] && pv[b] && !ok[b] && eok[b] -> rollback_(b) }
#endif
#ifdef OKFIRST
  :: atomic { (s[b]==WORK || s[b]==PREP) && enl[b] && !ok[b] -> ok[b]=1 }
#else
  :: atomic { eok[b] && !ok[b] && (s[b]==WORK || s[b]==PREP) -> ok[b]=1 }
#endif
  :: atomic { m_prep[b] && s[b]==WORK -> s[b]=PREP }
  :: atomic { m_prep[b] && s[b]==PREP && !vy[b] -> vy[b]=1 }
  :: atomic { m_prep[b] && (s[b]==GONE || s[b]==IDLE) && !vn[b] -> s[b]=GONE; vn[b]=1 }
  :: atomic { m_c1[b] && (s[b]==WORK || s[b]==PREP) -> commit_(b); r1ok[b]=1 }
  :: atomic { m_c1[b] && (s[b]==GONE || s[b]==IDLE) && !r1no[b] -> s[b]=GONE; r1no[b]=1 }
  :: atomic { m_commit[b] && s[b]==PREP -> assert(jdec==COMMIT); commit_(b) }
  :: atomic { m_commit[b] && s[b]!=PREP && s[b]!=COMM -> assert(0) }
  :: atomic { m_abort[b] && (s[b]==WORK || s[b]==PREP || s[b]==IDLE) -> rollback_(b) }
  :: atomic { s[b]==PREP && SAYS_A(b) -> rollback_(b) }
  :: atomic { s[b]==PREP && SAYS_C(b) -> assert(jmem[b]); commit_(b) }
  od
}

proctype Client()
{
  if
  :: atomic { ccommit=1; rel[0]=ok[0]; rel[1]=ok[1] }
  :: skip
  fi;
  /* later: GET /transactions/{gtid} */
  if
  :: atomic { jdec==COMMIT -> tell(COMMIT) }
  :: atomic { jdec==ABORT -> tell(ABORT) }
#ifdef ONEPHASE0
  :: atomic { jdec==0 && jepoch>1 -> tell(ABORT) }
#else
  :: atomic { jdec==0 && jdeleg==0 && jepoch>1 -> tell(ABORT) }
#endif
  fi
}

proctype Monitor()
{
  timeout ->
  assert(s[0]!=PREP && s[1]!=PREP);
  assert(jdec!=COMMIT || ((!jmem[0] || s[0]==COMM) && (!jmem[1] || s[1]==COMM)));
  assert(told!=COMMIT || ((!rel[0] || s[0]==COMM) && (!rel[1] || s[1]==COMM)));
  assert(jdec==COMMIT || (s[0]!=COMM && s[1]!=COMM))
}

init { atomic { run L1(); run L2(); run Svc(0); run Svc(1); run Client(); run Monitor() } }
