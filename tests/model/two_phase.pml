/* two_phase.pml: orchestrated 2PC with presumed abort.
 * Leader incarnations 1..E of one shard (incarnation e runs under epoch e; every one of them may die, or be
 * paused and go on later as a zombie), N participants with guard, prepared transaction and inquiry,
 * network = set of messages (any delay, order, duplication; loss when the sender dies).
 * The gtid carries epoch 1. Checks invariants 1 2 3 4 5 6 10 12 (12: no heuristic can arise).
 *
 * default      : the rules of the design
 * -DORIGINQ    : inquiry: no decision row and gtid's epoch older than the shard's => aborted
 * -DSAMEATT    : re-drive after takeover under the same attempt number
 * -DREADPROVES : journal rule 5: after an unknown COMMIT read the row; absent => not written
 * -DUNLOCKED   : epoch check by a plain sub-select (no row lock held to the commit)
 * -DINQ2STEP   : inquiry reads the row first and the epoch afterwards
 * -DSAMEEPOCH  : the same node restarts and goes on under its old epoch
 * -DDRAIN      : check invariant 5 as well (healed network, nothing left prepared); without it only safety, where a
 *                paused incarnation stands for a dead one and a late message for a lost one
 * -DATOMICDEC  : decision write and inquiry in one step each (for -DE=3)
 * -DACCEPTED   : only transactions accepted durably (for -DE=3)
 * -DRUNNING    : prepare takes time (a second step) and may be cut off by a crash
 * must-fail mutants: -DNOATT (votes of an earlier attempt count) -DNOTOMB -DNOEPOCH -DNOWRITEONCE -DEARLYSEND ; -DNOINQ (participant that never asks)
 */
#ifndef NO10
#define NO10 0
#endif
#ifndef E
#define E 2
#endif
#define N 2
#define A E
#define IX(e,b) ((e)*N+(b))
#define PX(a,b) ((a)*N+(b))
#define COMMIT 1
#define ABORT 2
#define NONE 0
#define RUN 1
#define PREP 2
#define COMM 3
#define YES 1
#define NO 2

byte jepoch = 1;
bit accepted;                 /* begin row forced before the first message (asynchronous acceptance) */
bit jbegin;                   /* a row exists */
byte jatt;                    /* attempt in the row */
byte jdec[A+1];
bit  nolater[A+1];            /* ghost: some branch of this attempt was rolled back after it prepared */

byte latt[E+1];
bit  dead[E+1];
byte pend[E+1];               /* decision write of incarnation e: 0 - 1 in flight 2 checked (holds the lock) 3 written 4 wrong epoch 5 row was there 6 rolled back */
bit  m_prep[(E+1)*N];
bit  m_abort[(E+1)*N];
bit  acka[(E+1)*N];
bit  m_commit[(A+1)*N];
byte v[(E+1)*N];              /* vote as sent to incarnation e */

byte ps[(A+1)*N];
byte tomb[N];                 /* highest attempt with a tombstone */
bit  ackab[(A+1)*N];          /* ghost: abort was acknowledged */
bit  inq[(A+1)*N];            /* an answer "aborted" is on its way */
byte told;                    /* what the client was told */
#ifdef DRAIN
bit  quiet;
#else
#define quiet 0
#endif
#ifdef RUNNING
#define START RUN
#else
#define START PREP
#endif

#ifdef NOEPOCH
#define EPOK(e) (1)
#else
#ifdef SAMEEPOCH
#define EPOK(e) (jepoch == 1)
#else
#define EPOK(e) (jepoch == e)
#endif
#endif
#ifdef UNLOCKED
#define LOCKFREE (1)
#else
#if E==2
#define LOCKFREE (pend[1]!=2)
#else
#define LOCKFREE (pend[1]!=2 && pend[2]!=2)
#endif
#endif
#ifdef NOWRITEONCE
#define FREE(a) (1)
#else
#define FREE(a) (jdec[a]==0)
#endif

/* inquiry: is the answer "aborted"? */
#ifdef ORIGINQ
#define SAYS_ABORT(a) (jdec[a]==ABORT || (jdec[a]==0 && jepoch>1))
#else
#ifdef SAMEEPOCH
#define SAYS_ABORT(a) (jdec[a]==ABORT || (jbegin && a<jatt) || (!jbegin && dead[1]))
#else
#define SAYS_ABORT(a) (jdec[a]==ABORT || (jbegin && a<jatt) || (!jbegin && jepoch>1))
#endif
#endif

#ifdef NOATT
#define VOTED(e,b) (v[IX(e,b)]==YES || v[IX(1,b)]==YES)
#else
#define VOTED(e,b) (v[IX(e,b)]==YES)
#endif

inline tell(x) { assert(told==0 || told==x); told = x }

inline rolledback(a,b) { assert(jdec[a]!=COMMIT); nolater[a]=1 }

#ifdef DRAIN
#define MAYDIE(e) :: e<E -> goto dying
#elif defined(SAMEEPOCH)
#define MAYDIE(e) :: e<E -> dead[e]=1 -> goto end_l
#else
#define MAYDIE(e)
#endif

inline die(e) {            /* a dead sender's messages may be lost */
  d_step { dead[e]=1; }
  if :: m_prep[IX(e,0)]=0 :: skip fi;
  if :: m_prep[IX(e,1)]=0 :: skip fi;
  if :: m_abort[IX(e,0)]=0 :: skip fi;
  if :: m_abort[IX(e,1)]=0 :: skip fi;
}

proctype Leader(byte e)
{
  byte a;
  if
  :: e==1 -> skip
  :: else ->
#ifdef SAMEEPOCH
     dead[1] -> skip;
#else
     atomic { jepoch==e-1 && LOCKFREE -> jepoch=e }
#endif
     atomic {
       if
       :: !jbegin -> goto end_l
       :: jbegin && jdec[jatt]==COMMIT -> latt[e]=jatt; goto p2c
       :: jbegin && jdec[jatt]==ABORT  -> latt[e]=jatt; goto p2a
       :: jbegin && jdec[jatt]==0 && !accepted -> latt[e]=jatt; goto p2a
       :: jbegin && jdec[jatt]==0 && accepted ->
#ifdef SAMEATT
          latt[e]=jatt
#else
          a=jatt
#endif
       fi
     }
#ifndef SAMEATT
     if                                   /* end the attempt and begin the next in one write */
     :: atomic { EPOK(e) && FREE(a) -> assert(e>=jepoch || NO10); jdec[a]=ABORT; jatt=a+1; latt[e]=a+1 }
     :: atomic { !(EPOK(e) && FREE(a)) -> goto stop }
     MAYDIE(e)
     fi
#endif
  fi;
  a = latt[e];
  d_step { m_prep[IX(e,0)]=1; m_prep[IX(e,1)]=1 }
vote:
  if
  :: atomic { e==1 && !jbegin && EPOK(e) -> jbegin=1; jatt=1 } goto vote     /* lazy begin row */
  :: VOTED(e,0) && VOTED(e,1) -> goto decide
  :: goto p2a                                                              /* a no, or the timeout */
  MAYDIE(e)
  fi;
decide:
#ifdef EARLYSEND
  atomic { m_commit[PX(a,0)]=1; m_commit[PX(a,1)]=1 }
#endif
#ifdef ATOMICDEC
  atomic { if :: !EPOK(e) -> goto stop
              :: EPOK(e) && FREE(a) -> assert(!nolater[a]); assert(ps[PX(a,0)]==PREP && ps[PX(a,1)]==PREP); jdec[a]=COMMIT; jbegin=1; jatt=a; goto p2c
              :: EPOK(e) && !FREE(a) -> if :: jdec[a]==COMMIT -> goto p2c :: else -> goto p2a fi fi }
#endif
  pend[e]=1;
wait:
  if
  :: pend[e]==3 -> goto p2c
  :: pend[e]==4 -> goto stop
  :: atomic { pend[e]==5 -> if :: jdec[a]==COMMIT -> goto p2c :: else -> goto p2a fi }
#ifdef READPROVES
  :: atomic { (pend[e]==1 || pend[e]==2 || pend[e]==6) && jepoch==e ->         /* connection lost: read the row */
       if :: jdec[a]==COMMIT -> goto p2c :: else -> goto p2a fi }
#else
  :: atomic { pend[e]==6 -> pend[e]=1 } goto wait               /* unknown: write the same again */
#endif
  :: atomic { EPOK(e) && FREE(a) && pend[e]!=2 -> assert(e>=jepoch || NO10); assert(jdec[a]==0); jdec[a]=ABORT; jbegin=1; jatt=a } goto p2a   /* timeout while unknown: abort durable first */
  MAYDIE(e)
  fi;
p2c:
  atomic { a=latt[e]; tell(COMMIT); m_commit[PX(a,0)]=1; m_commit[PX(a,1)]=1; goto end_l }
p2a:
  atomic { a=latt[e]; m_abort[IX(e,0)]=1; m_abort[IX(e,1)]=1 }
  if
  :: atomic { EPOK(e) ->
       if
       :: FREE(a) -> assert(e>=jepoch || NO10); assert(jdec[a]!=COMMIT); jdec[a]=ABORT; jbegin=1; jatt=a; tell(ABORT)
       :: else -> if :: jdec[a]==ABORT -> tell(ABORT) :: else -> goto p2c fi
       fi; goto end_l }
  :: atomic { !EPOK(e) -> goto stop }
  MAYDIE(e)
  fi;
#ifdef DRAIN
dying: die(e);
#endif
stop:
end_l: skip
}

proctype Journal()            /* the decision write as the database sees it */
{
  byte a;
end:
  do
#define DBW(e) \
  :: atomic { pend[e]==1 -> if :: EPOK(e) -> pend[e]=2 :: else -> pend[e]=4 fi } \
  :: atomic { pend[e]==2 -> a=latt[e]; \
       if :: FREE(a) -> assert(e>=jepoch || NO10); assert(jdec[a]==0); assert(!nolater[a]); \
                assert(ps[PX(a,0)]==PREP && ps[PX(a,1)]==PREP); \
                jdec[a]=COMMIT; jbegin=1; jatt=a; pend[e]=3 \
          :: else -> pend[e]=5 fi; a=0 } \
  :: atomic { (pend[e]==1 || pend[e]==2) && !quiet -> pend[e]=6 }
  DBW(1)
  DBW(2)
#if E>2
  DBW(3)
#endif
  od
}

#define REFUSED(a,b) (tomb[b]>=a)
#if A==2
#define HIGHER(a,b) (a==1 && (ps[PX(2,b)]==RUN||ps[PX(2,b)]==PREP||ps[PX(2,b)]==COMM))
#else
#define ACT(a,b) (ps[PX(a,b)]==RUN||ps[PX(a,b)]==PREP||ps[PX(a,b)]==COMM)
#define HIGHER(a,b) ((a==1 && (ACT(2,b)||ACT(3,b))) || (a==2 && ACT(3,b)))
#endif

inline lower(a,b) {           /* a higher attempt rolls a lower one back */
  x=1;
  do
  :: x<a -> if :: ps[PX(x,b)]==PREP -> rolledback(x,b); ps[PX(x,b)]=NONE :: ps[PX(x,b)]==RUN -> ps[PX(x,b)]=NONE :: else fi; x++
  :: else -> break
  od; x=0
}

proctype P(byte b)
{
  byte x;
end:
  do
#ifdef RUNNING
#define VOTENO(e) :: atomic { m_prep[IX(e,b)] && v[IX(e,b)]==0 && ps[PX(latt[e],b)]==RUN -> ps[PX(latt[e],b)]=NONE; v[IX(e,b)]=NO }
#else
#define VOTENO(e)
#endif
#define RECV(e) \
  :: atomic { m_prep[IX(e,b)] && (v[IX(e,b)]==0 || !quiet) && ps[PX(latt[e],b)]==NONE && !REFUSED(latt[e],b) && !HIGHER(latt[e],b) -> \
       lower(latt[e],b); assert(!ackab[PX(latt[e],b)]); ps[PX(latt[e],b)]=START } \
  :: atomic { m_prep[IX(e,b)] && v[IX(e,b)]==0 && REFUSED(latt[e],b) -> v[IX(e,b)]=NO } \
  :: atomic { m_prep[IX(e,b)] && v[IX(e,b)]==0 && ps[PX(latt[e],b)]==PREP -> v[IX(e,b)]=YES } \
  VOTENO(e) \
  :: atomic { m_abort[IX(e,b)] && (!acka[IX(e,b)] || (!quiet && (ps[PX(latt[e],b)]==RUN || ps[PX(latt[e],b)]==PREP))) -> \
       x=latt[e]; if :: ps[PX(x,b)]==PREP -> rolledback(x,b); ps[PX(x,b)]=NONE; TOMBSTONE2(x,b) \
                     :: ps[PX(x,b)]==RUN -> ps[PX(x,b)]=NONE; TOMBSTONE(x,b) \
                     :: ps[PX(x,b)]==COMM -> assert(0) \
                     :: else -> TOMBSTONE(x,b) fi; acka[IX(e,b)]=1; ackab[PX(x,b)]=1; x=0 }
#define TOMBSTONE2(x,b) if :: tomb[b]<x -> tomb[b]=x :: else fi
#ifdef NOTOMB
#define TOMBSTONE(x,b) skip
#else
#define TOMBSTONE(x,b) if :: tomb[b]<x -> tomb[b]=x :: else fi
#endif
#ifdef RUNNING      /* crash, or the work fails and the reply is lost */
#define STEPRUN(a) :: ps[PX(a,b)]==RUN -> ps[PX(a,b)]=PREP  :: atomic { ps[PX(a,b)]==RUN && !quiet -> ps[PX(a,b)]=NONE }
#else
#define STEPRUN(a)
#endif
#define LOCAL(a) \
  STEPRUN(a) \
  :: atomic { m_commit[PX(a,b)] && ps[PX(a,b)]==PREP -> assert(jdec[a]==COMMIT); ps[PX(a,b)]=COMM } \
  :: atomic { m_commit[PX(a,b)] && ps[PX(a,b)]!=PREP && ps[PX(a,b)]!=COMM -> assert(0) }  /* 42704, no witness: heuristic */
  RECV(1)
  RECV(2)
  LOCAL(1)
  LOCAL(2)
#if E>2
  RECV(3)
  LOCAL(3)
#endif
#ifndef NOINQ
#ifdef INQ2STEP
#define ASK(a) \
  :: ps[PX(a,b)]==PREP && !inq[PX(a,b)] && jdec[a]==0 && !jbegin -> if :: jepoch>1 -> inq[PX(a,b)]=1 :: jdec[a]!=0 -> skip fi
#else
#define ASK(a) \
  :: atomic { ps[PX(a,b)]==PREP && !inq[PX(a,b)] && SAYS_ABORT(a) -> inq[PX(a,b)]=1 }
#endif
#ifdef ATOMICDEC
#undef ASK
#define ASK(a)
#define APPLY(a) \
  :: atomic { ps[PX(a,b)]==PREP && SAYS_ABORT(a) -> rolledback(a,b); ps[PX(a,b)]=NONE; TOMBSTONE(a,b) }
#else
#define APPLY(a) \
  :: atomic { inq[PX(a,b)] && ps[PX(a,b)]==PREP -> rolledback(a,b); ps[PX(a,b)]=NONE; TOMBSTONE(a,b); inq[PX(a,b)]=0 }
#endif
  ASK(1) ASK(2) APPLY(1) APPLY(2)
#if E>2
  ASK(3) APPLY(3)
#endif
#endif
  od
}

proctype Client()             /* GET /transactions/{gtid}: same rule as the inquiry */
{
  if
  :: atomic { jdec[1]==COMMIT || jdec[2]==COMMIT -> tell(COMMIT) }
  :: atomic { ((jbegin && jdec[jatt]==ABORT) || (!jbegin && jepoch>1)) -> tell(ABORT) }
#ifdef ORIGINQ
  :: atomic { jbegin && jdec[jatt]==0 && jepoch>1 -> tell(ABORT) }
#endif
  fi
}

#ifdef DRAIN

proctype Monitor()
{
  byte a;
  jepoch==E ->
  quiet=1;
  timeout ->
  a=1;
  do
  :: a<=A -> assert(ps[PX(a,0)]!=PREP && ps[PX(a,1)]!=PREP && ps[PX(a,0)]!=RUN && ps[PX(a,1)]!=RUN);
     assert(jdec[a]!=COMMIT || (ps[PX(a,0)]==COMM && ps[PX(a,1)]==COMM)); a++
  :: else -> break
  od;
  assert(!accepted || jdec[jatt]!=0)     /* what was accepted has come to an end */
}

#endif

init {
  atomic {
    latt[1]=1;
#ifdef ACCEPTED
    accepted=1; jbegin=1; jatt=1;
#else
    if :: accepted=1; jbegin=1; jatt=1 :: skip fi;
#endif
    run Leader(1); run Leader(2);
#if E>2
    run Leader(3);
#endif
    run Journal(); run P(0); run P(1);
#ifndef ACCEPTED
    run Client();
#endif
#ifdef DRAIN
    run Monitor()
#endif

  }
}
