/* interactive.pml: an interactive transaction: services enlist by themselves, early or late,
 * prepared or not; the client commits; one branch alone is committed in one phase; a takeover.
 *
 * What is modelled. Two services, which may work, prepare early, enlist, answer their caller, and
 * give up. The client, which may send commit when some have answered it, or never, and asks for the
 * outcome later. Leader 1 made the gtid and holds the member list in memory; it may die, or be
 * paused and go on as a zombie, at any point. Leader 2 knows only the journal. Messages are sets:
 * any delay, order and duplication.
 *
 * What is not. Attempts: an interactive transaction is not driven again. The begin row: what was
 * not decided nor delegated is presumed aborted. Time, slots and retries. What the guard does,
 * beyond that a branch that ended stays ended. A write is one step, and is not lost: two_phase.pml.
 *
 * Asserts invariants 2 (commit: all members are prepared, and the list was closed), 3 (members
 * commit together or not at all), 4 (the client is told one thing), 5 (at the end nothing is left
 * prepared), and of 12 that no heuristic can arise. And what a client relies on: where it is told
 * "committed", every service that had answered it has committed. Invariants 1 and 6 hold by
 * construction: each write looks whether a decision stands, and GONE is for ever.
 *
 *   the journal       epoch, decision, members (of the decision), delegated (branch + 1, 0: none)
 *   leader 1          state: OPEN, CLOSING, IS_COMMITTED, IS_ABORTED, LOST; listed, and vote (who
 *                     enlisted as prepared)
 *   messages          enlisted (enlisted_prepared: with its vote), acknowledged or turned_away;
 *                     prepare, voted_yes, voted_no; execute (one phase), executed, not_executed
 *                     (with a tombstone), refused (without); revoke; commit, abort
 *   at services       branch: IDLE, WORKING, PREPARED, COMMITTED or GONE; answered_caller
 *   at the client     wants_commit; relies_on: who had answered it by then; told
 *
 * The rules: each with the file that keeps it and names it in brackets. -DNAME takes one away.
 *   [OPENLIST] coordinator/txn/interactive.c coordinator/txn/decide.c
 *       the member list is closed before the first prepare; who comes later is turned away
 *   [OKFIRST] coordinator/txn/interactive.c participant-sdk/include/troth/client.h
 *       a service answers its caller only after its enlistment was acknowledged
 *   [NAMES] coordinator/txn/interactive.c
 *       commit names the branches that the client knows; given as a flag it adds the rule, and
 *       shows that it mends OKFIRST alone
 *   [UNILATERAL] coordinator/txn/interactive.c
 *       who enlisted as prepared has voted: from then on only the coordinator decides
 *   [ONEPHASE0] coordinator/txn/one_phase.c
 *       a row that delegates the decision to the branch is durable before execute leaves
 *   [ONEPHASE1] coordinator/txn/one_phase.c
 *       who enlisted as prepared is not delegated to; safe without, for it is a question of cost
 *   [REFUSALPROVES] coordinator/txn/proof.c coordinator/txn/one_phase.c
 *       given FORGETS, a service that refuses to do again what it has done, and leaves no tombstone:
 *       such a refusal of execute decides nothing, and it is revoked
 *   [EARLYSEND] coordinator/txn/decide.c
 *       no commit leaves before the decision is durable
 *   [ORIGINQ] coordinator/txn/inquire.c
 *       commit answers the members on its list; whoever is not there is told aborted; delegated is
 *       undecided, except for the others
 *   [NOEPOCH] sql/journal/statements/fence.sql coordinator/txn/step.c
 *       the journal takes no write of an old leader; whose write was turned down stops */
#define COMMIT 1
#define ABORT 2
/* branch */
#define IDLE 0
#define WORKING 1
#define PREPARED 2
#define COMMITTED 3
#define GONE 4
mtype = { OPEN, CLOSING, IS_COMMITTED, IS_ABORTED, LOST };

byte epoch=1, decision, delegated; bit members[2];
mtype state=OPEN;
bit listed[2], vote[2];
bit enlisted[2], enlisted_prepared[2], acknowledged[2], turned_away[2];
bit prepare[2], execute[2], commit[2], abort[2];
bit voted_yes[2], voted_no[2], executed[2], not_executed[2];
#ifdef FORGETS
bit refused[2], revoke[2];
#endif
byte branch[2];
bit answered_caller[2], relies_on[2], wants_commit;
byte told;

#ifdef NOEPOCH
#define LEADS(e) (1)
#else
#define LEADS(e) (epoch==e)
#endif
#ifdef NAMES
#define NAMED_ARE_LISTED ((!relies_on[0] || listed[0]) && (!relies_on[1] || listed[1]))
#else
#define NAMED_ARE_LISTED (1)
#endif

/* Of those on the list: */
#define VOTED(b) (!listed[b] || vote[b] || voted_yes[b])
#define assert_all_prepared() \
  assert((!listed[0] || branch[0]==PREPARED) && (!listed[1] || branch[1]==PREPARED))

/* Invariants 3 and 4. */
inline tell(x) {
  assert(told==0 || told==x);
  assert(x==ABORT || ((!relies_on[0]||branch[0]!=GONE) && (!relies_on[1]||branch[1]!=GONE)));
  assert(x==COMMIT || (branch[0]!=COMMITTED && branch[1]!=COMMITTED));
  told=x
}

/* What branch b is told when it asks. */
#ifdef ORIGINQ
#define ANSWERS_COMMITTED(b) (decision==COMMIT)
#define ANSWERS_ABORTED(b) \
  (decision==ABORT || (decision==0 && epoch>1) || (decision==0 && epoch==1 && state==IS_ABORTED))
#else
#define ANSWERS_COMMITTED(b) (decision==COMMIT && members[b])
#define ANSWERS_ABORTED(b) \
  (decision==ABORT || (decision==COMMIT && !members[b]) || \
   (decision==0 && delegated!=0 && delegated!=b+1) || \
   (decision==0 && delegated==0 && epoch>1) || \
   (decision==0 && delegated==0 && epoch==1 && \
    (state==IS_ABORTED || (state==CLOSING && !listed[b]))))
#endif

/* --- leader 1 --- */

#define ENLIST(b) \
  enlisted[b] && !acknowledged[b] -> listed[b]=1; vote[b]=enlisted_prepared[b]; acknowledged[b]=1

proctype Leader1()
{
  do
  :: atomic { state==OPEN && ENLIST(0) }
  :: atomic { state==OPEN && ENLIST(1) }
  :: atomic { state==OPEN && wants_commit && NAMED_ARE_LISTED -> state=CLOSING; break }
  :: state=IS_ABORTED; goto abort_phase /* cancel, timeout */
  :: goto died
  od;

  /* One branch alone: it decides. */
  if
#ifdef ONEPHASE0
  :: listed[0]+listed[1]==1 ->
#else
#ifdef ONEPHASE1
  :: listed[0]+listed[1]==1 ->
#else
  :: (listed[0] && !listed[1] && !vote[0]) || (listed[1] && !listed[0] && !vote[1]) ->
#endif
     if
     :: atomic { LEADS(1) && decision==0 && delegated==0 -> delegated = (listed[0] -> 1 : 2) }
     :: !LEADS(1) -> goto died
     :: goto died
     fi;
#endif
     atomic { if :: listed[0] -> execute[0]=1 :: else -> execute[1]=1 fi }
     do
#ifdef OPENLIST
     :: atomic { ENLIST(0) }
     :: atomic { ENLIST(1) }
#else
     :: atomic { enlisted[0] && !listed[0] -> turned_away[0]=1 }
     :: atomic { enlisted[1] && !listed[1] -> turned_away[1]=1 }
#endif
     :: atomic { executed[0] || executed[1] ->
          if
          :: LEADS(1) && decision==0 ->
             decision=COMMIT; members[0]=listed[0]; members[1]=listed[1]; state=IS_COMMITTED;
             tell(COMMIT); goto died
          :: else -> goto died
          fi }
     :: atomic { not_executed[0] || not_executed[1] -> state=IS_ABORTED; goto abort_phase }
#ifdef FORGETS
#ifdef REFUSALPROVES
     :: atomic { refused[0] || refused[1] -> state=IS_ABORTED; goto abort_phase }
#else
     :: atomic { refused[0] && !revoke[0] -> revoke[0]=1 }
     :: atomic { refused[1] && !revoke[1] -> revoke[1]=1 }
#endif
#endif
     :: goto died
     od
  :: else -> skip
  fi;

  /* Two phases. */
  atomic {
    if :: listed[0] && !vote[0] -> prepare[0]=1 :: else fi;
    if :: listed[1] && !vote[1] -> prepare[1]=1 :: else fi
  }
#ifdef EARLYSEND
  atomic { if :: listed[0] && (vote[0] || voted_yes[0]) && VOTED(1) -> commit[0]=1 :: else fi }
#endif
  do
#ifdef OPENLIST
  :: atomic { ENLIST(0) }
  :: atomic { ENLIST(1) }
#else
  :: atomic { enlisted[0] && !listed[0] && !turned_away[0] -> turned_away[0]=1 }
  :: atomic { enlisted[1] && !listed[1] && !turned_away[1] -> turned_away[1]=1 }
#endif
  :: VOTED(0) && VOTED(1) -> break
  :: atomic { voted_no[0] || voted_no[1] -> state=IS_ABORTED; goto abort_phase }
  :: atomic { state=IS_ABORTED; goto abort_phase } /* timeout */
  :: goto died
  od;
#ifdef EARLYSEND
  atomic { commit[0]=listed[0]; commit[1]=listed[1] }
#endif
#ifdef OPENLIST /* the write is on its way: still open */
  do
  :: atomic { ENLIST(0) }
  :: atomic { ENLIST(1) }
  :: break
  od;
#endif
  if
  :: atomic { LEADS(1) && decision==0 ->
       assert_all_prepared();
       decision=COMMIT; members[0]=listed[0]; members[1]=listed[1]; state=IS_COMMITTED }
  :: !LEADS(1) -> goto died
  :: goto died
  fi;
  atomic { tell(COMMIT); commit[0]=listed[0]; commit[1]=listed[1]; goto finish }
abort_phase: /* each abort may be lost */
  if :: abort[0]=listed[0] :: skip fi;
  if :: abort[1]=listed[1] :: skip fi;
  if
  :: atomic { LEADS(1) && decision==0 -> decision=ABORT; tell(ABORT) }
  :: atomic { !(LEADS(1) && decision==0) -> skip }
  fi;
died:
  state=LOST;
finish: skip
}

/* --- leader 2: a decision is carried out, a delegated branch is asked --- */

proctype Leader2()
{
  epoch=2;
  if
  :: decision==COMMIT -> atomic { commit[0]=members[0]; commit[1]=members[1] }
  :: atomic { decision==0 && delegated!=0 -> execute[delegated-1]=1 }
again:
     if
#ifdef FORGETS
#ifdef REFUSALPROVES
     :: atomic { refused[delegated-1] && decision==0 -> decision=ABORT; tell(ABORT) }
#else
     :: atomic { refused[delegated-1] && !revoke[delegated-1] -> revoke[delegated-1]=1; goto again }
#endif
#endif
     :: atomic { executed[delegated-1] && decision==0 ->
          decision=COMMIT; members[delegated-1]=1; tell(COMMIT) }
     :: atomic { not_executed[delegated-1] && decision==0 -> decision=ABORT; tell(ABORT) }
     :: decision!=0 -> skip
     fi
  :: decision==ABORT || (decision==0 && delegated==0) -> skip
  fi
}

/* --- services --- */

inline roll_back(b) {
  assert(!(decision==COMMIT && members[b]));
  assert(!(told==COMMIT && relies_on[b]));
  branch[b]=GONE
}

inline commit_branch(b) { assert(told!=ABORT); branch[b]=COMMITTED }

proctype Service(byte b)
{
end:
  do
  :: atomic { branch[b]==IDLE -> branch[b]=WORKING }
  :: atomic { branch[b]==WORKING && !prepare[b] -> branch[b]=PREPARED } /* early */
  :: atomic { branch[b]==WORKING && !enlisted[b] -> enlisted[b]=1; enlisted_prepared[b]=0 }
  :: atomic { branch[b]==PREPARED && !enlisted[b] -> enlisted[b]=1; enlisted_prepared[b]=1 }
  :: atomic { branch[b]==WORKING -> roll_back(b) } /* crash, or the service's own timeout */
  :: atomic { turned_away[b] && (branch[b]==WORKING || branch[b]==PREPARED) -> roll_back(b) }
#ifdef UNILATERAL /* it gives up waiting; its enlistment had arrived, or had not */
  :: atomic { branch[b]==PREPARED && enlisted[b] && enlisted_prepared[b] &&
              !answered_caller[b] && !acknowledged[b] -> roll_back(b) }
  :: atomic { branch[b]==PREPARED && enlisted[b] && enlisted_prepared[b] &&
              !answered_caller[b] && acknowledged[b] -> roll_back(b) }
#endif
#ifdef OKFIRST
  :: atomic { (branch[b]==WORKING || branch[b]==PREPARED) && enlisted[b] &&
              !answered_caller[b] -> answered_caller[b]=1 }
#else
  :: atomic { acknowledged[b] && !answered_caller[b] &&
              (branch[b]==WORKING || branch[b]==PREPARED) -> answered_caller[b]=1 }
#endif
  /* prepare */
  :: atomic { prepare[b] && branch[b]==WORKING -> branch[b]=PREPARED }
  :: atomic { prepare[b] && branch[b]==PREPARED && !voted_yes[b] -> voted_yes[b]=1 }
  :: atomic { prepare[b] && (branch[b]==GONE || branch[b]==IDLE) && !voted_no[b] ->
       branch[b]=GONE; voted_no[b]=1 }
  /* execute: commit in one phase */
  :: atomic { execute[b] && (branch[b]==WORKING || branch[b]==PREPARED) ->
       commit_branch(b); executed[b]=1 }
  :: atomic { execute[b] && (branch[b]==GONE || branch[b]==IDLE) && !not_executed[b] ->
       branch[b]=GONE; not_executed[b]=1 }
#ifdef FORGETS
  :: atomic { execute[b] && branch[b]==COMMITTED && !refused[b] -> refused[b]=1 }
  :: atomic { revoke[b] && branch[b]==COMMITTED && !executed[b] -> executed[b]=1 }
  :: atomic { revoke[b] && branch[b]!=COMMITTED && !not_executed[b] ->
       roll_back(b); not_executed[b]=1 }
#endif
  /* commit and abort; a commit that finds nothing would be a heuristic */
  :: atomic { commit[b] && branch[b]==PREPARED -> assert(decision==COMMIT); commit_branch(b) }
  :: atomic { commit[b] && branch[b]!=PREPARED && branch[b]!=COMMITTED -> assert(0) }
  :: atomic { abort[b] && (branch[b]==WORKING || branch[b]==PREPARED || branch[b]==IDLE) ->
       roll_back(b) }
  /* prepared, it asks */
  :: atomic { branch[b]==PREPARED && ANSWERS_ABORTED(b) -> roll_back(b) }
  :: atomic { branch[b]==PREPARED && ANSWERS_COMMITTED(b) -> assert(members[b]); commit_branch(b) }
  od
}

/* --- the client: commits or not, and asks for the outcome later --- */

proctype Client()
{
  if
  :: atomic { wants_commit=1; relies_on[0]=answered_caller[0]; relies_on[1]=answered_caller[1] }
  :: skip
  fi;
  if
  :: atomic { decision==COMMIT -> tell(COMMIT) }
  :: atomic { decision==ABORT -> tell(ABORT) }
#ifdef ONEPHASE0
  :: atomic { decision==0 && epoch>1 -> tell(ABORT) }
#else
  :: atomic { decision==0 && delegated==0 && epoch>1 -> tell(ABORT) }
#endif
  fi
}

/* --- when nothing moves any more --- */

proctype Monitor()
{
  timeout ->
  assert(branch[0]!=PREPARED && branch[1]!=PREPARED);
  assert(decision!=COMMIT || ((!members[0] || branch[0]==COMMITTED) &&
                              (!members[1] || branch[1]==COMMITTED)));
  assert(told!=COMMIT || ((!relies_on[0] || branch[0]==COMMITTED) &&
                          (!relies_on[1] || branch[1]==COMMITTED)));
  assert(decision==COMMIT || (branch[0]!=COMMITTED && branch[1]!=COMMITTED))
}

init { atomic {
  run Leader1(); run Leader2(); run Service(0); run Service(1); run Client(); run Monitor()
} }
