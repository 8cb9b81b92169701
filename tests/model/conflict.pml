/* conflict.pml: transactions that want the same rows of two participants.
 *
 * What is modelled. Two transactions, the first is the older one, of two steps each: one row x and
 * one row y, the second transaction the other way round. Attempt 1 prepares in parallel, every later
 * one in order. A prepare that finds its row locked waits; the row goes to who waits for it when it
 * is given back. Messages take any time. A leader may die between any two of its steps, once; the next
 * one knows the journal only.
 *
 * What is not. Time: a brief wait may be over at any moment, a long one never is. So a circle of long
 * waits is a state from which nothing goes on: an invalid end state. Epochs and paused leaders:
 * two_phase.pml. Inquiries, which would end a circle much later.
 *
 * Asserts that a transaction commits with both steps prepared in that attempt, that nothing is
 * rolled back behind a commit, and that the older transaction comes to its end within ATTEMPTS
 * attempts: somebody always gets on. The younger one may give up after that many.
 *
 *   the journal       attempt of each transaction; committed: the attempt that has
 *   messages          prepare, abort, commit, yes, conflict, of each branch
 *   at participants   branch: NONE, WAITS, PREPARED or COMMITTED; held: in which attempt; tombstone
 *
 * Branch BR(t, s) is step s of transaction t. Row x is wanted by branches 0 and 3, y by 1 and 2.
 *
 * The rules: each with the file that keeps it and names it in brackets. -DNAME takes one away.
 *   [ANYORDER] coordinator/txn/order.c
 *       an attempt behind the first prepares in one order for all: by participant, then by step
 *   [LONGWAIT] coordinator/txn/order.c
 *       a parallel attempt waits for a lock only briefly, then that is a conflict
 *   [NOAGE] coordinator/txn/order.c participant-sdk/src/waits.c
 *       at one participant the younger gives way to the older that has been prepared for long: some
 *       time behind its vote, whenever that may be
 *   [OWNLOCK] coordinator/txn/conflict.c participant-sdk/src/waits.c
 *       what another step of the same attempt holds is not waited for: it ends the transaction
 *   [ANYAGE] participant-sdk/src/waits.c
 *       nobody gives way to a younger one, however long that has been prepared
 *   [NOEND] coordinator/txn/conflict.c
 *       a conflict ends its attempt: all members are told to abort it, beside the next one
 *   [NOENDLATER] coordinator/txn/recovered.c
 *       a new leader that drives it again tells them, too: who died may have told nobody
 *
 * Variants that keep every rule:
 *   TWICE      both rows at one participant: no order of participants helps, but age does. Without
 *              it nobody there can tell who holds a lock, and order alone has to do
 *   OWN        both steps of a transaction want one row, of its own: it cannot commit, and ends
 *   SERIAL     who waits for a row when its holder commits cannot be serialised: a conflict
 *   FAULTS=1   a prepare comes twice, or its participant crashes while it waits for its row
 *   FIRST      attempt 1 of the first transaction prepares in order, too */
#ifndef ATTEMPTS
#define ATTEMPTS 5
#endif
#ifndef DEATHS
#define DEATHS 1
#endif
#ifndef FAULTS
#define FAULTS 0
#endif

#define NONE 0
#define WAITS 1
#define PREPARED 2
#define COMMITTED 3

#define BR(t, s) ((t)*2+(s))
#ifdef OWN
#define OTHER(b) ((b)^1)
#else
#define OTHER(b) (3-(b)) /* who wants the same row */
#endif
#define BIT(a) (1<<(a))
#define OLDER(b) ((b)/2==0)
#ifdef FIRST
#define IN_ORDER(t, a) ((a)>1 || (t)==0)
#else
#define IN_ORDER(t, a) ((a)>1)
#endif
/* Which step prepares first: that at the lower participant (x stands at the first), or step 0. */
#if defined(TWICE) || defined(ANYORDER)
#define FIRST_STEP(t) 0
#else
#define FIRST_STEP(t) (t)
#endif
#ifdef ANYAGE
#define GIVES_WAY(b) 1
#else
#define GIVES_WAY(b) (!OLDER(b))
#endif
#define BY_AGE(b, a) (IN_ORDER((b)/2,a) && branch[OTHER(b)]==PREPARED && lasts[OTHER(b)] && GIVES_WAY(b))
#define ITSELF(b, a) (branch[OTHER(b)]==PREPARED && held[OTHER(b)]==a)

byte attempt[2]=1;
byte committed[2];
byte prepare[4];                     /* bit a: not arrived yet */
byte abort[4], commit[4];            /* an attempt; a higher one stands for the lower ones, too */
byte yes[4], conflict[4];            /* the last one */
byte branch[4], held[4], tombstone[4];
bit  lasts[4];                        /* prepared for so long that the younger gives way */
bit  own[2];                         /* a conflict of the transaction with itself */
byte deaths=DEATHS;
bit  faults=FAULTS;

/* --- participants --- */

#define UP_TO(a) ((BIT(a)<<1)-1)

inline say_yes(b) { branch[b]=PREPARED; lasts[b]=0; yes[b]=held[b] }
inline say_conflict(b) { branch[b]=NONE; conflict[b]=held[b] }

/* The row goes to who waits for it. */
inline roll_back(b) {
  if
  :: branch[b]==PREPARED ->
     assert(committed[b/2]!=held[b]); branch[b]=NONE;
     if :: branch[OTHER(b)]==WAITS -> say_yes(OTHER(b)) :: else fi
  :: branch[b]==WAITS -> branch[b]=NONE
  :: else
  fi
}

inline take(b) {
  roll_back(b); /* what a lower attempt left */
  held[b]=a;
  if
  :: branch[OTHER(b)]==PREPARED || branch[OTHER(b)]==WAITS -> branch[b]=WAITS
  :: else -> say_yes(b)
  fi
}

#ifdef LONGWAIT
#define BRIEFLY(b)
#else
#define BRIEFLY(b) :: atomic { branch[b]==WAITS && !IN_ORDER((b)/2,held[b]) -> say_conflict(b) }
#endif
#if defined(OWN) && !defined(OWNLOCK)
#define YIELDS(b) :: atomic { branch[b]==WAITS && ITSELF(b,held[b]) -> own[b/2]=1; say_conflict(b) }
#elif defined(TWICE) && !defined(NOAGE)
#define YIELDS(b) :: atomic { branch[b]==WAITS && BY_AGE(b,held[b]) -> say_conflict(b) }
#define LASTS(b) :: d_step { branch[b]==PREPARED && !lasts[b] -> lasts[b]=1 }
#else
#define YIELDS(b)
#endif

#ifndef LASTS
#define LASTS(b)
#endif

proctype Participant(byte b)
{
  byte a;
end:
  do
  :: d_step { prepare[b]!=0 ->
       a=1;
       do
       :: !(prepare[b]&BIT(a)) -> a++
       :: else -> break
       od;
       prepare[b]=prepare[b]&~BIT(a);
       if
       :: a>tombstone[b] && a>=held[b] && branch[b]!=COMMITTED && !(branch[b]!=NONE && a==held[b]) ->
          take(b)
       :: else
       fi; a=0 }
  :: d_step { faults && branch[b]==NONE && held[b]>tombstone[b] -> /* a duplicate comes late */
       faults=0; prepare[b]=prepare[b]|BIT(held[b]) }
  :: d_step { faults && branch[b]==WAITS -> /* a crash; the prepare is sent again */
       faults=0; branch[b]=NONE; prepare[b]=prepare[b]|BIT(held[b]) }
  BRIEFLY(b)
  YIELDS(b)
  LASTS(b)
  :: d_step { abort[b]>tombstone[b] ->
       if :: held[b]<=abort[b] -> roll_back(b) :: else fi;
       tombstone[b]=abort[b] }
  :: d_step { commit[b] && branch[b]!=COMMITTED ->
       assert(branch[b]==PREPARED && held[b]==commit[b]);
       branch[b]=COMMITTED;
       if
#ifdef SERIAL
       :: branch[OTHER(b)]==WAITS -> say_conflict(OTHER(b))
#else
       :: branch[OTHER(b)]==WAITS -> say_yes(OTHER(b))
#endif
       :: else
       fi }
  od
}

/* --- who drives a transaction --- */

inline send_prepare(s) { prepare[BR(t,s)]=prepare[BR(t,s)]|BIT(a) }
inline send_aborts(x) {
  if :: abort[BR(t,0)]<x -> abort[BR(t,0)]=x :: else fi;
  if :: abort[BR(t,1)]<x -> abort[BR(t,1)]=x :: else fi
}
#define SAID(what, s) (what[BR(t,s)]==a)
#define DIES :: atomic { deaths>0 -> deaths--; goto takeover }

proctype Leader(byte t)
{
  byte a;
  bit both; /* prepares are sent */
begin:
  atomic {
    a=attempt[t];
    if
    :: IN_ORDER(t,a) -> send_prepare(FIRST_STEP(t)); both=0
    :: else -> send_prepare(0); send_prepare(1); both=1
    fi
  }
votes:
  if
  :: d_step { !both && SAID(yes,FIRST_STEP(t)) -> send_prepare(1-FIRST_STEP(t)); both=1 } goto votes
  :: d_step { SAID(yes,0) && SAID(yes,1) ->
       assert(branch[BR(t,0)]==PREPARED && held[BR(t,0)]==a);
       assert(branch[BR(t,1)]==PREPARED && held[BR(t,1)]==a);
       committed[t]=a } goto done
  :: own[t] -> goto gives_up
  :: (SAID(conflict,0) || SAID(conflict,1)) && !(SAID(yes,0) && SAID(yes,1)) && !own[t] -> goto finish
  DIES
  fi;
finish: /* no commit of a is asked for any more: the aborts leave beside the write, before or behind */
  if
  :: skip
#ifndef NOEND
  :: d_step { send_aborts(a) }
#endif
  DIES
  fi;
  if
  :: a<ATTEMPTS -> attempt[t]=a+1 /* one write ends a and begins the next */
  :: a==ATTEMPTS -> assert(t!=0); goto gives_up
  DIES
  fi;
#ifndef NOEND
  if
  :: d_step { send_aborts(a) }
  DIES
  fi;
#endif
  goto begin;
takeover:
  if
  :: committed[t]!=0 -> goto done
  :: d_step { committed[t]==0 && attempt[t]<ATTEMPTS ->
       a=attempt[t]; attempt[t]=a+1;
#ifndef NOENDLATER
       send_aborts(a)
#endif
     } goto begin
  :: committed[t]==0 && attempt[t]==ATTEMPTS -> assert(t!=0); a=ATTEMPTS; goto gives_up
  fi;
done:
  atomic { commit[BR(t,0)]=committed[t]; commit[BR(t,1)]=committed[t] } goto stop;
gives_up:
  atomic { send_aborts(a) }
stop:
  skip
}

init {
  atomic {
    run Participant(0); run Participant(1); run Participant(2); run Participant(3);
    run Leader(0); run Leader(1)
  }
}
